"""The Fermi energy: the chemical potential at which the DOS holds the electrons of the cell."""

import math

import torch
from scipy.optimize import brentq
from torch import Tensor

from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.physics.guards import check_float64
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

LARGEST_TOP_OCCUPATION = 1e-3
"""Occupation at the window's top up to which the cut tail of f costs below about 1 meV/atom."""
BOTTOM_TOLERANCE = 1e-4
"""Share of the electrons that the window's lowest point may hold before states count as cut."""
SMALLEST_SLOPE = 1e-8
"""Of the electrons, per eV: below it mu lies in a gap and is not determined by the DOS."""


def fermi_energy(
    dos: Tensor,
    energy: Tensor,
    electrons: float,
    temperature: float,
    *,
    broadening_variance: float | None = None,
    bottom_tolerance: float = BOTTOM_TOLERANCE,
) -> Tensor:
    r"""Solve :math:`N(\mu) = \int f(\epsilon; \mu) D(\epsilon)\,d\epsilon = N_e` for mu.

    The root is bracketed by the window and found by Brent's method. The result is differentiable
    (once) with respect to `dos` by the implicit function theorem,
    :math:`d\mu/dD_i = -w_i / (\partial N/\partial\mu)`.

    Parameters
    ----------
    dos
        Density of states in 1/eV, spin factor included, shape [E].
    energy
        Uniform energy axis in eV, shape [E].
    electrons
        Number of electrons in the cell.
    temperature
        Electronic temperature in K.
    broadening_variance
        As in :func:`~surrogate_hpo.physics.quadrature.occupation_weights`.
    bottom_tolerance
        Largest share of the electrons at the window's lowest point. The default suits a reference
        DOS; for a predicted one, whose bottom carries the model's noise, pass a larger one or
        ``math.inf``: its window is known to be wide enough from the reference.

    Returns
    -------
    Tensor
        Fermi energy in eV, shape [].

    Raises
    ------
    DataError
        If shapes disagree, values are not finite, or the axis is not uniform.
    PhysicsError
        If states are cut at the window's bottom or hold more than all electrons there, if the
        window holds too few electrons, if f has not died out at its top, or if the DOS does not
        determine mu (a gap).
    """
    _check_arguments(dos, energy, electrons)

    def weights_at(mu: Tensor | float) -> Tensor:
        return occupation_weights(
            energy, mu, temperature, "electrons", broadening_variance=broadening_variance
        )

    def excess(mu: float) -> float:
        return float(weights_at(mu) @ states) - electrons

    states = dos.detach()
    top = float(energy[-1])
    _check_bottom(states, energy, electrons, bottom_tolerance)
    bottom = float(energy[0])
    # Beyond the top there are no states: all are occupied here.
    above = top + 40.0 * BOLTZMANN_EV_PER_KELVIN * temperature + top - bottom
    _check_capacity(states, energy, electrons, excess(above))
    _check_filling(excess(bottom), bottom, electrons)
    mu = float(brentq(excess, bottom, above, xtol=1e-13, rtol=1e-15, maxiter=500))
    _check_top(mu, top, temperature)
    root = torch.tensor(mu, dtype=energy.dtype, device=energy.device, requires_grad=True)
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(weights_at(root) @ states, root)
    if not float(slope) > SMALLEST_SLOPE * electrons:
        raise PhysicsError(
            "the Fermi energy is not determined by the density of states",
            expected="a positive density of states at the Fermi energy",
            got=f"{float(slope):g} states/eV at {mu:g} eV, averaged over kT and the kernel",
            remedy="raise the electronic temperature or the width of the LDOS kernel",
        )
    # One Newton step, zero in value, carries the gradient of the implicit function theorem.
    return root.detach() - (weights_at(root.detach()) @ dos - electrons) / slope


def _check_arguments(dos: Tensor, energy: Tensor, electrons: float) -> None:
    check_float64("dos", dos, 1)
    if dos.shape != energy.shape:
        raise DataError(
            "the density of states and the energy axis do not fit each other",
            expected=f"a DOS of shape {tuple(energy.shape)}",
            got=str(tuple(dos.shape)),
        )
    if not (math.isfinite(electrons) and electrons > 0):
        raise DataError(
            "the number of electrons is not positive", expected="electrons > 0", got=repr(electrons)
        )


def _check_bottom(dos: Tensor, energy: Tensor, electrons: float, tolerance: float) -> None:
    spacing = float(energy[1] - energy[0])
    share = abs(float(dos[0])) * spacing / electrons
    if share > tolerance:
        raise PhysicsError(
            "states are cut at the bottom of the energy window",
            expected=f"at most {tolerance:g} of the electrons in the window's lowest point",
            got=f"{share:.3g} of them at {float(energy[0]):g} eV",
            remedy="let the window begin at least four standard deviations of the LDOS kernel "
            "below the lowest band",
        )


def _check_filling(excess: float, bottom: float, electrons: float) -> None:
    """Refuse a DOS whose root lies below the window: brentq would find no change of sign."""
    if excess >= 0:
        raise PhysicsError(
            "the lowest energies of the window alone hold more than all electrons",
            expected=f"less than {electrons:g} electrons at a Fermi energy of {bottom:g} eV",
            got=f"{electrons + excess:.4g}",
            remedy="a reference needs a window that begins lower; a network that predicts this "
            "knows nothing of such structures",
        )


def _check_capacity(dos: Tensor, energy: Tensor, electrons: float, excess: float) -> None:
    """Refuse a DOS that is too small; the quadrature of the electrons may hold a little less."""
    capacity = min(float(torch.trapezoid(dos, energy)), electrons + excess)
    if capacity <= electrons:
        raise PhysicsError(
            "the energy window cannot hold the electrons",
            expected=f"more than {electrons:g} states",
            got=f"{capacity:.6g} states between {float(energy[0]):g} and {float(energy[-1]):g} eV",
            remedy="extend the energy window, or check the unit of the LDOS (1/(eV Å³))",
        )


def _check_top(mu: float, top: float, temperature: float) -> None:
    thermal_energy = BOLTZMANN_EV_PER_KELVIN * temperature
    occupation = 1.0 / (math.exp(min((top - mu) / thermal_energy, 700.0)) + 1.0)
    if occupation > LARGEST_TOP_OCCUPATION:
        needed = mu + thermal_energy * math.log(1.0 / LARGEST_TOP_OCCUPATION)
        raise PhysicsError(
            "the Fermi energy is too close to the top of the energy window",
            expected=f"an occupation of at most {LARGEST_TOP_OCCUPATION:g} at {top:g} eV",
            got=f"{occupation:.3g}, with the Fermi energy at {mu:g} eV",
            remedy=f"extend the energy window of the LDOS to {needed:.2f} eV or more",
        )
