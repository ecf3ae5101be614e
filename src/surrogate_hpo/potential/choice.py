"""Which descriptor a linear SNAP potential has, and how much it trusts forces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.potential.features import (
    AtomDescriptor,
    derivative_features,
    energy_features,
)
from surrogate_hpo.potential.linear_snap import LinearSnap, fit_linear_snap

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
    *,
    virials: Sequence[FloatArray] | None = None,
    virial_weight: float = 0.1,
    force_share: float = 0.0,
) -> LinearSnap:
    """Fit with each descriptor and weight and keep what predicts left-out structures best.

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
    virials
        [9] per structure, eV/atom: volume times stress over the number of atoms, or [0]; None to
        fit none.
    virial_weight
        Dimensionless, see `fit_linear_snap`; also what left-out virials count in the choice.
    force_share
        Å/atom: what an error of left-out forces counts beside one of left-out energies per atom.

    Returns
    -------
    LinearSnap
        The one with the smallest leave-one-out error; the first of equals.

    Raises
    ------
    DataError
        As `fit_linear_snap`.
    """
    fitted = []
    for descriptor in descriptors:
        design = design_of(structures, descriptor, forces, virials)
        for weight in force_weights if forces is not None else (0.0,):
            fit = fit_linear_snap(
                energies,
                design.features,
                counts=descriptor.counts,
                forces=forces,
                force_rows=design.force_rows,
                force_weight=weight,
                virials=virials,
                virial_rows=design.virial_rows,
                virial_weight=virial_weight,
                force_share=force_share,
                virial_share=virial_weight,
            )
            fitted.append(LinearSnap(descriptor, fit))
    return min(fitted, key=lambda potential: potential.fit.score(force_share, virial_weight))


@dataclass(frozen=True)
class Design:
    """Rows of a descriptor for structures, as `fit_linear_snap` takes them."""

    features: list[FloatArray]
    force_rows: list[FloatArray] | None
    virial_rows: list[FloatArray] | None


def design_of(
    structures: Sequence[Atoms],
    descriptor: AtomDescriptor,
    forces: Sequence[FloatArray] | None,
    virials: Sequence[FloatArray] | None,
    features: Sequence[FloatArray] | None = None,
) -> Design:
    """Rows for the energies, and for forces and virials of the structures that have some.

    Parameters
    ----------
    structures
        Periodic structures, Å.
    descriptor
        What to describe atoms by.
    forces
        As `choose_linear_snap`; only whether they are empty matters here.
    virials
        The same.
    features
        `energy_features` of the structures, where they are known already.

    Returns
    -------
    Design
        In the order of the structures.
    """
    if features is None:
        features = [energy_features(atoms, descriptor) for atoms in structures]
    features = list(features)
    if forces is None and virials is None:
        return Design(features, None, None)
    nothing = np.empty((0, descriptor.features))
    force_rows, virial_rows = [], []
    for number, atoms in enumerate(structures):
        pulled = forces is not None and len(forces[number]) > 0
        strained = virials is not None and len(virials[number]) > 0
        rows, stress = (
            derivative_features(atoms, descriptor) if pulled or strained else (nothing, nothing)
        )
        volume = abs(float(atoms.get_volume())) / len(atoms)
        force_rows.append(rows if pulled else nothing)
        virial_rows.append(volume * stress if strained else nothing)
    return Design(
        features,
        None if forces is None else force_rows,
        None if virials is None else virial_rows,
    )
