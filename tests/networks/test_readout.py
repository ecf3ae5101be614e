"""The last layer in closed form: the minimum that it claims, and what it says of left-out ones."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.energies.energy_terms import EnergyTerms
from surrogate_hpo.networks.energies.readout import Readout
from surrogate_hpo.networks.energies.readout import fit_readout as fit_last_layer
from surrogate_hpo.networks.energies.readout_problem import Fit
from surrogate_hpo.networks.energies.readout_steps import trusted
from surrogate_hpo.networks.energies.readout_sums import snapshot_sums
from surrogate_hpo.networks.energies.snapshot_energy import EnergyTerm, StreamedTerm

GRID, COMPONENTS, ENERGIES, HIDDEN = (4, 4, 3), 5, 6, 4
NO_WEIGHT = 1e-15
POINTS = GRID[0] * GRID[1] * GRID[2]


def snapshot(seed: int, *, repulsion: float = 0.0, directions: int = 3) -> EnergyTerm:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return EnergyTerm(
        inputs=normal(POINTS, COMPONENTS),
        targets=normal(POINTS, ENERGIES),
        band=0.02 * normal(ENERGIES),
        density=0.02 * normal(ENERGIES),
        field=normal(POINTS),
        repulsion=repulsion * torch.rand(4, 4, 2, generator=generator),
        grid=GRID,
        target=float(normal(1)),
        atoms=seed + 2,
        tangents=normal(directions, POINTS, COMPONENTS),
        slopes=normal(directions),
        volumes=torch.zeros(directions),
    )


@pytest.fixture
def network() -> torch.nn.Sequential:
    architecture = Architecture((7, HIDDEN), "tanh")
    return build_network(architecture, inputs=COMPONENTS, outputs=ENERGIES, seed=1)


def fit_readout(network, terms: EnergyTerms, **options) -> Readout:
    weights = {"energy_weight": terms.energy_weight, "force_weight": terms.force_weight}
    # Random snapshots teach nothing of each other.
    others = {"band_weight": NO_WEIGHT, "states_weight": 0.0}
    options = {"always": True} | others | weights | options
    streamed = (StreamedTerm(term, iter(term.tangents)) for term in terms.terms)
    return fit_last_layer(network, streamed, len(terms.terms), **options)


def several(count: int = 4, **changes) -> EnergyTerms:
    return EnergyTerms([snapshot(seed, **changes) for seed in range(count)], 0.1, 1e-2)


def objective(network, fitted, terms: EnergyTerms, strength: float, ridge: float) -> torch.Tensor:
    """What is minimised, written down from the definitions of `EnergyTerm`."""
    body = network[:-1]
    hidden = [torch.cat([body(t.inputs), torch.ones(POINTS, 1)], 1).double() for t in terms.terms]
    gram = sum(h.T @ h for h in hidden) / (POINTS * len(hidden))
    gram = gram + ridge * gram.diagonal().mean() * torch.eye(HIDDEN + 1)

    def weights(layer):
        return torch.cat([layer.weight.T, layer.bias[None]]).double()

    change = weights(fitted[-1]) - weights(network[-1])
    cost = torch.trace(change.T @ gram @ change) / ENERGIES
    energies = torch.stack([t.energy_error(fitted(t.inputs)) for t in terms.terms])
    slopes = []
    for term in terms.terms:
        for number in range(len(term.slopes)):
            _, slope, wanted = term.slope(fitted, torch.eye(len(term.slopes))[number])
            slopes.append(slope - wanted)
    errors = terms.energy_weight * energies.square().mean()
    if slopes:
        errors = errors + terms.force_weight * torch.stack(slopes).square().mean()
    return cost + strength * errors


@pytest.mark.parametrize("directions", [0, 3])
def test_it_is_the_minimum(network, directions):
    terms = several(directions=directions)
    fitted = fit_readout(network, terms, strengths=[2.0], ridges=[1e-2]).network
    value = objective(network, fitted, terms, 2.0, 1e-2)
    assert value < 0.99 * objective(network, network, terms, 2.0, 1e-2)
    gradients = torch.autograd.grad(value, list(fitted[-1].parameters()))
    assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-5


@pytest.mark.parametrize("directions", [0, 3])
def test_it_is_the_minimum_with_what_the_density_costs(network, directions):
    terms = several(repulsion=0.01, directions=directions)
    # The metric takes the direction of the density to be the same in all snapshots, as it nearly is.
    density = terms.terms[0].density
    terms = replace(terms, terms=[replace(term, density=density) for term in terms.terms])
    options = {"strengths": [2.0], "ridges": [1e-2]}
    weight = 500.0
    fitted = fit_readout(network, terms, density_weight=weight, **options).network

    def value(one) -> torch.Tensor:
        hartree = torch.stack([t.hartree_error(one(t.inputs)) for t in terms.terms])
        return objective(network, one, terms, 2.0, 1e-2) + weight * hartree.mean()

    without = fit_readout(network, terms, **options).network
    assert value(fitted) < 0.99 * value(without)
    gradients = torch.autograd.grad(value(fitted), list(fitted[-1].parameters()))
    assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-5


def test_it_is_the_minimum_with_the_part_of_the_density_of_states(network):
    terms = several()
    options = {"strengths": [2.0], "ridges": [1e-2]}
    fitted = fit_readout(network, terms, band_weight=0.3, **options).network
    without = fit_readout(network, terms, **options).network

    def bands(one) -> torch.Tensor:
        """Errors of the energies if only the density of states mattered, eV/atom."""
        found = [(one(t.inputs) - t.targets).sum(0) @ t.band / t.atoms for t in terms.terms]
        return torch.stack(found).square().mean()

    value = objective(network, fitted, terms, 2.0, 1e-2) + 2.0 * 0.3 * bands(fitted)
    gradients = torch.autograd.grad(value, list(fitted[-1].parameters()))
    assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-5
    assert bands(fitted) < 0.9 * bands(without)


@pytest.mark.parametrize("density_weight", [0.0, 500.0])
def test_it_is_the_minimum_with_what_the_density_of_states_costs(network, density_weight):
    terms = several(repulsion=0.01)
    density = terms.terms[0].density
    terms = replace(terms, terms=[replace(term, density=density) for term in terms.terms])
    options = {"strengths": [2.0], "ridges": [1e-2], "density_weight": density_weight}
    fitted = fit_readout(network, terms, states_weight=3.0, **options).network
    without = fit_readout(network, terms, **options).network

    def states(one) -> torch.Tensor:
        """Mean squared errors of the density of states."""
        found = [(one(t.inputs) - t.targets).mean(0).square().mean() for t in terms.terms]
        return torch.stack(found).mean()

    hartree = torch.stack([t.hartree_error(fitted(t.inputs)) for t in terms.terms]).mean()
    value = objective(network, fitted, terms, 2.0, 1e-2) + 3.0 * states(fitted)
    value = value + density_weight * hartree
    gradients = torch.autograd.grad(value, list(fitted[-1].parameters()))
    assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-5
    assert states(fitted) < 0.9 * states(without)


def test_other_layers_and_the_given_network_stay(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fitted = fit_readout(network, several()).network
    assert all(torch.equal(network.state_dict()[name], before[name]) for name in before)
    for name, tensor in before.items():
        assert torch.equal(fitted.state_dict()[name], tensor) == (not name.startswith("4"))


def test_left_out_errors_are_those_of_fits_without_the_snapshot(network):
    terms = several()
    whole = fit_readout(network, terms, strengths=[2.0], ridges=[1e-2])
    # Left out: it counts nothing, but its points stay in the metric of the LDOS.
    for number, term in enumerate(terms.terms):
        light = replace(term, band=term.band * 0, density=term.density * 0, target=0.0)
        light = replace(light, tangents=term.tangents * 0, slopes=term.slopes * 0)
        others = [light if i == number else other for i, other in enumerate(terms.terms)]
        fitted = fit_readout(
            network, replace(terms, terms=others), strengths=[2.0], ridges=[1e-2]
        ).network
        with torch.no_grad():
            error = -float(term.energy_error(fitted(term.inputs)))
        assert float(whole.left_out_energies[number]) == pytest.approx(error, abs=1e-5)
        _, slope, wanted = term.slope(fitted, torch.tensor([0.0, 1.0, 0.0]))
        left_out = float(whole.left_out_forces[3 * number + 1])
        assert left_out == pytest.approx(float((wanted - slope).detach()), abs=1e-5)


def test_nothing_changes_where_nothing_is_wrong(network):
    right = []
    for term in several(repulsion=0.1).terms:
        prediction = network(term.inputs).detach()
        slopes = [term.slope(network, row)[1].detach() for row in torch.eye(3)]
        target = float(term.projection(prediction))
        right.append(replace(term, targets=prediction, target=target, slopes=torch.stack(slopes)))
    found = fit_readout(network, EnergyTerms(right, 0.1, 1e-2))
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(found.network.state_dict()[name], tensor, atol=1e-5, rtol=0)
    assert found.energy_rmse < 1e-5


def test_the_hartree_energy_of_the_error_is_part_of_it(network):
    # Errors of the density of this size repel each other by an eV.
    terms = several(repulsion=0.01, directions=0)
    with torch.no_grad():
        before = [float(t.energy_error(network(t.inputs))) for t in terms.terms]
        fitted = fit_readout(network, terms, strengths=[1e6], ridges=[1e-2]).network
        after = [float(t.energy_error(fitted(t.inputs))) for t in terms.terms]
    assert max(map(abs, after)) < 0.02 * max(map(abs, before))


def test_strength_and_ridge_are_those_of_the_smallest_left_out_errors(network):
    terms = several(6)
    each = {
        (strength, ridge): fit_readout(network, terms, strengths=[strength], ridges=[ridge])
        for strength in (1.0, 100.0)
        for ridge in (1e-3, 1e-1)
    }
    best = fit_readout(network, terms, strengths=[1.0, 100.0], ridges=[1e-3, 1e-1])

    def error(found):
        energies, forces = found.left_out_energies, found.left_out_forces
        return float(0.1 * energies.square().mean() + 1e-2 * forces.square().mean())

    smallest = min(each.values(), key=error)
    assert error(best) == error(smallest)
    assert (best.strength, best.ridge) == (smallest.strength, smallest.ridge)


def test_the_network_stays_where_it_is_better_than_left_out_fits(network):
    terms = several(3)
    plain = [
        replace(term, target=float(term.projection(network(term.inputs)).detach()))
        for term in terms.terms
    ]
    terms = replace(terms, terms=plain)
    kept = fit_readout(network, terms, strengths=[1e-9], ridges=[1e-3], always=False)
    assert kept.strength == 0.0
    for name, tensor in network.state_dict().items():
        assert torch.equal(kept.network.state_dict()[name], tensor)
    with torch.no_grad():
        errors = [-float(t.energy_error(network(t.inputs))) for t in terms.terms]
    assert kept.left_out_energies.tolist() == pytest.approx(errors, abs=1e-5)


# What exchange and correlation may be: an energy that is not linear in the density.
CURVATURE = 30.0


class Curved:
    """Snapshots whose free energy has one more term, CURVATURE times the mean squared density."""

    def __init__(self, network, terms: EnergyTerms, curvature: float = CURVATURE) -> None:
        self.network, self.terms, self.calls = network, terms, 0
        self.curvature = curvature

    def energy(self, term: EnergyTerm, ldos: torch.Tensor) -> torch.Tensor:
        """eV, in double precision."""
        electrons = ldos.double() @ term.density.double()
        linear = ldos.double().sum(0) @ term.band.double() + term.field.double() @ electrons
        return linear + self.beyond(term, electrons)

    def beyond(self, term: EnergyTerm, electrons: torch.Tensor) -> torch.Tensor:
        """What is not linear in the density."""
        waves = torch.fft.rfftn(electrons.reshape(term.grid))
        hartree = (term.repulsion.double() * (waves.real.square() + waves.imag.square())).sum()
        return self.curvature * electrons.square().mean() - hartree

    def slopes(self, term: EnergyTerm, network) -> torch.Tensor:
        """Of the energy along each direction, by autograd."""
        copied = copy.deepcopy(network).double()
        found = []
        for tangent in term.tangents.double():
            ldos, change = torch.func.jvp(copied, (term.inputs.double(),), (tangent,))
            _, slope = torch.func.jvp(lambda d: self.energy(term, d), (ldos,), (change,))
            found.append(slope)
        return torch.stack(found).detach() if found else torch.empty(0)

    def errors(self, network) -> tuple[torch.Tensor, torch.Tensor]:
        """Of energies per atom, and of slopes."""
        energies, slopes = [], []
        with torch.no_grad():
            for t in self.terms.terms:
                energies.append((self.energy(t, network(t.inputs)) - t.target) / t.atoms)
                slopes.append(self.slopes(t, network) - t.slopes)
        return torch.stack(energies), torch.cat(slopes)

    def near(self, ldos: torch.Tensor, term: EnergyTerm) -> EnergyTerm:
        """The term near an LDOS: its energy's derivative, which is of the form b + v n."""
        ldos = ldos.detach().double().requires_grad_(True)
        energy = self.energy(term, ldos)
        electrons = (ldos @ term.density.double()).detach().requires_grad_(True)
        beyond = torch.autograd.grad(self.beyond(term, electrons), electrons)[0]
        field = term.field.double() + beyond
        density, band = term.density.double(), term.band.double()
        linear = ldos.detach().sum(0) @ band + field @ (ldos.detach() @ density)
        return replace(
            term,
            targets=ldos.detach().float(),
            field=field.float(),
            target=float(linear - energy.detach() + term.target),
            floor=float(energy.detach() - term.target) / term.atoms,
        )

    def predicted(self, network):
        self.calls += 1
        for term in self.terms.terms:
            with torch.no_grad():
                ldos = network(term.inputs)
                energy = self.energy(term, ldos)
            lacks = torch.cat(
                [(term.target - energy)[None], term.slopes - self.slopes(term, network)]
            )
            yield StreamedTerm(self.near(ldos, term), iter(term.tangents), lacks)

    def fit(self, **options) -> Readout:
        """From the terms near the reference."""
        near = [self.near(t.targets, t) for t in self.terms.terms]
        return fit_readout(self.network, replace(self.terms, terms=near), **options)


