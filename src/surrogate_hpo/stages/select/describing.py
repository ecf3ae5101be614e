"""How atoms are described where a choice among structures is made."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from surrogate_hpo.potential.features import AtomDescriptor, elements_of

# Cutoff by default, in units of the radius of a sphere that holds one atom.
_RADII = 3.0


def default_descriptor(
    known: Sequence[Atoms], cutoff_radius: float | None, twojmax: int
) -> AtomDescriptor:
    """SNAP at the atoms, for the elements of some structures.

    Parameters
    ----------
    known
        Structures, Å; one or more.
    cutoff_radius
        Å; None for three times the radius of a sphere that holds one of their atoms.
    twojmax
        2·J_max.

    Returns
    -------
    AtomDescriptor
        With the same cutoff for all elements.
    """
    volumes = [abs(float(atoms.get_volume())) / len(atoms) for atoms in known]
    radius = float(np.cbrt(3 * np.mean(volumes) / (4 * np.pi)))
    return AtomDescriptor(cutoff_radius or round(_RADII * radius, 2), twojmax, elements_of(known))
