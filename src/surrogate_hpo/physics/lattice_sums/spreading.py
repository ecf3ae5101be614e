"""Atoms spread to a periodic grid by a smooth kernel: the first step of a non-uniform FFT."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

_CHUNK_VALUES = 2**18
"""Values of atoms' kernels at a time: they stay in a processor's cache."""


@dataclass(frozen=True)
class Kernel:
    r"""The kernel :math:`\phi(x) = e^{\beta(\sqrt{1-x^2}-1)}` on :math:`|x| \le 1`.

    Its Fourier sum is exact to about :math:`e^{-\pi w\sqrt{1-1/\sigma}}` for wave vectors up to
    the grid's largest over :math:`\sigma`, with w grid points of support and :math:`\beta` near
    :math:`\pi w (1 - 1/2\sigma)`.
    Source: Barnett, Magland, af Klinteberg, SIAM J. Sci. Comput. 41, C479 (2019).

    Attributes
    ----------
    support
        w, width in grid points.
    shape
        beta.
    """

    support: int
    shape: float

    def __call__(self, distance: Tensor) -> Tensor:
        """Value at distances in grid points, at most half the support."""
        # The root's slope is infinite at the kernel's end, where the kernel is tiny.
        root = torch.sqrt((1 - (distance * (2 / self.support)) ** 2).clamp_min(1e-30))
        return torch.exp(self.shape * (root - 1))

    def transform(self, waves: Tensor) -> Tensor:
        """Integral of the kernel times a wave, for waves per grid point, [waves]."""
        nodes, weights = np.polynomial.legendre.leggauss(64)
        kernel = weights * np.exp(self.shape * (np.sqrt(1 - nodes**2) - 1))
        abscissae = torch.from_numpy(nodes).to(waves) * (torch.pi * self.support)
        cosines = torch.cos(waves[:, None] * abscissae)
        return self.support / 2 * (cosines @ torch.from_numpy(kernel).to(waves))


def spread(
    fractions: Tensor,
    shape: Sequence[int],
    kernel: Kernel,
    *,
    offset: Sequence[float] = (0.0, 0.0, 0.0),
    charges: Tensor | None = None,
) -> Tensor:
    """Sum of the atoms' kernels on a periodic grid.

    Some atoms at a time, also when it is differentiated: what they spread is computed again
    then, so that the memory does not grow with the atoms beyond the grid.

    Parameters
    ----------
    fractions
        Positions in units of the lattice vectors, in the cell or not, [atoms, 3].
    shape
        Number of grid points along each lattice vector.
    kernel
        What an atom is spread by, along each axis.
    offset
        Shift of the grid in units of its spacing.
    charges
        What each atom counts, [atoms]; None for 1.

    Returns
    -------
    Tensor
        Shape [x, y, z]; differentiable, once, with respect to `fractions`.
    """
    found: Tensor = _Spread.apply(  # type: ignore[no-untyped-call]
        fractions, tuple(shape), kernel, tuple(offset), charges
    )
    return found


class _Spread(torch.autograd.Function):
    """The sum, and its adjoint."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch gives it no type
        fractions: Tensor,
        shape: tuple[int, ...],
        kernel: Kernel,
        offset: tuple[float, ...],
        charges: Tensor | None,
    ) -> Tensor:
        ctx.save_for_backward(fractions, *([] if charges is None else [charges]))
        ctx.arguments = shape, kernel, offset
        grid = fractions.new_zeros(math.prod(shape))
        for atoms, own in _chunks(fractions, charges, kernel):
            values, places = _kernels(atoms, shape, kernel, offset, own)
            grid.index_add_(0, places.reshape(-1), values.reshape(-1))
        return grid.reshape(shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        fractions, *given = ctx.saved_tensors
        charges = given[0] if given else None
        shape, kernel, offset = ctx.arguments
        flat = slope.reshape(-1)
        found: list[Tensor] = []
        for atoms, own in _chunks(fractions, charges, kernel):
            with torch.enable_grad():
                varied = atoms.detach().requires_grad_()
                values, places = _kernels(varied, shape, kernel, offset, own)
            found += torch.autograd.grad(values, varied, flat[places])
        return torch.cat(found), None, None, None, None


def _chunks(
    fractions: Tensor, charges: Tensor | None, kernel: Kernel
) -> Iterator[tuple[Tensor, Tensor | None]]:
    step = max(1, _CHUNK_VALUES // kernel.support**3)
    for begin in range(0, len(fractions), step):
        own = None if charges is None else charges[begin : begin + step]
        yield fractions[begin : begin + step], own


def _kernels(
    fractions: Tensor,
    shape: tuple[int, ...],
    kernel: Kernel,
    offset: tuple[float, ...],
    charges: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Values of each atom's kernel, and the grid points that they belong to, [atom, x, y, z]."""
    steps = torch.arange(kernel.support, dtype=fractions.dtype, device=fractions.device)
    weights, indices = [], []
    for axis, (points, shift) in enumerate(zip(shape, offset, strict=True)):
        fraction = fractions[:, axis]
        place = (fraction - torch.floor(fraction.detach())) * points - shift
        first = torch.ceil(place.detach() - kernel.support / 2)
        nodes = first[:, None] + steps
        weights.append(kernel(nodes - place[:, None]))
        indices.append(nodes.to(torch.int64) % points)
    if charges is not None:
        weights[0] = charges[:, None] * weights[0]
    x, y, z = indices
    places = (x[:, :, None, None] * shape[1] + y[:, None, :, None]) * shape[2] + z[:, None, None]
    return torch.einsum("ax,ay,az->axyz", *weights), places
