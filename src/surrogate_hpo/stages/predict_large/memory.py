"""Whether the machine can hold what the gathering job holds, and its disk what the slabs hold."""

import math
import os
from collections.abc import Mapping
from pathlib import Path

from surrogate_hpo.data.memory import DENSITY_POINT_BYTES, GRADIENT_POINT_BYTES, SLAB_POINT_BYTES
from surrogate_hpo.errors import EngineError
from surrogate_hpo.files.scratch import check_room

_DOUBLE_BYTES = 8
_ROOM = "make room, or run in a folder on another disk"


def whole_grid_bytes(networks: int, *, derivatives: bool) -> int:
    """Largest memory of a job that holds whole grids, bytes per grid point.

    Parameters
    ----------
    networks
        Each has a field in the derivatives.
    derivatives
        Whether there is a job for them.

    Returns
    -------
    int
        Of the gathering job, or of that for the derivatives.
    """
    return GRADIENT_POINT_BYTES + _DOUBLE_BYTES * networks if derivatives else DENSITY_POINT_BYTES


def written_bytes(networks: int, *, derivatives: bool) -> int:
    """Bytes per grid point on the disk.

    Parameters
    ----------
    networks
        How many.
    derivatives
        Whether each has a field for them, beside its density.

    Returns
    -------
    int
        Of all networks.
    """
    return networks * (SLAB_POINT_BYTES + _DOUBLE_BYTES * derivatives)


def check_memory(
    points: int,
    environment: Mapping[str, str] = os.environ,
    *,
    each: int = DENSITY_POINT_BYTES,
) -> None:
    """Refuse a grid whose density's energies do not fit into the memory of this machine.

    On a cluster the gathering job may run on another one, which the scheduler chooses by what the
    job asks for; so nothing is said there.

    Parameters
    ----------
    points
        Grid points.
    environment
        Environment variables, which tell of a cluster.
    each
        Bytes per grid point.

    Raises
    ------
    EngineError
        If they do not fit.
    """
    held = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    needed = points * each
    if "SLURM_JOB_ID" not in environment and needed > held:
        raise EngineError(
            "this machine's memory is too small for the density of the large cell",
            where="predict_large",
            expected=f"{needed / 2**30:.1f} GiB for {points} grid points",
            got=f"{held / 2**30:.1f} GiB",
            remedy="use a larger machine or a cluster, a coarser predict_large.grid, or a "
            "smaller structure; predict_large.forces and stress take most",
        )


def check_disk(folder: Path, points: int, per_point: int, slabs: int) -> None:
    """Refuse a disk that cannot hold all slabs.

    Parameters
    ----------
    folder
        On that disk.
    points
        Grid points of all of them.
    per_point
        Bytes of all networks at each.
    slabs
        How many: one is there twice while it is being packed.

    Raises
    ------
    DataError
        If there is no room.
    """
    needed = math.ceil(points * per_point * (1 + 1 / slabs))
    check_room(folder, needed, "the slabs of the large cell", _ROOM)
