"""Where a surrogate is on unknown ground: descriptors outside of the training range, over space."""

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.descriptors.grid import grid_boxes
from surrogate_hpo.networks.training_range import TOLERANCE
from surrogate_hpo.physics.atom_partition import AtomSums
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.descriptor_engines import grid_engine

FloatArray = NDArray[np.float64]
Shape = tuple[int, int, int]


def extrapolation_map(
    surrogate: Surrogate, atoms: Atoms, shape: Shape, conditions: Conditions
) -> FloatArray:
    """How far descriptors at the points of a coarse grid are outside of the training range.

    Parameters
    ----------
    surrogate
        Descriptor and training range.
    atoms
        The structure, Å.
    shape
        Number of points of the coarse grid along each cell vector.
    conditions
        How descriptors are computed.

    Returns
    -------
    array
        Of the component that is farthest outside, in standard deviations of the training points;
        0 within the range. [x, y, z].
    """
    how, definition = conditions.descriptors, surrogate.definition
    compute = grid_engine(how, definition, atoms, shape, threads=conditions.threads)
    found = np.zeros(shape)
    _, y, z = shape
    rows = min(y, max(1, conditions.block_points // z))
    for box in grid_boxes(shape, (1, rows, z), points=conditions.block_points):
        excess = surrogate.known.excess(torch.from_numpy(compute(box))).amax(1).numpy()
        found[box.slices] = np.where(excess > TOLERANCE, excess, 0).reshape(box.shape)
    return found


def of_atoms(excess: FloatArray, atoms: Atoms, *, width: float) -> FloatArray:
    """The same around each atom.

    Parameters
    ----------
    excess
        Of `extrapolation_map`.
    atoms
        The structure, Å.
    width
        Of the weights that share space among the atoms, Å.

    Returns
    -------
    array
        Share of each atom's points that are outside, and mean over all of its points,
        [atom, 2].
    """
    x, y, z = excess.shape
    sums = AtomSums((x, y, z), atoms.positions, atoms.cell[:], width=width)
    flat = excess.ravel()
    shared = sums(np.stack([flat > 0, flat, np.ones_like(flat)], axis=1))
    # An atom without a point of the coarse grid, next to others, has none to judge by.
    with np.errstate(invalid="ignore"):
        return np.asarray(shared[:, :2] / shared[:, 2:], np.float64)