def test_steps_find_energies_and_forces_that_are_not_of_the_form(network):
    case = Curved(network, several(repulsion=0.02))
    options = {"strengths": [1e5], "ridges": [1e-2]}
    blind = case.fit(**options)
    found = case.fit(**options, predicted=case.predicted)
    (energies, slopes), (better, finer) = map(case.errors, (blind.network, found.network))
    assert float(energies.abs().max()) > 0.02
    assert float(better.square().mean()) < 0.02 * float(energies.square().mean())
    assert float(finer.square().mean()) < 0.5 * float(slopes.square().mean())
    assert found.integrated == pytest.approx(float(better.square().mean().sqrt()), rel=1e-3)
    assert blind.integrated != blind.integrated  # nobody has looked


def test_the_steps_end_in_a_minimum_of_the_objective(network):
    """No small change of the last layer makes costs and exact errors together smaller."""
    case = Curved(network, several(repulsion=0.02))
    found = case.fit(strengths=[10.0], ridges=[1e-2], predicted=case.predicted, always=True)

    def cost(layer) -> float:
        changed = copy.deepcopy(found.network)
        with torch.no_grad():
            changed[-1].weight.copy_(layer)
        energies, slopes = case.errors(changed)
        plain = replace(case.terms, energy_weight=0.0, force_weight=0.0)
        of_metric = objective(network, changed, plain, 1.0, 1e-2)
        errors = 0.1 * energies.square().mean() + 1e-2 * slopes.square().mean()
        return float(of_metric.detach() + 10.0 * errors)

    layer = found.network[-1].weight.detach().clone()
    generator = torch.Generator().manual_seed(0)
    scale = float((layer - network[-1].weight.detach()).abs().mean())
    here = cost(layer)
    for _ in range(20):
        step = torch.randn(layer.shape, generator=generator)
        there = [cost(layer + sign * 0.02 * scale * step) for sign in (1, -1)]
        assert np.mean(there) > here
        # The slope is small beside that of the trained layer.
        assert abs(there[0] - there[1]) < 0.1 * abs(cost(network[-1].weight.detach()) - here)


