"""The bispectrum with torch: on a GPU, and differentiable.

Instead of Clebsch-Gordan coupling, the functions f_j are evaluated at the nodes of a
quadrature on the 3-sphere that is exact for a product of three, one matrix product per j,
and their triple correlations are batched matrix products. Only this module and those that
it uses, ``torch_device``, ``torch_neighbours`` and ``torch_tables``, import torch, which takes
seconds.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, DTypeLike, NDArray
from torch import Tensor

from surrogate_hpo.descriptors.atoms import weighted_atoms
from surrogate_hpo.descriptors.geometry import ANGLE_FACTOR, ON_POINT
from surrogate_hpo.descriptors.torch_engine.device import (
    checked_device,
    default_block,
    full_precision,
    keep_freed_memory,
)
from surrogate_hpo.descriptors.torch_engine.neighbours import neighbours, surroundings
from surrogate_hpo.descriptors.torch_engine.tables import half_rotations, sphere_tables
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.descriptors.validation import (
    check_positive_integer,
    checked_dtype,
    checked_vectors,
)


class TorchBispectrum:
    """The SNAP bispectrum of one structure with torch, ready to be evaluated at any points.

    The numbers are those of :class:`.bispectrum.Bispectrum`, which has the formula and
    the conventions, to rounding.

    Parameters
    ----------
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3]; periodic in all three, any shape and handedness.
    cutoff_radius
        R_cut, Å.
    twojmax
        2·J_max, twice the largest angular momentum.
    weights
        w_i of each atom, dimensionless, [N]; 1 if absent.
    radii
        Radius factor of each atom, dimensionless, [N]; 0.5 if absent.
    dtype
        float64, or float32: the functions on the sphere and their correlations are then in
        single precision, neighbours and their sum in double; the error stays below 1e-6 of
        a component's largest value.
    device
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``, ….

    Raises
    ------
    ConfigError
        If a setting has no meaning, or the cutoff would reach more than 100 000 atoms.
    DataError
        If an array has the wrong shape, holds NaN or inf, or the cell has no volume.
    EngineError
        If the device is not there.

    References
    ----------
    Bartók et al., Phys. Rev. B 87, 184115 (2013), eqs. 22–26, for the functions on the
    3-sphere and their triple correlations.
    """

    def __init__(
        self,
        positions: ArrayLike,
        cell: ArrayLike,
        *,
        cutoff_radius: float,
        twojmax: int,
        weights: ArrayLike | None = None,
        radii: ArrayLike | None = None,
        dtype: DTypeLike = np.float64,
        device: str = "cpu",
    ) -> None:
        atoms = weighted_atoms(
            positions, cell, cutoff_radius=cutoff_radius, weights=weights, radii=radii
        )
        self._dtype = checked_dtype(dtype)
        self._components = n_components(twojmax)
        self._twojmax = int(twojmax)
        self._device = checked_device(device)
        self._around = surroundings(
            atoms.neighbour_bins(), atoms.cutoffs, atoms.weights, self._device
        )

    def __call__(self, points: ArrayLike, *, block: int | None = None) -> NDArray[Any]:
        """Evaluate the components at some points.

        Parameters
        ----------
        points
            Cartesian coordinates, Å, [P, 3]; inside the cell or not.
        block
            Points at a time, which bounds the memory; by default as many as are fast and fit
            into half a gigabyte on a CPU, and half of the free memory of a GPU.

        Returns
        -------
        array [P, n_components(twojmax)]
            Dimensionless components in the order of :func:`.triples.triples`.

        Raises
        ------
        ConfigError
            If `block` is not a positive integer.
        DataError
            If the points have the wrong shape, or hold NaN or inf.
        """
        where = checked_vectors("points", points)
        if block is None:
            block = default_block(self._around.longest, self._twojmax, self._device)
        check_positive_integer("block", block)
        precision = torch.float32 if self._dtype == np.float32 else torch.float64
        out = np.empty((len(where), self._components), self._dtype)
        keep_freed_memory()
        with torch.no_grad(), full_precision():
            for begin in range(0, len(where), block):
                part = slice(begin, begin + block)
                near = neighbours(torch.as_tensor(where[part], device=self._device), self._around)
                values = torch_bispectrum_of_neighbours(
                    *near, twojmax=self._twojmax, dtype=precision
                )
                out[part] = values.cpu().numpy()
        return out


def torch_bispectrum(
    points: ArrayLike,
    positions: ArrayLike,
    cell: ArrayLike,
    *,
    cutoff_radius: float,
    twojmax: int,
    weights: ArrayLike | None = None,
    radii: ArrayLike | None = None,
    dtype: DTypeLike = np.float64,
    device: str = "cpu",
    block: int | None = None,
) -> NDArray[Any]:
    """Compute the SNAP bispectrum of the atoms around each point, see :class:`TorchBispectrum`."""
    evaluate = TorchBispectrum(
        positions,
        cell,
        cutoff_radius=cutoff_radius,
        twojmax=twojmax,
        weights=weights,
        radii=radii,
        dtype=dtype,
        device=device,
    )
    return evaluate(points, block=block)


def torch_bispectrum_of_neighbours(
    displacements: Tensor,
    cutoffs: Tensor,
    weights: Tensor,
    *,
    twojmax: int,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Compute the bispectrum from displacements; torch can differentiate it.

    Neighbours on the point, or at and beyond their cutoff, count nothing, and have zero
    gradient: lists can be padded with zeros.

    Parameters
    ----------
    displacements
        Point minus atom, float64, Å, [P, N, 3].
    cutoffs
        R_i of each neighbour, float64, Å, [P, N].
    weights
        w_i of each neighbour, float64, dimensionless, [P, N].
    twojmax
        2·J_max, twice the largest angular momentum.
    dtype
        Precision from the functions on the sphere onwards.

    Returns
    -------
    tensor [P, n_components(twojmax)]
        Dimensionless components in the order of :func:`.triples.triples`.
    """
    tables = sphere_tables(twojmax, dtype, displacements.device)
    sums = _sum_rotations(displacements, cutoffs, weights, twojmax)
    halves = [torch.cat([u.real, u.imag]).to(dtype).T for u in sums]
    correlations = torch.zeros((), dtype=dtype, device=displacements.device)
    for own, waves in zip(tables.own, tables.waves, strict=True):
        values = [torch.addmm(o, half, w) for o, half, w in zip(own, halves, waves, strict=True)]
        correlations = correlations + _correlations(torch.stack(values))
    # f_0 is constant on the sphere. Summing thousands of equal numbers to its mean would
    # be the largest rounding error of all in single precision.
    cube = (1 + sums[0].real.T) ** 3
    return torch.cat([cube.to(dtype), correlations[:, tables.columns] * tables.factors], dim=1)


