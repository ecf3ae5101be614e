"""Energies and forces in the loss: exact where the reference is the network's own prediction."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from surrogate_hpo.data.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.data.dft_results import write_dft_result
from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.formats.structures.structures import write_structure
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.batches import TrainingData
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.options import number_of_directions
from surrogate_hpo.networks.recipe import Recipe
from surrogate_hpo.networks.scaling import fit_input_scaler, fit_output_scaler
from surrogate_hpo.networks.training import Trainer
from surrogate_hpo.physics.coarse_grid import coarse_points, coarse_shape, sample_coarsely
from surrogate_hpo.physics.reciprocal import COULOMB_EV_ANGSTROM
from surrogate_hpo.predict.ldos_energies import energies_of
from surrogate_hpo.stages.train.predicted_terms import predicted_terms
from surrogate_hpo.stages.train.settings import TrainSettings
from surrogate_hpo.stages.train.stage import with_readout
from surrogate_hpo.training.energy_terms import (
    Scalers,
    SnapshotFiles,
    TrainingSnapshots,
    read_energy_terms,
)
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN
from tests.conftest import REPOSITORY

GRID = (24, 24, 24)
ENERGY = np.arange(-4.0, 16.25, 0.5)
DEFINITION = DescriptorDefinition(4.0, 4)
UPF = REPOSITORY / "pseudopotentials" / "Al.hgh-lda.UPF"


def result_of(atoms) -> DftResult:
    energies = dict.fromkeys(
        (
            "band_energy",
            "entropy_contribution",
            "hartree_energy",
            "xc_energy",
            "xc_potential_energy",
            "ewald_energy",
        ),
        0.0,
    )
    return DftResult(
        total_free_energy=-200.0, **energies, fermi_energy=8.0, electrons=12.0,
        eigenvalues=np.zeros((1, 1)), occupations=np.ones((1, 1)), k_weights=np.array([2.0]),
        k_points=np.zeros((1, 3)), fft_grid=GRID, wavefunction_cutoff=100.0, density_cutoff=400.0,
        density_cutoff_rydberg=29.4, cell=atoms.cell[:], positions=atoms.positions,
        species=("Al",) * 4, functional="lda_pz", pseudopotentials={"Al": UPF.name},
        norm_conserving=True, symmetry_operations=1, smearing="fd",
        smearing_width=5000 * BOLTZMANN_EV_PER_KELVIN, converged=True, scf_steps=5,
        scf_accuracy=1e-9, version="7.2", forces=np.zeros((4, 3)),
    )  # fmt: skip


class Case:
    """A network, and a snapshot whose reference LDOS it predicts exactly."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.atoms = bulk("Al", "fcc", a=4.05, cubic=True)
        self.atoms.rattle(0.08, seed=3)
        states = np.sqrt(np.clip(ENERGY, 0, None)) * 0.795 / 4.05**3
        spread = 1 + 0.05 * np.random.default_rng(0).standard_normal((500, 1))
        rows = torch.from_numpy((spread * states).astype(np.float32))
        self.scalers = Scalers(
            fit_input_scaler(torch.from_numpy(self.descriptors(self.atoms)), "standardised"),
            fit_output_scaler(rows, "standardised"),
        )
        architecture = Architecture((6,), "tanh")
        self.network = build_network(architecture, inputs=14, outputs=len(ENERGY), seed=1)
        with torch.no_grad():  # no states at the bottom of the window
            for tensor in (self.network[-1].weight, self.network[-1].bias):
                tensor[:6] = 0
        self.model = SurrogateModel(
            architecture, self.network, self.scalers.inputs, self.scalers.outputs
        )
        self.result = result_of(self.atoms)
        data = self.data(self.atoms)
        write_structure(folder / "a.extxyz", self.atoms)
        write_ldos(folder / "a.zarr.zip", data, {})
        descriptors = self.descriptors(self.atoms).reshape(*GRID, -1).astype(np.float32)
        stored = DescriptorData(descriptors, self.atoms.cell[:], DEFINITION)
        write_descriptors(folder / "a.descriptors.zarr.zip", stored, {})
        write_dft_result(folder / "a.json", self.result, {})

    def descriptors(self, atoms) -> np.ndarray:
        points = coarse_points(GRID, atoms.cell[:])
        return bispectrum(points, atoms.positions, atoms.cell[:], cutoff_radius=4.0, twojmax=4)

    def data(self, atoms) -> LdosData:
        values = self.model.predict(torch.from_numpy(self.descriptors(atoms)).float())
        values = values.numpy().reshape(*GRID, -1)
        return LdosData(values, LdosAxis(ENERGY, "gaussian", 0.5), atoms.cell[:], 12.0)

    def energy(self, atoms) -> float:
        data = self.data(atoms)
        found = energies_of(
            "a", "seed-0", data, data.values, atoms, self.result, {"Al": read_upf(UPF)}
        )
        return found.energies["total_free_energy"]

    def terms(self, **settings):
        given = TrainSettings(maximum_epochs=3, **({"force_weight": 1.0} | settings))
        return read_energy_terms(self.snapshots(), given)

    def snapshots(self) -> TrainingSnapshots:
        endings = ("extxyz", "json", "zarr.zip", "descriptors.zarr.zip")
        files = [SnapshotFiles(*(self.folder / f"a.{ending}" for ending in endings))]
        return TrainingSnapshots(files, [UPF], DEFINITION, self.scalers, seed=0, threads=1)


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Case:
    return Case(tmp_path_factory.mktemp("terms"))


