"""The structure factor of atoms on the wave vectors of a grid, at a cost that grows as the grid."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from surrogate_hpo.physics.lattice_sums.spreading import Kernel, spread

# Its support on the coarse grid; on the fine one, of half the spacing, twice as many points.
# With 14 fine points the sum is exact to some 1e-13 of its largest value.
_KERNEL = Kernel(support=7, shape=2.30 * 14)


def structure_factor(positions: Tensor, shape: Sequence[int], cell: Tensor) -> Tensor:
    r"""Sum over the atoms :math:`S(G) = \sum_a e^{-iGR_a}` for all wave vectors of a grid.

    A non-uniform fast Fourier transform: the atoms are spread to a grid of half the spacing by the
    kernel of :mod:`~surrogate_hpo.physics.lattice_sums.spreading`, transformed, and divided by the
    kernel's transform (Barnett, Magland, af Klinteberg, SIAM J. Sci. Comput. 41, C479 (2019)).
    The fine grid is taken as eight coarse ones, one at a time, so that it is never in memory.

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
    total = torch.zeros([len(k) for k in waves], dtype=torch.complex128, device=cell.device)
    for offset in itertools.product((0.0, 0.5), repeat=3):
        amplitudes = torch.fft.rfftn(spread(fractions, counts, _KERNEL, offset=offset))
        x, y, z = (
            torch.exp(-2j * torch.pi * k * shift / n)
            for k, n, shift in zip(waves, counts, offset, strict=True)
        )
        # In place: new arrays of this size, which the system has to clear, cost as much again.
        total.addcmul_(amplitudes.mul_((x[:, None] * y)[..., None]), z)
    # Along each axis two coarse grids have been summed.
    x, y, z = (1 / (2 * _KERNEL.transform(k / n)) for k, n in zip(waves, counts, strict=True))
    return total.mul_((x[:, None] * y)[..., None]).mul_(z)