def test_rows_near_a_prediction_are_derivatives_of_its_slopes(network):
    """By the weights: with the potential of a change of the density on all that moves."""
    case = Curved(network, several(count=1, repulsion=20.0), curvature=0.0)
    last = network[-1]
    weights = torch.cat([last.weight.detach().T, last.bias.detach()[None]]).double()
    (streamed,) = case.predicted(network)
    sums = snapshot_sums(network[:-1], streamed, 3, weights=weights)
    change = torch.randn(weights.shape, generator=torch.Generator().manual_seed(3)).double()
    both = torch.stack([sums.band, sums.density])
    found = torch.einsum("rau,ue,ae->r", sums.rows, change, both)

    def slopes(factor: float) -> torch.Tensor:
        changed = copy.deepcopy(network)
        with torch.no_grad():
            changed[-1].weight.copy_((weights + factor * change)[:-1].T)
            changed[-1].bias.copy_((weights + factor * change)[-1])
        return case.slopes(case.terms.terms[0], changed)

    # They are quadratic in the weights, so that a central difference is exact.
    expected = (slopes(1.0) - slopes(-1.0)) / 2
    torch.testing.assert_close(found[1:], expected, rtol=1e-4, atol=1e-5)
    plain = snapshot_sums(
        network[:-1], StreamedTerm(streamed.term, iter(case.terms.terms[0].tangents)), 3
    )
    linear = torch.einsum("rau,ue,ae->r", plain.rows, change, both)
    assert float((linear[1:] - expected).abs().max()) > 0.05 * float(expected.abs().max())


