"""The structure factor of atoms on the wave vectors of a grid, at a cost that grows as the grid."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# The kernel's support on the coarse grid; on the fine one, of half the spacing, twice as many
# points. With 14 fine points the sum is exact to some 1e-13 of its largest value.
_SUPPORT = 7
_SHAPE = 2.30 * 2 * _SUPPORT
_CHUNK_ATOMS = 4096


def structure_factor(positions: Tensor, shape: Sequence[int], cell: Tensor) -> Tensor:
    r"""Sum over the atoms :math:`S(G) = \sum_a e^{-iGR_a}` for all wave vectors of a grid.

    A non-uniform fast Fourier transform: the atoms are spread to a grid of half the spacing by the
    kernel :math:`\phi(x) = e^{\beta(\sqrt{1-x^2}-1)}`, transformed, and divided by the kernel's
    transform (Barnett, Magland, af Klinteberg, SIAM J. Sci. Comput. 41, C479 (2019)). The fine
    grid is taken as eight coarse ones, one at a time, so that it is never in memory.

    Parameters
    ----------
    positions
        Positions of the atoms in Å, shape [atoms, 3].
    shape
        Number of grid points along each lattice vector.
    cell
        Lattice vectors in Å as rows, shape [3, 3].

    Returns
    -------
    Tensor
        Complex, in the order of the transform of a real field, shape [x, y, z//2 + 1];
        differentiable with respect to `positions`.
    """
    fractions = positions @ torch.linalg.inv(cell)
    counts = tuple(shape)
    waves = [torch.fft.fftfreq(n, 1 / n, dtype=cell.dtype, device=cell.device) for n in counts]
    waves[2] = waves[2][: counts[2] // 2 + 1]
    total: Tensor | float = 0.0
    for offset in itertools.product((0.0, 0.5), repeat=3):
        amplitudes = torch.fft.rfftn(_spread(fractions, counts, offset))
        for axis, (k, n, shift) in enumerate(zip(waves, counts, offset, strict=True)):
            if shift:
                amplitudes = amplitudes * _along(torch.exp(-2j * torch.pi * k * shift / n), axis)
        total = total + amplitudes
    for axis, (k, n) in enumerate(zip(waves, counts, strict=True)):
        total = total / _along(_kernel_transform(k / n), axis)
    assert isinstance(total, Tensor)  # noqa: S101 - there are eight offsets
    return total


def _along(values: Tensor, axis: int) -> Tensor:
    """Values of one axis, to be multiplied with an array on the grid."""
    return values.reshape([-1 if axis == other else 1 for other in range(3)])


def _spread(fractions: Tensor, shape: tuple[int, ...], offset: tuple[float, ...]) -> Tensor:
    """Sum of the atoms' kernels on a coarse grid that is shifted by part of its spacing."""
    grid = fractions.new_zeros(math.prod(shape))
    steps = torch.arange(_SUPPORT, dtype=fractions.dtype, device=fractions.device)
    for atoms in torch.split(fractions, _CHUNK_ATOMS):
        weights, indices = [], []
        for axis, (points, shift) in enumerate(zip(shape, offset, strict=True)):
            place = (atoms[:, axis] - torch.floor(atoms[:, axis].detach())) * points - shift
            first = torch.ceil(place.detach() - _SUPPORT / 2)
            nodes = first[:, None] + steps
            distance = (nodes - place[:, None]) * (2 / _SUPPORT)
            # The root's slope is infinite at the kernel's end, where the kernel is 1e-14.
            root = torch.sqrt((1 - distance**2).clamp_min(1e-30))
            weights.append(torch.exp(_SHAPE * (root - 1)))
            indices.append(nodes.to(torch.int64) % points)
        values = torch.einsum("ax,ay,az->axyz", *weights)
        x, y, z = indices
        flat = (x[:, :, None, None] * shape[1] + y[:, None, :, None]) * shape[2] + z[:, None, None]
        grid = grid.index_add(0, flat.reshape(-1), values.reshape(-1))
    return grid.reshape(shape)


def _kernel_transform(waves: Tensor) -> Tensor:
    """Transform of the kernel for waves per coarse spacing, per point of the fine grid."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    kernel = weights * np.exp(_SHAPE * (np.sqrt(1 - nodes**2) - 1))
    abscissae = torch.from_numpy(nodes).to(waves) * (torch.pi * _SUPPORT)
    cosines = torch.cos(waves[:, None] * abscissae)
    return _SUPPORT * (cosines @ torch.from_numpy(kernel).to(waves))