def test_energy_error_is_that_of_the_reference(case):
    (term,) = case.terms().terms
    with torch.no_grad():
        prediction = case.network(term.inputs)
        # To first order in a change of the network, too.
        error = float(term.energy_error(prediction))
    assert error == pytest.approx((case.energy(case.atoms) + 200.0) / 4, abs=2e-3)


def test_energy_error_holds_to_second_order(case):
    (term,) = case.terms().terms
    generator = torch.Generator().manual_seed(5)
    # An error of the LDOS that is a wave in space, so that its density repels itself.
    points = coarse_points(coarse_shape(GRID), np.eye(3))
    wave = torch.from_numpy(np.cos(2 * np.pi * points @ [1, 0, 1])).float()
    change = 0.5 * wave[:, None] * torch.rand(1, len(ENERGY), generator=generator)
    change[:, :6] = 0
    predicted = float(term.energy_error(term.targets + change))
    linear = float((term.projection(term.targets + change) - term.target) / term.atoms)

    full = coarse_points(GRID, np.eye(3))
    everywhere = np.cos(2 * np.pi * full @ [1, 0, 1]).reshape(*GRID, 1)
    data = case.data(case.atoms)
    scale = float(case.scalers.outputs.backward[0, 0])
    values = data.values + (everywhere * change.numpy()[0] / float(wave[0]) * scale)
    found = energies_of(
        "a", "seed-0", data, values.astype(np.float32), case.atoms, case.result,
        {"Al": read_upf(UPF)},
    )  # fmt: skip
    exact = (found.energies["total_free_energy"] + 200.0) / 4
    assert abs(linear - exact) > 1e-3
    assert abs(predicted - exact) < 0.4 * abs(linear - exact)


def test_the_density_s_error_is_what_repels_itself(case):
    """A wave of 0.01 electrons per point: π e² A² P / (G² ΔV), by hand."""
    (term,) = case.terms(density_weight=1.0).terms
    shape = coarse_shape(GRID)
    points = coarse_points(shape, np.eye(3))
    wave = torch.from_numpy(np.cos(2 * np.pi * points @ [0, 2, 0])).float()
    change = torch.zeros_like(term.targets)
    change[:, 10] = 0.01 * wave / term.density[10]
    volume = 4.05**3 / len(points)
    squared = (2 * np.pi * 2 / 4.05) ** 2
    expected = np.pi * COULOMB_EV_ANGSTROM * 0.01**2 * len(points) / (squared * volume)
    found = float(term.hartree_error(term.targets + change))
    assert found == pytest.approx(expected / 4, rel=1e-4)
    assert float(term.hartree_error(term.targets)) == 0