def test_steps_end_where_the_form_is_right(network):
    case = Curved(network, several())
    found = case.fit(predicted=case.predicted)
    assert 2 <= case.calls <= 5
    assert found.strength > 0


def test_a_strength_that_does_not_keep_its_promise_is_not_taken():
    """Left-out errors of the form are small, those of the predictions are not."""

    def fit(strength: float, error: float) -> Fit:
        left_out = torch.tensor([error], dtype=torch.float64)
        return Fit(torch.zeros(1, 1), strength, 1e-3, left_out, torch.empty(0))

    candidates = [fit(1e5, 0.1), fit(1e5, 0.11), fit(1e4, 0.2), fit(1e6, 0.25), fit(1e3, 0.3)]
    tried, errors = [], {1e5: 0.5, 1e4: 0.15, 1e6: 0.0, 1e3: 0.05}

    def steps_from(one: Fit) -> tuple[Fit, float, float]:
        tried.append(one.strength)
        return one, errors[one.strength], 0.01 * one.strength

    def promised(one: Fit) -> float:
        return float(one.left_out_energies[0])

    taken, integrated = trusted(candidates, steps_from, promised)
    assert (taken.strength, integrated) == (1e4, 100.0)
    assert tried == [1e5, 1e4]
    # Where none keeps it, the one that errs least.
    errors.update({1e4: 0.45, 1e3: 0.6})
    taken, _ = trusted(candidates, steps_from, promised)
    assert taken.strength == 1e4


