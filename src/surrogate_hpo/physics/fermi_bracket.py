"""Weights of the electrons as polynomials of a Fermi energy that is known only roughly."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.guards import check_temperature
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

INTERPOLATION_ERROR = 1e-11
"""Bound of the error of an occupation; the corrections of the broadening add some ten times it."""
_MOST_NODES = 64
_ROUNDING = 4 * float(np.finfo(np.float64).eps)
# Shares of the distance to the nearest pole at which the ellipse may end; the best one is taken.
_SHARES = np.linspace(0.5, 0.98, 25)


@dataclass(frozen=True)
class FermiBracket:
    r"""Interval in which the Fermi energy is sought, with the polynomials that serve in it.

    The weights of the electrons are averages of :math:`f = 1/(e^{(\epsilon-\mu)/kT}+1)` over
    energy, smooth in :math:`\mu`. In the bracket they are

    .. math::
        w_k(\mu) \approx \sum_{j=0}^{m-1} c_{jk}\, T_j(x), \qquad x = (\mu - \mu_0)/a,

    with Chebyshev's polynomials. So the sums :math:`\sum_k c_{jk} d_k(r)`, m numbers per point,
    give the density for every :math:`\mu` of the bracket, and its derivative.

    Attributes
    ----------
    centre
        :math:`\mu_0` in eV.
    half_width
        a in eV.
    nodes
        m.
    """

    centre: float
    half_width: float
    nodes: int

    @classmethod
    def around(cls, centre: float, half_width: float, temperature: float) -> "FermiBracket":
        """Choose the number of nodes by `interpolation_bound`.

        Parameters
        ----------
        centre
            eV.
        half_width
            eV.
        temperature
            Electronic temperature in K.

        Returns
        -------
        FermiBracket
            With as few nodes as `INTERPOLATION_ERROR` needs.

        Raises
        ------
        DataError
            If the temperature is none, or the bracket is so wide for it that no polynomial serves.
        """
        check_temperature(temperature)
        reduced = half_width / (BOLTZMANN_EV_PER_KELVIN * temperature)
        if not (math.isfinite(centre) and half_width > 0):
            raise DataError(
                "no bracket of the Fermi energy",
                expected="a finite centre and a positive half width in eV",
                got=f"{centre!r} and {half_width!r}",
            )
        for nodes in range(2, _MOST_NODES + 1):
            if interpolation_bound(nodes, reduced) <= INTERPOLATION_ERROR:
                return cls(centre, half_width, nodes)
        raise DataError(
            "the bracket of the Fermi energy is too wide for the electronic temperature",
            expected=f"a half width of a few kT; kT is {half_width / reduced:.3g} eV",
            got=f"{half_width:g} eV",
            remedy="give a narrower bracket",
        )

    @property
    def bytes_per_point(self) -> int:
        """What a `DensityExpansion` of networks in single precision holds for a point."""
        return 8 + 4 * (self.nodes - 1)

    def holds(self, fermi_energy: float) -> bool:
        """Whether it is in the bracket; ends included, however their sums are rounded."""
        slack = _ROUNDING * (abs(self.centre) + self.half_width)
        return abs(fermi_energy - self.centre) <= self.half_width + slack

    def coefficients(
        self, energy: Tensor, temperature: float, *, broadening_variance: float | None
    ) -> Tensor:
        """Coefficients c of the weights, by interpolation at the zeros of the next polynomial.

        Parameters
        ----------
        energy
            Uniform energy axis in eV, [E].
        temperature
            Electronic temperature in K.
        broadening_variance
            As in :func:`~surrogate_hpo.physics.quadrature.occupation_weights`.

        Returns
        -------
        Tensor
            eV, [nodes, E].
        """
        angles = torch.pi * (torch.arange(self.nodes, dtype=torch.float64) + 0.5) / self.nodes
        at_nodes = torch.stack(
            [
                occupation_weights(
                    energy,
                    self.centre + self.half_width * math.cos(float(angle)),
                    temperature,
                    "electrons",
                    broadening_variance=broadening_variance,
                )
                for angle in angles
            ]
        )
        orders = torch.arange(self.nodes, dtype=torch.float64)
        transform = 2 / self.nodes * torch.cos(orders[:, None] * angles)
        transform[0] /= 2
        return transform @ at_nodes

    def polynomials(self, fermi_energy: float) -> Tensor:
        """T_j at a Fermi energy of the bracket in eV, [nodes]."""
        angle = math.acos(self._position(fermi_energy))
        return torch.cos(angle * torch.arange(self.nodes, dtype=torch.float64))

    def slopes(self, fermi_energy: float) -> Tensor:
        """Derivatives of T_j by the Fermi energy, 1/eV, [nodes]: j U_{j-1} / a."""
        x = self._position(fermi_energy)
        second = [0.0, 1.0]
        while len(second) < self.nodes:
            second.append(2 * x * second[-1] - second[-2])
        orders = torch.arange(self.nodes, dtype=torch.float64)
        return orders * torch.tensor(second[: self.nodes], dtype=torch.float64) / self.half_width

    def _position(self, fermi_energy: float) -> float:
        if not self.holds(fermi_energy):
            raise DataError(
                "the Fermi energy is outside of the bracket in which the density is known",
                expected=f"{self.centre:.6g} ± {self.half_width:.3g} eV",
                got=f"{fermi_energy:.6g} eV",
            )
        return max(-1.0, min(1.0, (fermi_energy - self.centre) / self.half_width))


def interpolation_bound(nodes: int, reduced_half_width: float) -> float:
    r"""Bound of the error of an occupation that a polynomial in the Fermi energy gives.

    f has its poles at :math:`\mu = \epsilon \pm i\pi kT`, and where
    :math:`|\mathrm{Im}\,\mu| \le \theta\pi kT` with :math:`\theta \ge 1/2` it is at most
    :math:`M = 1/\sin\theta\pi`. Inside of the ellipse with foci at the ends of the bracket and the
    half axis :math:`\theta\pi kT`,

    .. math::
        \rho = s + \sqrt{s^2 + 1}, \qquad s = \theta\pi kT/a, \qquad
        |f - p| \le \frac{4 M \rho^{1-m}}{\rho - 1}

    for m nodes (Trefethen, Approximation Theory and Approximation Practice, theorem 8.2).

    Parameters
    ----------
    nodes
        m.
    reduced_half_width
        a/kT.

    Returns
    -------
    float
        The smallest bound over theta.
    """
    reach = _SHARES * math.pi / reduced_half_width
    rho = reach + np.sqrt(reach**2 + 1)
    bounds = 4 * rho ** (1.0 - nodes) / (rho - 1) / np.sin(_SHARES * math.pi)
    return float(bounds.min())
