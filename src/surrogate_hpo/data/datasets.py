"""Descriptors and LDOS of several snapshots as one set of grid points, checked to fit together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.data.descriptor_store import DescriptorData, read_descriptors
from surrogate_hpo.data.ldos_store import LdosData, read_ldos
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import HasLdosAxis, LdosAxis
from surrogate_hpo.errors import DataError

CELL_TOLERANCE_ANGSTROM = 1e-4
REMAKE = "delete both files and run the workflow again; they are remade from the same snapshot"


@dataclass(frozen=True)
class PointData(HasLdosAxis):
    """Grid points of some snapshots, one after the other, and what is common to all of them.

    Attributes
    ----------
    descriptors
        `[point, component]`, dimensionless, float32.
    ldos
        `[point, energy]`, 1/(eV Å³), float32.
    axis
        Energies and broadening of the LDOS.
    definition
        What the descriptors are.
    """

    descriptors: NDArray[np.float32]
    ldos: NDArray[np.float32]
    axis: LdosAxis
    definition: DescriptorDefinition


def read_points(descriptor_paths: Sequence[Path], ldos_paths: Sequence[Path]) -> PointData:
    """Read the stores of some snapshots, in the same order, and check that they fit.

    Parameters
    ----------
    descriptor_paths
        Descriptor stores.
    ldos_paths
        LDOS stores of the same snapshots.

    Returns
    -------
    PointData
        All grid points, snapshot after snapshot.

    Raises
    ------
    DataError
        If grids, cells, energy axes, kernels or descriptors differ, or numbers are not finite.
    """
    check_paired(descriptor_paths, ldos_paths)
    pairs: list[tuple[DescriptorData, LdosData]] = []
    for descriptor_path, ldos_path in zip(descriptor_paths, ldos_paths, strict=True):
        pair = read_pair(descriptor_path, ldos_path)
        if pairs:
            check_same_kind(pairs[0], pair, descriptor_path, ldos_path)
        pairs.append(pair)
    descriptors, ldos = pairs[0]
    return PointData(
        descriptors=np.concatenate([flat(d.values) for d, _ in pairs]),
        ldos=np.concatenate([flat(s.values) for _, s in pairs]),
        axis=ldos.axis,
        definition=descriptors.definition,
    )


def check_paired(descriptor_paths: Sequence[Path], ldos_paths: Sequence[Path]) -> None:
    """Make sure that there is an LDOS store for each descriptor store, and one at least."""
    if len(descriptor_paths) != len(ldos_paths) or not ldos_paths:
        raise DataError(
            "descriptor and LDOS stores do not pair up",
            expected=f"{len(descriptor_paths)} LDOS stores, one per descriptor store",
            got=str(len(ldos_paths)),
        )


def flat(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """`[x, y, z, k]` -> `[point, k]`."""
    return values.reshape(-1, values.shape[-1])


def check_same_cell(
    structure: NDArray[np.floating], ldos: NDArray[np.floating], *, where: str
) -> None:
    """Make sure that a structure and an LDOS belong to the same snapshot.

    Parameters
    ----------
    structure
        Cell of the structure, Å, [3, 3].
    ldos
        Cell of the LDOS, Å, [3, 3].
    where
        Names of the files.

    Raises
    ------
    DataError
        If the cells differ.
    """
    if not np.allclose(structure, ldos, atol=CELL_TOLERANCE_ANGSTROM, rtol=0):
        raise DataError(
            "structure and LDOS belong to different cells (Å)",
            where=where,
            expected=str(np.asarray(structure).tolist()),
            got=str(np.asarray(ldos).tolist()),
            remedy="give structures and LDOS stores of the same snapshots in the same order",
        )


def read_pair(
    descriptor_path: Path, ldos_path: Path, planes: slice = slice(None)
) -> tuple[DescriptorData, LdosData]:
    """Descriptors and LDOS of one snapshot, on the same grid of the same cell.

    Parameters
    ----------
    descriptor_path
        Descriptor store.
    ldos_path
        LDOS store of the same snapshot.
    planes
        Part of the grid along the first cell vector; all of it by default.

    Returns
    -------
    tuple
        Descriptors and LDOS.

    Raises
    ------
    DataError
        If grids or cells differ, or numbers are not finite.
    """
    descriptors, ldos = read_descriptors(descriptor_path, planes), read_ldos(ldos_path, planes)
    where = f"{descriptor_path} and {ldos_path}"
    if descriptors.values.shape[:3] != ldos.values.shape[:3]:
        raise DataError(
            "descriptors and LDOS lie on different grids",
            where=where,
            expected=f"the LDOS grid {ldos.values.shape[:3]}",
            got=f"{descriptors.values.shape[:3]}",
            remedy=REMAKE,
        )
    if not np.allclose(descriptors.cell, ldos.cell, atol=CELL_TOLERANCE_ANGSTROM, rtol=0):
        raise DataError(
            "descriptors and LDOS belong to different cells (Å)",
            where=where,
            expected=f"{ldos.cell.tolist()}",
            got=f"{descriptors.cell.tolist()}",
            remedy=REMAKE,
        )
    for path, values in ((descriptor_path, descriptors.values), (ldos_path, ldos.values)):
        if bad := int(np.count_nonzero(~np.isfinite(values))):
            raise DataError(
                "the store holds numbers that are not finite",
                where=str(path),
                got=f"{bad} values",
                remedy=REMAKE,
            )
    return descriptors, ldos


def check_same_kind(
    first: tuple[DescriptorData, LdosData],
    other: tuple[DescriptorData, LdosData],
    descriptor_path: Path,
    ldos_path: Path,
) -> None:
    """Make sure that two snapshots have the same descriptors, energy axis and kernel.

    Parameters
    ----------
    first
        Descriptors and LDOS of one snapshot.
    other
        Those of another.
    descriptor_path
        Descriptor store of the other.
    ldos_path
        LDOS store of the other.

    Raises
    ------
    DataError
        If they differ.
    """
    (d0, s0), (d1, s1) = first, other
    check_same_definition(d0, d1, descriptor_path)
    if not s0.axis.agrees(s1.axis):
        raise DataError(
            "LDOS stores have different energy axes or kernels",
            where=str(ldos_path),
            expected=str(s0.axis),
            got=str(s1.axis),
            remedy="delete results/ldos and run the workflow again with one set of ldos settings",
        )


def check_same_definition(first: DescriptorData, other: DescriptorData, path: Path) -> None:
    """Raise DataError unless the store at `path` holds the same descriptors as the first one."""
    if first.definition != other.definition:
        raise DataError(
            "descriptor stores were made with different settings",
            where=str(path),
            expected=str(first.definition.as_document()),
            got=str(other.definition.as_document()),
            remedy="delete results/descriptors and run the workflow again",
        )