def test_a_prediction_without_energies_ends_the_steps(network):
    def nothing(_):
        raise PhysicsError("no Fermi energy", where="here")

    terms = several()
    found = fit_readout(network, terms, predicted=nothing)
    assert torch.equal(found.network[-1].weight, fit_readout(network, terms).network[-1].weight)
    kept = fit_readout(network, terms, predicted=nothing, always=False)
    assert kept.strength > 0  # the network as it is has no energies


def test_a_pressure_that_all_snapshots_share_changes_nothing(network):
    volumes = [torch.tensor([0.0, 30.0 + 9.0 * number, 0.0]) for number in range(4)]
    terms = [replace(one, volumes=v) for one, v in zip(several().terms, volumes, strict=True)]
    shifted = [replace(one, slopes=one.slopes + 0.02 * one.volumes) for one in terms]
    fits = [fit_readout(network, replace(several(), terms=one)) for one in (terms, shifted)]
    layers = [found.network[-1].weight.detach() for found in fits]
    scale = float((layers[0] - network[-1].weight.detach()).abs().max())
    torch.testing.assert_close(layers[1], layers[0], rtol=0, atol=1e-3 * scale)
    # One that they do not share is learnt.
    other = [*shifted[:-1], terms[-1]]
    layer = fit_readout(network, replace(several(), terms=other)).network[-1].weight.detach()
    assert float((layer - layers[0]).abs().max()) > 0.05 * scale


def test_the_shared_pressure_is_the_one_that_fits_best(network):
    """The same minimum as with the pressure as one more weight."""
    volumes = [torch.tensor([0.0, 30.0 + 9.0 * number, 0.0]) for number in range(4)]
    terms = [replace(one, volumes=v) for one, v in zip(several().terms, volumes, strict=True)]
    found = fit_readout(network, replace(several(), terms=terms), strengths=[10.0], ridges=[1e-2])

    def cost(pressure: float) -> tuple[float, float]:
        moved = [
            replace(one, slopes=one.slopes - pressure * one.volumes, volumes=0 * one.volumes)
            for one in terms
        ]
        known = replace(several(), terms=moved)
        one = fit_readout(network, known, strengths=[10.0], ridges=[1e-2]).network
        distance = (one[-1].weight - found.network[-1].weight).abs().max()
        of_objective = objective(network, one, known, 10.0, 1e-2)
        return float(of_objective.detach()), float(distance.detach())

    pressures = np.linspace(-0.2, 0.2, 81)
    costs = [cost(float(one)) for one in pressures]
    best = int(np.argmin([one for one, _ in costs]))
    assert 0 < best < 80
    # On a grid of pressures, the fit nearest to the one without it is the cheapest or next to it.
    assert abs(best - int(np.argmin([one for _, one in costs]))) <= 1
