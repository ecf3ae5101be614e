"""The density of every Fermi energy in a bracket, a few numbers per grid point."""

from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.physics.fermi_bracket import FermiBracket


class DensityExpansion:
    r"""Sums :math:`\sum_k c_{jk} d_k(r)` of an LDOS that comes block by block and is not kept.

    The first of them is nearly the density and is kept in double precision. The others are smaller
    by :math:`a\,n'/n`, a thousandth to a hundredth with each order, so that single precision leaves
    an error of some 1e-10 of the density: 8 + 4 (m - 1) bytes per point for m nodes.

    Parameters
    ----------
    bracket
        Where the Fermi energy is sought.
    coefficients
        Those of the bracket for the energy axis of the LDOS, eV, [nodes, E].
    points
        Number of grid points.
    precision
        Of the sums but the first; that of the networks, which limits what they are worth.
    """

    def __init__(
        self, bracket: FermiBracket, coefficients: Tensor, points: int, precision: torch.dtype
    ) -> None:
        self.bracket, self.coefficients = bracket, coefficients
        self.first = torch.empty(points, dtype=torch.float64)
        self.others = torch.empty(len(coefficients) - 1, points, dtype=precision)

    def put(self, begin: int, sums: Tensor) -> None:
        """Take the sums at the points from `begin` on: [nodes, points], 1/Å³, float64."""
        end = begin + sums.shape[1]
        self.first[begin:end] = sums[0]
        self.others[:, begin:end] = sums[1:]

    def density(self, fermi_energy: float, begin: int = 0, end: int | None = None) -> Tensor:
        """Density of some points in 1/Å³, [points], float64.

        Parameters
        ----------
        fermi_energy
            eV, in the bracket.
        begin
            First point.
        end
            The point after the last; all if absent.

        Returns
        -------
        Tensor
            A new array.

        Raises
        ------
        DataError
            If the Fermi energy is not in the bracket.
        """
        factors = self.bracket.polynomials(fermi_energy)
        return combination(factors, self.first[begin:end], self.others[:, begin:end])

    def slope(self, fermi_energy: float, begin: int = 0, end: int | None = None) -> Tensor:
        """Derivative of the density by the Fermi energy, 1/(eV Å³); arguments as of `density`."""
        factors = self.bracket.slopes(fermi_energy)
        return combination(factors, self.first[begin:end], self.others[:, begin:end])

    def settle(self, fermi_energy: float) -> "SettledDensity":
        """Give density and slope at a Fermi energy, and all other memory back.

        Parameters
        ----------
        fermi_energy
            eV, in the bracket.

        Returns
        -------
        SettledDensity
            The slope in the precision of the networks: only its mean is ever used, weighted.
        """
        density = self.density(fermi_energy)
        slope = self.slope(fermi_energy).to(self.others.dtype)
        self.first, self.others = torch.empty(0), torch.empty(0, 0)
        return SettledDensity(density, slope)


@dataclass(frozen=True)
class SettledDensity:
    """Density of one network at its Fermi energy.

    Attributes
    ----------
    density
        1/Å³, [points], float64.
    slope
        Its derivative by the Fermi energy, 1/(eV Å³), [points].
    """

    density: Tensor
    slope: Tensor


def combination(factors: Tensor, first: Tensor, others: Tensor) -> Tensor:
    """Sum of the coefficients with the values of the polynomials, one after the other.

    Parameters
    ----------
    factors
        Values of the polynomials, or their slopes, [nodes].
    first
        Coefficients of order 0, any shape.
    others
        Those of the higher orders, [nodes - 1, ...].

    Returns
    -------
    Tensor
        A new array of the shape and precision of `first`.
    """
    total = float(factors[0]) * first
    for factor, array in zip(factors[1:].tolist(), others, strict=True):
        total.add_(array, alpha=factor)
    return total
