"""Pairs of ions, and of ions and periodic images, within a distance."""

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

_CHUNK_PAIRS = 2**19


def ion_pairs(
    positions: Tensor, cell: Tensor, radius: float, *, once: bool = False
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """List all pairs within a distance, some at a time, each in both orders or in one.

    A k-d tree finds them: the cost grows as the number of pairs, the memory as that of images.

    Parameters
    ----------
    positions
        Cartesian positions in Å, inside the cell or not, shape [atoms, 3].
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    radius
        Largest distance in Å; it may exceed the cell.
    once
        Each pair in one order only.

    Yields
    ------
    tuple of Tensor
        Index of the first and of the second ion, and the lattice translation of the second as
        three whole numbers: the pair is at ``positions[second] - positions[first] + shift @ cell``.
        No ion is paired with itself, but with its images. At least one pair.
    """
    lattice = cell.detach().cpu().numpy()
    fractions = positions.detach().cpu().numpy() @ np.linalg.inv(lattice)
    turns = np.floor(fractions)
    home = (fractions - turns) @ lattice
    ions, shifts = _images(fractions - turns, lattice, radius)
    images = cKDTree(home[ions] + shifts @ lattice)
    density = len(home) / abs(np.linalg.det(lattice))
    expected = density * 4 / 3 * np.pi * radius**3
    step = max(1, int(_CHUNK_PAIRS / max(expected, 1.0)))
    for begin in range(0, len(home), step):
        part = cKDTree(home[begin : begin + step])
        found = part.sparse_distance_matrix(images, radius, output_type="ndarray")
        first, image = found["i"].astype(np.int64) + begin, found["j"].astype(np.int64)
        second, translation = ions[image], shifts[image]
        other = (first != second) | translation.any(axis=1)
        if once:
            # Of a pair and its reverse, which are (i, j, t) and (j, i, -t).
            sign = np.sign(translation) @ (9, 3, 1)
            other &= (sign > 0) | ((sign == 0) & (first < second))
        first, second, translation = first[other], second[other], translation[other]
        if len(first):
            # From wrapped positions back to those that were given.
            translation = translation - turns[second] + turns[first]
            device = positions.device
            yield (
                torch.from_numpy(first).to(device),
                torch.from_numpy(second).to(device),
                torch.from_numpy(translation).to(device, cell.dtype),
            )


def _images(
    fractions: NDArray[np.float64], lattice: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Ions and translations of all images that can be within the radius of a point of the cell."""
    # Distances of the planes between which the cell lies.
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    margin = radius / heights
    reach = [range(-int(np.ceil(m)), int(np.ceil(m)) + 1) for m in margin]
    ions, shifts = [], []
    for shift in itertools.product(*reach):
        moved = fractions + np.array(shift)
        near = np.flatnonzero(((moved >= -margin) & (moved <= 1 + margin)).all(axis=1))
        ions.append(near)
        shifts.append(np.tile(np.array(shift, np.float64), (len(near), 1)))
    return np.concatenate(ions), np.concatenate(shifts)
