r"""The last layer of a trained network, fitted to energies and forces in closed form.

A gradient descent follows single snapshots in turn, and ends where the noise of its steps leaves
the sums over whole snapshots. In the weights W of the last layer they are linear: with the last
hidden units h(r) and a one for the bias, the free energy of a snapshot is (see `energy_terms`)

.. math::
    A = \mathrm{tr}\, W^T (s_1 \otimes b + s_v \otimes n) - E_H[\delta n] + \text{const}, \qquad
    s_1 = \sum_r h(r), \quad s_v = \sum_r v(r)\, h(r),

and so are the forces, with the derivatives of h along a displacement. So all energies and forces
of the training make a linear least-squares problem for the change of W,

.. math::
    \min_{\delta W} \frac{1}{E} \mathrm{tr}\, \delta W^T G\, \delta W
    + \frac{w_D}{E} \langle |\bar h W - \bar d|^2 \rangle + w_n \langle E_H[\delta n]/N \rangle
    + \lambda \Big[ w_A \langle (\delta A/N)^2 \rangle + w_b \langle (\delta A_b/N)^2 \rangle
    + w_F \langle \delta A_u'^2 \rangle \Big],
    \qquad G = \langle h h^T \rangle + \rho \langle |h|^2 \rangle / J,

whose first parts are what the change costs in the loss of the LDOS, in the density of states and in
the density, see `readout_metric`. :math:`A_b` is the part with :math:`s_1`, which the density of
states decides and the reference tells. Without all this energies are bought where they are
cheapest: with a Fermi energy, which to first order costs A nothing, or with errors of the density
of states and the density that cancel. Errors for snapshots that are left out have a closed form,
too; those of energies and forces, with the weights above, decide the strength λ and the ridge ρ.

Along a strain that changes the volume, a slope is known up to a pressure that all snapshots share
(see `training.directions`): one more unknown of the problem.

The form above is that near the reference, to first order but for :math:`E_H[\delta n]`. What it
leaves out is not small: exchange and correlation of :math:`\delta n` shift all energies (by 6
meV/atom where :math:`E_H[\delta n]` is 13), and the potential of :math:`\delta n` acts on the whole
density that moves with the atoms, which errs forces by tens of meV/Å and pressures by a GPa in hot
cells. So the fit is repeated by Gauss' and Newton's steps: free energies and forces of the fitted
network are integrated and differentiated as in a prediction, the form is the one near what it
predicts, with :math:`-2 E_H[\delta n, n'_u]` in the forces, and the objective stays the same. Of
all steps, that with the smallest errors is taken.
"""

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import cast

import torch
from torch import Tensor, nn

from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.networks.energies.readout_metric import readout_metric
from surrogate_hpo.networks.energies.readout_problem import (
    Fit,
    Problem,
    as_it_is,
    fitted_weights,
    least_squares,
    root_mean_square,
)
from surrogate_hpo.networks.energies.readout_steps import stepped, trusted
from surrogate_hpo.networks.energies.readout_sums import SnapshotSums, snapshot_sums
from surrogate_hpo.networks.energies.snapshot_energy import StreamedTerm
from surrogate_hpo.networks.options import LARGEST_NUMBER_OF_ROWS

STRENGTHS = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
RIDGES = (1e-3, 1e-2)
# In the units of the scaled LDOS' loss: an error of 1 eV/atom or of 1 eV/Å.
ENERGY_WEIGHT, BAND_WEIGHT, FORCE_WEIGHT = 0.1, 1e-3, 1e-3
# Beside the loss of the scaled LDOS.
STATES_WEIGHT = 100.0
PredictedTerms = Callable[[nn.Sequential], Iterable[StreamedTerm]]
"""Terms of the snapshots near what a network predicts, see `EnergyTerm`; its floor is the error.

Raises PhysicsError where a predicted LDOS makes no sense."""


@dataclass(frozen=True)
class Readout:
    """A network with a fitted last layer, and its errors for left-out snapshots.

    Attributes
    ----------
    network
        A copy of the network; all but its last layer is unchanged.
    strength
        λ; 0 if the network is better as it is, and then all of it is unchanged.
    ridge
        ρ.
    left_out_energies
        Shape (snapshots,): free energy of DFT minus prediction for each snapshot by a last layer
        that was fitted without it, eV/atom, by the form of the last fit. The layers below have seen
        it. If the network is better as it is, these are the errors of the best fit nevertheless.
    left_out_forces
        Shape (displacements of all snapshots,): the same of the derivative of the free energy
        along a displacement, eV/Å.
    floor
        Root mean square of the snapshots' floors, eV/atom, see `EnergyTerm`.
    integrated
        Root mean square of the fitted network's integrated free energies' errors, eV/atom; NaN if
        nobody has looked.
    """

    network: nn.Sequential
    strength: float
    ridge: float
    left_out_energies: Tensor
    left_out_forces: Tensor
    floor: float
    integrated: float = math.nan

    @property
    def energy_rmse(self) -> float:
        """Root mean square of the left-out energies' errors, eV/atom."""
        return root_mean_square(self.left_out_energies)


