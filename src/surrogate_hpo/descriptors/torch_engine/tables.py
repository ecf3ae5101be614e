"""Functions on the 3-sphere, their quadrature, and constant tables of the torch engine."""

from collections.abc import Iterator
from functools import lru_cache
from math import comb
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogate_hpo.descriptors.triples import triples


def sphere_quadrature(degree: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Place nodes on the 3-sphere that average even polynomials exactly.

    .. math::
        \langle f \rangle = \sum_k w_k f(q_k), \qquad
        q_0 + i q_3 = \cos η\, e^{i(φ + ψ)}, \quad q_2 + i q_1 = \sin η\, e^{i(φ - ψ)}

    Equal steps in φ and ψ, and Gauss-Legendre nodes in cos 2η, as the measure is
    dφ dψ d(cos 2η). An even polynomial has the period π in φ and in ψ, which halves the nodes.

    Parameters
    ----------
    degree
        Highest degree of the polynomial in the four coordinates.

    Returns
    -------
    nodes : array [K, 4]
        Unit quaternions, no two of them antipodal.
    weights : array [K]
        Positive, with the sum 1.
    """
    steps = degree // 2 + 1
    cosines, polar_weights = np.polynomial.legendre.leggauss(degree // 4 + 1)
    angles = np.pi * np.arange(steps) / steps
    eta, phi, psi = np.meshgrid(np.arccos(cosines) / 2, angles, angles, indexing="ij")
    first, second = np.cos(eta) * np.exp(1j * (phi + psi)), np.sin(eta) * np.exp(1j * (phi - psi))
    nodes = np.stack([first.real, second.imag, second.real, first.imag], axis=-1)
    weights = np.broadcast_to(polar_weights[:, None, None] / (2 * steps**2), eta.shape)
    return nodes.reshape(-1, 4), weights.ravel()


# Nodes that are handled together: the functions at so many nodes stay in the cache of a CPU.
_NODES_AT_A_TIME = 512


class SphereTables(NamedTuple):
    """What the torch engine needs of one band limit.

    Attributes
    ----------
    twojmax
        2·J_max.
    waves
        Per chunk of nodes and per j, the matrix [2·half_size(j), nodes] that turns half of
        the elements of U_j (real, then imaginary parts) into ∛w_k f_j(q_k).
    own
        Per chunk of nodes and per j, the point's own term ∛w_k U_j(q_0·q_k), [nodes].
    columns
        Where each component but the first is found among the correlations, [components − 1].
    factors
        j + 1 of each component but the first, [components − 1].
    """

    twojmax: int
    waves: tuple[tuple[Tensor, ...], ...]
    own: tuple[tuple[Tensor, ...], ...]
    columns: Tensor
    factors: Tensor


def half_size(j: int) -> int:
    """Return how many elements of U_j, row by row, hold all of it: the rest mirrors them."""
    return ((j + 1) ** 2 + 1) // 2


def half_rotations(first: Tensor, second: Tensor, start: Tensor, twojmax: int) -> Iterator[Tensor]:
    """Build the rotation matrices of unit quaternions, j after j, half of each.

    u_j[mb, ma] = a* u_{j−1}[mb, ma] − b* u_{j−1}[mb, ma−1], free of the factors of
    :func:`squared_norms`, for the rows mb ≤ j/2; u[j−mb, j−ma] = (−1)^(mb+ma) u[mb, ma]*.

    Parameters
    ----------
    first
        a* = q_0 + i q_3, complex, of any shape.
    second
        b* = q_2 + i q_1.
    start
        u_0, real: 1, or a weight that multiplies all.
    twojmax
        The last j.

    Yields
    ------
    tensor [half_size(j), ...]
        The first elements of u_j, row by row, for j = 0, 1, …, twojmax.
    """
    rows = start.to(first.dtype)[None, None]
    yield rows[0]
    for j in range(1, twojmax + 1):
        if j % 2 == 0:
            # Row j/2 grows out of a row of u_{j−1} in the mirrored half.
            signs = (-1.0) ** (torch.arange(j, device=first.device) + j // 2)
            signs = signs.to(first.real.dtype).view(-1, *[1] * first.ndim)
            # ma runs backwards in the mirrored row, so its sign is that of its source, j−1−ma.
            rows = torch.cat([rows, (-signs * rows[-1].conj()).flip(0)[None]])
        grown = torch.cat([first * rows, torch.zeros_like(rows[:, :1])], dim=1)
        grown[:, 1:].addcmul_(second, rows, value=-1)
        rows = grown
        yield rows.flatten(0, 1)[: half_size(j)]


def squared_norms(j: int) -> Tensor:
    """Return ma! (j − ma)! / (mb! (j − mb)!) of the first half of U_j, [half_size(j)]."""
    ways = [comb(j, m) for m in range(j + 1)]
    ratios = [ways[mb] / ways[ma] for mb in range(j // 2 + 1) for ma in range(j + 1)]
    return torch.tensor(ratios[: half_size(j)], dtype=torch.float64)


def correlation_order(twojmax: int) -> list[tuple[int, int, int]]:
    """List (j1, j2, j) in the order in which the correlations are computed, from j1 = 1."""
    return [
        (j1, j2, j)
        for j1 in range(1, twojmax + 1)
        for odd in (0, 1)
        for j2 in range(odd, j1 + 1, 2)
        for j in range(j1 + odd, min(twojmax, 2 * j1) + 1, 2)
    ]


@lru_cache(maxsize=16)
def sphere_tables(twojmax: int, dtype: torch.dtype, device: torch.device) -> SphereTables:
    """Build the tables of one band limit.

    The addition theorem U_j(q·q') = Re Σ D_j[mb, ma](q) D_j[mb, ma](q')* makes the functions
    at the nodes a matrix product. The cube root of the weight goes into each function, so
    that a product of three carries the weight.

    Parameters
    ----------
    twojmax
        2·J_max.
    dtype
        Type of the tables; they are computed in float64.
    device
        Where they are kept.

    Returns
    -------
    SphereTables
        Read-only by convention.
    """
    nodes, weights = map(torch.from_numpy, map(np.array, sphere_quadrature(3 * twojmax)))
    roots = weights ** (1 / 3)
    first = torch.complex(nodes[:, 0], nodes[:, 3])
    second = torch.complex(nodes[:, 2], nodes[:, 1])
    waves, own = [], []
    for j, half in enumerate(half_rotations(first, second, torch.ones_like(roots), twojmax)):
        # All elements but the one in the middle of an even j stand for two.
        equals = torch.full((half_size(j),), 2.0, dtype=torch.float64)
        equals[-1] -= (j + 1) % 2
        scaled = half * (equals * squared_norms(j))[:, None] * roots
        waves.append(torch.cat([scaled.real, scaled.imag]))
        identity = [mb * (j + 1) + mb for mb in range(j // 2 + 1)]
        own.append(scaled.real[identity].sum(0))

    def chunks(rows: list[Tensor]) -> tuple[tuple[Tensor, ...], ...]:
        parts = (torch.split(row.to(device, dtype), _NODES_AT_A_TIME, dim=-1) for row in rows)
        return tuple(tuple(p.contiguous() for p in part) for part in zip(*parts, strict=True))

    order = {triple: k for k, triple in enumerate(correlation_order(twojmax))}
    wanted = triples(twojmax)[1:]
    return SphereTables(
        twojmax,
        chunks(waves),
        chunks(own),
        torch.tensor([order[triple] for triple in wanted], dtype=torch.int64, device=device),
        torch.tensor([j + 1 for _, _, j in wanted], dtype=dtype, device=device),
    )
