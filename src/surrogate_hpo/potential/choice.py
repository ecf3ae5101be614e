"""Which descriptor a linear SNAP potential has, and how much it trusts forces."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.potential.features import AtomDescriptor, energy_features, force_features
from surrogate_hpo.potential.linear_snap import LinearFit, LinearSnap, fit_linear_snap

FloatArray = NDArray[np.float64]
# Å/atom. At 0.01 an error of 0.1 eV/Å counts as one of 1 meV/atom; at 1 forces decide, and the
# energies give the constant.
FORCE_WEIGHTS = (0.01, 0.1, 1.0)


def choose_linear_snap(
    structures: Sequence[Atoms],
    energies: Sequence[float],
    descriptors: Sequence[AtomDescriptor],
    forces: Sequence[FloatArray] | None = None,
    force_weights: Sequence[float] = FORCE_WEIGHTS,
) -> LinearSnap:
    """Fit with each descriptor and weight and keep what predicts left-out energies best.

    Parameters
    ----------
    structures
        Periodic structures, Å.
    energies
        eV per cell.
    descriptors
        What to choose from.
    forces
        [N, 3] per structure, eV/Å, or [0, 3] where they are not to be fitted; None to fit
        energies alone.
    force_weights
        Å/atom, see `fit_linear_snap`: what to choose from where there are forces.

    Returns
    -------
    LinearSnap
        The one whose energies have the smallest leave-one-out error; the first of equals.

    Raises
    ------
    DataError
        As `fit_linear_snap`.
    """
    fitted = [
        LinearSnap(descriptor, fit)
        for descriptor in descriptors
        for fit in _fits(structures, energies, descriptor, forces, force_weights)
    ]
    return min(fitted, key=lambda potential: potential.fit.leave_one_out_rmse)


def _fits(
    structures: Sequence[Atoms],
    energies: Sequence[float],
    descriptor: AtomDescriptor,
    forces: Sequence[FloatArray] | None,
    force_weights: Sequence[float],
) -> list[LinearFit]:
    """Fits with one descriptor: one per weight of the forces, or the one without."""
    features = [energy_features(atoms, descriptor) for atoms in structures]
    if forces is None:
        return [fit_linear_snap(energies, features, counts=descriptor.counts)]
    rows = [
        force_features(atoms, descriptor) if len(given) else np.empty((0, descriptor.features))
        for atoms, given in zip(structures, forces, strict=True)
    ]
    return [
        fit_linear_snap(
            energies,
            features,
            counts=descriptor.counts,
            forces=forces,
            force_rows=rows,
            force_weight=weight,
        )
        for weight in force_weights
    ]