def test_a_weight_of_the_density_of_states_counts_for_each_snapshot(case):
    """By hand, of a shift at all points; and a training with energies heeds it."""
    (term,) = (terms := case.terms(force_weight=0.0)).terms
    network = build_network(Architecture((16,), "tanh"), inputs=14, outputs=len(ENERGY), seed=2)
    (batch,) = terms.batches(10**6, seed=0, epoch=0)
    with torch.no_grad():
        without, with_it = (
            float(terms.losses(network, batch, progress=1.0, seed=0, dos_weight=weight)[0])
            for weight in (0.0, 7.0)
        )
        errors = (network(term.inputs) - term.targets).mean(0)
    assert with_it - without == pytest.approx(7 * float(errors.square().mean()), rel=1e-4)
    trained = []
    for weight in (0.0, 7.0):
        network = build_network(Architecture((16,), "tanh"), inputs=14, outputs=len(ENERGY), seed=2)
        recipe = Recipe(maximum_epochs=2, dos_weight=weight)
        points = term.inputs, term.targets
        data = TrainingData(*points, *points)
        Trainer(network, data, recipe, seed=0, energy_terms=terms).run()
        trained.append(network[0].weight.detach())
    assert not torch.equal(*trained)


def test_a_weight_of_the_density_brings_its_error_down(case):
    errors = []
    for weight in (0.0, 10.0):
        terms = replace(case.terms(force_weight=0.0), density_weight=weight)
        (term,) = terms.terms
        points = term.inputs, term.targets
        network = build_network(Architecture((16,), "tanh"), inputs=14, outputs=len(ENERGY), seed=2)
        recipe = Recipe(maximum_epochs=60, batch_size=2000, weight_decay=0.0)
        data = TrainingData(*points, *points)
        Trainer(network, data, recipe, seed=0, energy_terms=terms).run()
        with torch.no_grad():
            errors.append(float(term.hartree_error(network(term.inputs))))
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("direction", [0, 4, 11])
def test_slope_is_the_derivative_of_the_whole_free_energy(case, direction):
    (term,) = case.terms().terms
    coefficients = torch.zeros(12)
    coefficients[direction] = 1.0
    _, slope, wanted = term.slope(case.network, coefficients)
    # The forces of the DFT are zero here, so what is wanted is minus the direct part.
    analytic = float((slope - wanted).detach())
    step, ends = 0.01, []
    for sign in (1, -1):
        moved = case.atoms.copy()
        moved.positions.reshape(-1)[direction] += sign * step
        ends.append(case.energy(moved))
    numeric = (ends[0] - ends[1]) / (2 * step)
    assert analytic == pytest.approx(numeric, rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("number", range(6))
def test_slope_along_a_strain_is_the_derivative_of_the_whole_free_energy(case, number):
    snapshots = replace(case.snapshots(), strains=6)
    write_dft_result(case.folder / "a.json", replace(case.result, stress=np.zeros((3, 3))), {})
    try:
        (term,) = (one.joined() for one in snapshots.terms(with_forces=True))
    finally:
        write_dft_result(case.folder / "a.json", case.result, {})
    assert len(term.slopes) == 6 + 12
    coefficients = torch.zeros(18)
    coefficients[number] = 1.0
    # The stress of the DFT is zero here, so what is wanted is minus the direct part.
    _, slope, wanted = term.slope(case.network, coefficients)
    strains = np.zeros((6, 3, 3))
    for row, (a, b) in enumerate([(0, 1), (0, 2), (1, 2)]):
        strains[row, a, b] = strains[row, b, a] = 1
    strains[3], strains[4], strains[5] = np.diag([1, -1, 0]), np.diag([1, 1, -2]), np.eye(3)
    strain = strains[number] / np.linalg.norm(strains[number]) / np.sqrt(4)
    step, ends = 0.005, []
    for sign in (1, -1):
        moved = case.atoms.copy()
        moved.set_cell(case.atoms.cell[:] @ (np.eye(3) + sign * step * strain), scale_atoms=True)
        ends.append(case.energy(moved))
    numeric = (ends[0] - ends[1]) / (2 * step)
    analytic = float((slope - wanted).detach())
    assert analytic == pytest.approx(numeric, rel=2e-3, abs=2e-3)


def test_a_stress_moves_the_wanted_slope_by_the_volume_times_it(case):
    snapshots = replace(case.snapshots(), strains=6)
    stress, slopes = np.array([[0.02, 0.01, 0], [0.01, -0.02, 0], [0, 0, 0]]), []
    for known in (np.zeros((3, 3)), stress, stress + 0.05 * np.eye(3)):
        write_dft_result(case.folder / "a.json", replace(case.result, stress=known), {})
        term = next(snapshots.terms(with_forces=True)).term
        slopes.append(term.slopes.double())
        volumes = term.volumes.double()
    write_dft_result(case.folder / "a.json", case.result, {})
    change = (slopes[1] - slopes[0])[:6].tolist()
    volume = case.atoms.get_volume() / np.sqrt(4)
    root = np.sqrt(2)
    expected = [volume * 0.01 * root, 0, 0, volume * 0.04 / root, 0, 0]
    assert change == pytest.approx(expected, abs=1e-4)
    more = (slopes[2] - slopes[1]).tolist()
    assert more == pytest.approx((0.05 * volumes).tolist(), abs=1e-4)
    along = volume * np.sqrt(3)
    assert volumes.tolist() == pytest.approx([0.0] * 5 + [along] + [0.0] * 12, rel=1e-6)


def test_how_many_strains_a_config_asks_for(case):
    write_dft_result(case.folder / "a.json", replace(case.result, stress=np.zeros((3, 3))), {})
    found = []
    for asked in ({}, {"stress": True}, {"stress": True, "pressure": True}):
        snapshots = replace(
            case.snapshots(), strains=TrainSettings(maximum_epochs=1, **asked).strains
        )
        term = next(snapshots.terms(with_forces=True)).term
        found.append((len(term.slopes) - 12, int((term.volumes != 0).sum())))
    write_dft_result(case.folder / "a.json", case.result, {})
    assert found == [(0, 0), (5, 0), (6, 1)]
    with pytest.raises(ValidationError, match=r"set train\.stress: true"):
        TrainSettings(maximum_epochs=1, pressure=True)


def test_training_on_forces_brings_them_down(case):
    terms = case.terms(energy_weight=0.1, force_weight=10.0)
    # Other forces than the reference's, without a net force, which no network could learn.
    push = torch.tensor([1.0, -1.0, 0.0, 0.0]).repeat_interleave(3)
    wrong = replace(terms.terms[0], slopes=terms.terms[0].slopes + push)
    terms = replace(terms, terms=[wrong])
    points = wrong.inputs, wrong.targets
    network = build_network(Architecture((16,), "tanh"), inputs=14, outputs=len(ENERGY), seed=2)

    def force_error() -> float:
        _, slope, wanted = wrong.slope(network, push)
        return abs(float((slope - wanted).detach()))

    recipe = Recipe(maximum_epochs=300, batch_size=2000, weight_decay=0.0)
    before = force_error()
    trainer = Trainer(network, TrainingData(*points, *points), recipe, seed=0, energy_terms=terms)
    trainer.run()
    assert force_error() < 0.5 * before


def test_interrupted_training_ends_with_the_same_weights(case):
    terms = case.terms(energy_weight=0.1, force_weight=1e-3)
    terms = replace(terms, terms=[terms.terms[0]] * 3)
    points = terms.terms[0].inputs, terms.terms[0].targets
    recipe = Recipe(maximum_epochs=2, batch_size=100)

    def trainer() -> Trainer:
        network = build_network(Architecture((8,), "tanh"), inputs=14, outputs=len(ENERGY), seed=2)
        data = TrainingData(*points, *points)
        return Trainer(network, data, recipe, seed=0, energy_terms=terms)

    whole = trainer()
    whole.run()
    states: list[dict] = []
    broken = trainer()

    def stop() -> None:
        states.append(broken.state_dict())
        if len(states) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken.run(on_batch=stop)
    resumed = trainer()
    resumed.load_state_dict(states[-1])
    resumed.run()
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name
    assert resumed.history == whole.history


def test_without_forces_only_energies_are_learnt(case, caplog):
    write_dft_result(case.folder / "a.json", replace(case.result, forces=None), {})
    try:
        (term,) = case.terms(energy_weight=0.1).terms
    finally:
        write_dft_result(case.folder / "a.json", case.result, {})
    assert len(term.slopes) == 0
    assert "1 training snapshots have no forces" in caplog.text


def test_an_unknown_energy_is_refused(case):
    write_dft_result(case.folder / "a.json", replace(case.result, total_free_energy=None), {})
    try:
        with pytest.raises(DataError, match="no total free energy to train on"):
            case.terms()
    finally:
        write_dft_result(case.folder / "a.json", case.result, {})


@pytest.fixture
def own_energy(case):
    """The DFT run has the energy of the LDOS, as it has with a good kernel."""
    energy = case.energy(case.atoms)
    write_dft_result(case.folder / "a.json", replace(case.result, total_free_energy=energy), {})
    yield
    write_dft_result(case.folder / "a.json", case.result, {})


def test_the_last_layer_is_fitted_to_energies_and_forces(case, own_energy):
    model, left_out = with_readout(case.model, case.snapshots())
    assert left_out is not None
    assert left_out.energies.shape == (1,)
    # The forces of the DFT are zero here, those of the network are not.
    (term,) = case.snapshots().terms(with_forces=True)
    term = term.joined()

    def force_error(network) -> float:
        slopes = [term.slope(network, row)[1:] for row in torch.eye(12)]
        return float(torch.stack([slope - wanted for slope, wanted in slopes]).square().mean())

    if left_out.strength:
        assert force_error(model.network) < force_error(case.network)
    else:
        assert torch.equal(model.network[-1].weight, case.network[-1].weight)


def free_energy_errors(case, model) -> list[float]:
    return [one.term.floor for one in predicted_terms(case.snapshots(), model)]


def with_other_network(case) -> Case:
    """The same snapshot with a network that predicts another LDOS than the reference."""
    other = build_network(Architecture((6,), "tanh"), inputs=14, outputs=len(ENERGY), seed=5)
    with torch.no_grad():
        for mine, its in zip(other[-1].parameters(), case.network[-1].parameters(), strict=True):
            mine.copy_(3.0 * its if its.dim() == 2 else its)
    changed = copy.copy(case)
    changed.network, changed.model = other, replace(case.model, network=other)
    return changed


def test_free_energies_of_the_training_are_those_of_an_evaluation(case, own_energy):
    (error,) = free_energy_errors(case, case.model)
    assert abs(float(error)) < 1e-6
    other = with_other_network(case)
    expected = other.energy(case.atoms) - case.energy(case.atoms)
    (error,) = free_energy_errors(case, other.model)
    assert abs(expected) > 1e-3
    assert float(error) == pytest.approx(expected / 4, rel=1e-6)


def test_what_a_prediction_lacks_of_energies_and_forces_is_exact(case, own_energy):
    """To all orders in the error of the LDOS; near the reference they are so to the first."""
    other = with_other_network(case)
    (near,) = predicted_terms(case.snapshots(), other.model)
    assert near.lacks is not None
    (term,) = case.terms().terms
    step, found, expected, linear = 0.002, [], [], []
    for number in (0, 4, 11):
        _, slope, wanted = term.slope(other.network, torch.eye(12)[number])
        linear.append(float(slope.detach() - wanted))  # the forces of the DFT are zero
        ends = []
        for sign in (1, -1):
            moved = case.atoms.copy()
            moved.positions[number // 3, number % 3] += sign * step
            ends.append(other.energy(moved))
        expected.append((ends[0] - ends[1]) / (2 * step))
        found.append(-float(near.lacks[1 + number]))
    assert np.abs(expected).max() > 0.1
    assert found == pytest.approx(expected, abs=1e-4)
    assert np.abs(np.subtract(linear, expected)).max() > 1e-3
    assert float(near.lacks[0]) == pytest.approx(-4 * near.term.floor)


def test_a_prediction_that_makes_no_sense_has_no_terms(case, own_energy):
    nothing = build_network(Architecture((6,), "tanh"), inputs=14, outputs=len(ENERGY), seed=1)
    with torch.no_grad():
        nothing[-1].weight.zero_()
        nothing[-1].bias.fill_(-100)
    with pytest.raises(PhysicsError):
        free_energy_errors(case, replace(case.model, network=nothing))


def test_the_last_layer_takes_what_the_training_has_computed(case, own_energy, monkeypatch):
    model, left_out = with_readout(case.model, case.snapshots())
    learnt = case.terms(energy_weight=0.1)
    monkeypatch.setattr(TrainingSnapshots, "terms", None)  # no descriptors again
    again, same = with_readout(case.model, case.snapshots(), learnt)
    assert left_out is not None
    assert same is not None
    np.testing.assert_array_equal(same.energies, left_out.energies)
    assert torch.equal(again.network[-1].weight, model.network[-1].weight)


def test_the_last_layer_stays_where_energies_are_not_those_of_the_ldos(case, caplog):
    model, left_out = with_readout(case.model, case.snapshots())
    assert left_out is None
    assert model is case.model
    assert "which would be bent to hide it" in caplog.text


def test_the_last_layer_stays_where_an_energy_is_not_known(case, caplog):
    write_dft_result(case.folder / "a.json", replace(case.result, total_free_energy=None), {})
    try:
        model, left_out = with_readout(case.model, case.snapshots())
    finally:
        write_dft_result(case.folder / "a.json", case.result, {})
    assert (model, left_out) == (case.model, None)
    assert "1 training snapshots have no total free energy: a" in caplog.text


def test_large_cells_have_few_directions():
    assert number_of_directions(4, 1000) == 12
    assert number_of_directions(32, 8000) == 48
    assert number_of_directions(256, 1_000_000) == 4


@given(st.integers(5, 16), st.integers(5, 16), st.integers(5, 16), st.integers(0, 99))
def test_coarse_grid_keeps_values_and_mean(x, y, z, seed):
    # Waves up to a quarter of the points: resolved by the coarse grid, too.
    shape, generator = (x, y, z), np.random.default_rng(seed)
    coarse = coarse_shape(shape)

    def field(points: np.ndarray) -> np.ndarray:
        return sum(
            amplitude * np.cos(2 * np.pi * (points @ wave) + phase)
            for amplitude, phase, wave in waves
        )

    waves = [
        (generator.normal(), generator.normal(), generator.integers(0, [x // 4, y // 4, z // 4]))
        for _ in range(4)
    ]
    on_grid = field(coarse_points(shape, np.eye(3))).reshape(shape)
    sampled = sample_coarsely(on_grid, coarse)
    expected = field(coarse_points(coarse, np.eye(3))).reshape(coarse)
    np.testing.assert_allclose(sampled, expected, atol=1e-12)
    assert sampled.mean() == pytest.approx(on_grid.mean(), abs=1e-12)
