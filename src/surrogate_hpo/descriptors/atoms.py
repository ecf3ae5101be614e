"""Atoms of a periodic cell as every engine of the bispectrum takes them: checked once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.neighbours import NeighbourBins, neighbour_bins
from surrogate_hpo.descriptors.validation import (
    checked_cell,
    checked_cutoffs,
    checked_per_atom,
    checked_vectors,
)


@dataclass(frozen=True)
class WeightedAtoms:
    """Checked atoms with what the bispectrum weighs them by.

    Attributes
    ----------
    cell
        Cell vectors as rows, Å, [3, 3].
    positions
        Cartesian positions, Å, [N, 3]; inside the cell or not.
    weights
        w_i, dimensionless, [N].
    radii
        Radius factors, dimensionless, [N].
    cutoffs
        R_i = 2·radius·cutoff_radius, Å, [N].
    """

    cell: NDArray[np.float64]
    positions: NDArray[np.float64]
    weights: NDArray[np.float64]
    radii: NDArray[np.float64]
    cutoffs: NDArray[np.float64]

    def neighbour_bins(self) -> NeighbourBins:
        """List the candidate neighbours of any point within the widest cutoff."""
        widest = float(self.cutoffs.max(initial=0.0)) or 1.0
        return neighbour_bins(self.positions, self.cell, cutoff_radius=widest)


def weighted_atoms(
    positions: ArrayLike,
    cell: ArrayLike,
    *,
    cutoff_radius: float,
    weights: ArrayLike | None,
    radii: ArrayLike | None,
) -> WeightedAtoms:
    """Check the atoms and settings that an engine is given.

    Parameters
    ----------
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3]; periodic in all three, any shape and handedness.
    cutoff_radius
        R_cut, Å.
    weights
        w_i of each atom, dimensionless, [N]; None for 1.
    radii
        Radius factor of each atom, dimensionless, [N]; None for 0.5.

    Returns
    -------
    WeightedAtoms
        Float64 arrays.

    Raises
    ------
    ConfigError
        If a setting has no meaning, or the cutoff would reach more than 100 000 atoms.
    DataError
        If an array has the wrong shape, holds NaN or inf, or the cell has no volume.
    """
    lattice = checked_cell(cell)
    atoms = checked_vectors("positions", positions)
    factors = checked_per_atom("radii", radii, len(atoms), absent=0.5)
    volume = abs(np.linalg.det(lattice))
    return WeightedAtoms(
        cell=lattice,
        positions=atoms,
        weights=checked_per_atom("weights", weights, len(atoms), absent=1.0),
        radii=factors,
        cutoffs=checked_cutoffs(cutoff_radius, factors, volume),
    )