def _sum_rotations(
    displacements: Tensor, cutoffs: Tensor, weights: Tensor, twojmax: int
) -> list[Tensor]:
    """Sum w f_c u_j over neighbours: one tensor [half_size(j), P] per j."""
    # Points last, so that all arithmetic runs along contiguous memory.
    x, y, z = displacements.permute(2, 1, 0).contiguous().unbind(0)
    squared = x * x + y * y + z * z
    counts = (squared > ON_POINT) & (squared < (cutoffs * cutoffs).T)
    r = torch.where(counts, squared, 1.0).sqrt()
    quarter_turns = torch.where(counts, r / cutoffs.T, 0.5)
    angle = ANGLE_FACTOR * torch.pi * quarter_turns
    slope = torch.sin(angle) / r
    switch = weights.T * torch.cos(0.5 * torch.pi * quarter_turns) ** 2
    first = torch.complex(torch.cos(angle), z * slope)
    second = torch.complex(y * slope, x * slope)
    start = torch.where(counts, switch, 0.0)
    return [u.sum(1) for u in half_rotations(first, second, start, twojmax)]


def _correlations(values: Tensor) -> Tensor:
    """Sum f_j1 f_j2 f_j over nodes; from [j, P, nodes] to [P, correlation_order]."""
    functions = values.transpose(0, 1)
    parts = [functions.new_empty(len(functions), 0)]
    for j1 in range(1, len(values)):
        # j2 ≤ j1 ≤ j ≤ j1 + j2, with an even sum.
        low, high = functions[:, : j1 + 1], functions[:, j1 : 2 * j1 + 1]
        middle = functions[:, j1 : j1 + 1]
        if low.shape[1] <= high.shape[1]:
            low = low * middle
        else:
            high = high * middle
        for odd in (0, 1):
            some = torch.bmm(low[:, odd::2], high[:, odd::2].transpose(1, 2))
            parts.append(some.flatten(1))
    return torch.cat(parts, dim=1)