def fit_readout(
    network: nn.Sequential,
    terms: Iterable[StreamedTerm],
    snapshots: int,
    *,
    energy_weight: float = ENERGY_WEIGHT,
    force_weight: float = FORCE_WEIGHT,
    density_weight: float = 0.0,
    band_weight: float = BAND_WEIGHT,
    states_weight: float = STATES_WEIGHT,
    strengths: Sequence[float] = STRENGTHS,
    ridges: Sequence[float] = RIDGES,
    always: bool = False,
    predicted: PredictedTerms | None = None,
) -> Readout:
    """Fit the last layer to the energies and forces of the training snapshots.

    The network stays as it is if that has smaller errors for the snapshots, all of which it has
    seen, than the fitted ones for those that were left out.

    Parameters
    ----------
    network
        A trained network whose last module is linear. It is not changed.
    terms
        Training snapshots, on the device of the network; iterated over once, one at a time.
    snapshots
        Their number.
    energy_weight
        w_A in 1/(eV/atom)².
    force_weight
        w_F in 1/(eV/Å)².
    density_weight
        w_n in atoms/eV.
    band_weight
        w_b in 1/(eV/atom)².
    states_weight
        w_D.
    strengths
        Values of λ to choose from: the one with the smallest errors of left-out energies and
        forces is taken, unless predictions with it do not keep what these errors promise.
    ridges
        Values of ρ to choose from, in the same way.
    always
        Fit even where the network is better as it is.
    predicted
        Terms near what a network predicts, on its device; without it the fit is that of the form
        near the reference.

    Returns
    -------
    Readout
        The result, with the network on its device.
    """
    last = cast(nn.Linear, network[-1])
    weights = torch.cat([last.weight.detach().T, last.bias.detach()[None]]).double().cpu()
    body = cast(nn.Sequential, network[:-1])
    displacements = max(0, LARGEST_NUMBER_OF_ROWS // snapshots - 1)
    sums = [snapshot_sums(body, one, displacements) for one in terms]
    row_weights = energy_weight, force_weight, band_weight
    problem = least_squares(sums, *row_weights)
    costs = {"states_weight": states_weight, "density_weight": density_weight}
    metrics = {ridge: readout_metric(sums, weights, ridge=ridge, **costs) for ridge in ridges}

    def error(fit: Fit) -> float:
        return fit.error(energy_weight, force_weight)

    solved = (fitted_weights(problem, sums, one, weights, strengths) for one in metrics.values())
    candidates = sorted(chain.from_iterable(solved), key=error)
    taken = first = candidates[0]
    if not always:
        as_is = _as_it_is(problem, sums, weights, network, predicted)
        taken = min(as_is, first, key=error)
    integrated = math.nan
    if predicted is not None and taken.strength:

        def near(fit: Fit) -> tuple[Problem, list[SnapshotSums]]:
            """The problem near what the network with a fit predicts."""
            known = _near(fit, predicted(_with_last_layer(network, fit)), body, sums)
            return least_squares(known, *row_weights), known

        def steps_from(fit: Fit) -> tuple[Fit, float, float]:
            """The best step from a fit, its errors, and those of its energies."""
            return stepped(fit, near, metrics[fit.ridge], weights, error)

        taken, integrated = trusted(candidates, steps_from, error)
    told = taken if taken.strength else first
    return Readout(
        network=_with_last_layer(network, taken),
        strength=taken.strength,
        ridge=taken.ridge,
        left_out_energies=told.left_out_energies,
        left_out_forces=told.left_out_forces,
        floor=root_mean_square(torch.tensor([one.floor for one in sums])),
        integrated=integrated,
    )


def _as_it_is(
    problem: Problem,
    sums: Sequence[SnapshotSums],
    weights: Tensor,
    network: nn.Sequential,
    predicted: PredictedTerms | None,
) -> Fit:
    """The network without any change, with the integrated errors of its energies."""
    form = as_it_is(problem, sums, weights)
    if predicted is None:
        return form
    try:
        errors = [-one.term.floor for one in predicted(network)]
    except PhysicsError:
        errors = [math.inf] * len(sums)
    return replace(form, left_out_energies=torch.tensor(errors, dtype=torch.float64))


def _near(
    fit: Fit, terms: Iterable[StreamedTerm], body: nn.Sequential, sums: Sequence[SnapshotSums]
) -> list[SnapshotSums]:
    """Sums of terms near what a fit predicts, with as many derivatives as those near the reference.

    What the density of states has to be is that of the reference.
    """
    return [
        replace(
            snapshot_sums(body, term, len(one.rows) - 1, weights=fit.weights), states=one.states
        )
        for term, one in zip(terms, sums, strict=True)
    ]


def _with_last_layer(network: nn.Sequential, fit: Fit) -> nn.Sequential:
    """Copy of the network with the weights of a fit; they are its own where nothing was fitted."""
    fitted = copy.deepcopy(network)
    if fit.strength:
        layer = cast(nn.Linear, fitted[-1])
        with torch.no_grad():
            layer.weight.copy_(fit.weights[:-1].T)
            layer.bias.copy_(fit.weights[-1])
    return fitted
