"""Periodic neighbour search with torch, for all points of a block at once."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogate_hpo.descriptors.geometry import ON_POINT
from surrogate_hpo.descriptors.neighbours import NeighbourBins


class Surroundings(NamedTuple):
    """Atoms as tensors on a device.

    Attributes
    ----------
    bins
        The arrays of :class:`.neighbours.NeighbourBins` by their names.
    longest
        Length of the longest list of candidates.
    cutoffs
        R_i of each atom, Å, [N].
    weights
        w_i of each atom, dimensionless, [N].
    """

    bins: dict[str, Tensor]
    longest: int
    cutoffs: Tensor
    weights: Tensor


def surroundings(
    bins: NeighbourBins,
    cutoffs: NDArray[np.float64],
    weights: NDArray[np.float64],
    device: torch.device,
) -> Surroundings:
    """Move the atoms to a device."""
    arrays = {**bins._asdict(), "cutoffs": cutoffs, "weights": weights}
    tensors = {name: torch.as_tensor(array, device=device) for name, array in arrays.items()}
    return Surroundings(tensors, bins.max_candidates, tensors["cutoffs"], tensors["weights"])


def neighbours(points: Tensor, around: Surroundings) -> tuple[Tensor, Tensor, Tensor]:
    """Find the neighbours of all points at once.

    Parameters
    ----------
    points
        Cartesian coordinates, float64, Å, [P, 3]; inside the cell or not.
    around
        The atoms.

    Returns
    -------
    displacements : tensor [P, N, 3]
        Point minus atom, Å, for as many as the point with most neighbours has; zero if none.
    cutoffs : tensor [P, N]
        Å; zero if there is none.
    weights : tensor [P, N]
        Dimensionless; zero if there is none.
    """
    bins = around.bins
    scaled = points @ bins["inverse"]
    turns = scaled.floor()
    home = points - turns @ bins["cell"]
    x, y, z = torch.minimum(((scaled - turns) * bins["shape"]).long(), bins["shape"] - 1).T
    target = (x * bins["shape"][1] + y) * bins["shape"][2] + z
    begin, end = bins["start"][target], bins["start"][target + 1]
    slots = begin[:, None] + torch.arange(around.longest, device=points.device)
    listed = slots < end[:, None]
    slots = torch.where(listed, slots, 0)
    squared = ((home[:, None] - bins["positions"][slots]) ** 2).sum(-1)
    cutoffs = around.cutoffs[bins["atoms"][slots]]
    near = listed & (squared > ON_POINT) & (squared < cutoffs * cutoffs)
    owner, candidate = near.nonzero(as_tuple=True)
    rank = (near.cumsum(1) - 1)[owner, candidate]
    found = slots[owner, candidate]
    longest = int(near.sum(1).max())
    atoms = bins["atoms"][found]
    padded = torch.zeros(len(points), longest, 5, dtype=torch.float64, device=points.device)
    padded[owner, rank, :3] = home[owner] - bins["positions"][found]
    padded[owner, rank, 3] = around.cutoffs[atoms]
    padded[owner, rank, 4] = around.weights[atoms]
    return padded[..., :3], padded[..., 3], padded[..., 4]
