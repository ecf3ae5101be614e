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

What the form above leaves out of a free energy, exchange and correlation of :math:`\delta n` first
of all, is small where the LDOS is. It is nearly the same for all snapshots, so where it is not
small, all energies are shifted (by 6 meV/atom where :math:`E_H[\delta n]` is 13). The free energies
of the training snapshots, integrated from the LDOS of the fitted network, tell how large it is; it
is then taken into account, and the fit repeated.
"""

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import cast

import torch
from torch import Tensor, nn

from surrogate_hpo.networks.energies.readout_metric import readout_metric
from surrogate_hpo.networks.energies.readout_problem import (
    Fit,
    as_it_is,
    fitted_weights,
    form_errors,
    least_squares,
    root_mean_square,
)
from surrogate_hpo.networks.energies.readout_sums import snapshot_sums
from surrogate_hpo.networks.energies.snapshot_energy import StreamedTerm
from surrogate_hpo.networks.options import LARGEST_NUMBER_OF_ROWS

STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
RIDGES = (1e-3, 1e-2)
# In the units of the scaled LDOS' loss: an error of 1 eV/atom or of 1 eV/Å.
ENERGY_WEIGHT, BAND_WEIGHT, FORCE_WEIGHT = 0.1, 1e-3, 1e-3
# Beside the loss of the scaled LDOS.
STATES_WEIGHT = 100.0
# Fits with what the form of the energies leaves out, until it changes by less, eV/atom.
_REFITS, _LEFT_OUT_OF_FORM = 3, 5e-4

EnergyErrors = Callable[[nn.Sequential], Tensor]
"""Integrated free energies of the snapshots minus those of DFT, eV/atom, shape (snapshots,).

Infinite where the predicted LDOS has none."""


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
        that was fitted without it, eV/atom, in the first fit. The layers below have seen it. If
        the network is better as it is, these are the errors of the best fit nevertheless.
    left_out_forces
        Shape (displacements of all snapshots,): the same of the derivative of the free energy
        along a displacement, eV/Å.
    floor
        Root mean square of the snapshots' floors, eV/atom, see `EnergyTerm`.
    remainder
        Root mean square of what the form of the free energies has been found to leave out, eV/atom;
        NaN if nobody has looked.
    """

    network: nn.Sequential
    strength: float
    ridge: float
    left_out_energies: Tensor
    left_out_forces: Tensor
    floor: float
    remainder: float = math.nan

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
    energy_errors: EnergyErrors | None = None,
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
        forces is taken.
    ridges
        Values of ρ to choose from, in the same way.
    always
        Fit even where the network is better as it is.
    energy_errors
        Integrates the free energies of the snapshots for a network on its device; without it, what
        the form of the energies leaves out stays unknown.

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
    problem = least_squares(sums, energy_weight, force_weight, band_weight)
    costs = {"states_weight": states_weight, "density_weight": density_weight}
    metrics = [readout_metric(sums, weights, ridge=ridge, **costs) for ridge in ridges]
    as_is = as_it_is(problem, sums, weights)
    if energy_errors is not None:
        as_is = replace(as_is, left_out_energies=-energy_errors(network).double().cpu())

    def error(fit: Fit) -> float:
        return fit.error(energy_weight, force_weight)

    def fits(remainders: Tensor) -> Fit:
        """The best fit, given what the form leaves out."""
        wanted = problem.less(remainders)
        found = (fitted_weights(wanted, sums, one, weights, strengths) for one in metrics)
        return min(chain.from_iterable(found), key=error)

    first = fits(torch.zeros(len(sums), dtype=torch.float64))
    taken = first if always else min(as_is, first, key=error)
    remainder = math.nan
    if energy_errors is not None and taken.strength:

        def left_out_of_form(fit: Fit) -> tuple[Tensor, Tensor]:
            errors = energy_errors(_with_last_layer(network, fit)).double().cpu()
            return errors, errors - form_errors(problem, sums, fit.weights)

        taken, remainder = _refitted(taken, fits, left_out_of_form)
    return Readout(
        network=_with_last_layer(network, taken),
        strength=first.strength if taken.strength else 0.0,
        ridge=first.ridge if taken.strength else 0.0,
        left_out_energies=first.left_out_energies,
        left_out_forces=first.left_out_forces,
        floor=root_mean_square(torch.tensor([one.floor for one in sums])),
        remainder=remainder,
    )


def _refitted(
    first: Fit,
    fits: Callable[[Tensor], Fit],
    left_out_of_form: Callable[[Fit], tuple[Tensor, Tensor]],
) -> tuple[Fit, float]:
    """Take into account what the form of the energies leaves out.

    Of all fits, that with the smallest integrated errors is taken.
    """
    fit, remainders = first, torch.zeros_like(first.left_out_energies)
    found, smallest, remainder = first, math.inf, math.nan
    for _ in range(_REFITS + 1):
        errors, rest = left_out_of_form(fit)
        if (error := root_mean_square(errors)) < smallest:
            found, smallest, remainder = fit, error, root_mean_square(rest)
        if not rest.isfinite().all() or root_mean_square(rest - remainders) < _LEFT_OUT_OF_FORM:
            break
        fit, remainders = fits(rest), rest
    return found, remainder


def _with_last_layer(network: nn.Sequential, fit: Fit) -> nn.Sequential:
    """Copy of the network with the weights of a fit; they are its own where nothing was fitted."""
    fitted = copy.deepcopy(network)
    if fit.strength:
        layer = cast(nn.Linear, fitted[-1])
        with torch.no_grad():
            layer.weight.copy_(fit.weights[:-1].T)
            layer.bias.copy_(fit.weights[-1])
    return fitted
