"""Whether the machine can hold what the gathering job holds, and its disk what the slabs hold."""

import math
import os
from collections.abc import Mapping
from pathlib import Path

from surrogate_hpo.data.memory import DENSITY_POINT_BYTES
from surrogate_hpo.errors import EngineError
from surrogate_hpo.files.scratch import check_room

_ROOM = "make room, or run in a folder on another disk"


def check_memory(points: int, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a grid whose density's energies do not fit into the memory of this machine.

    On a cluster the gathering job may run on another one, which the scheduler chooses by what the
    job asks for; so nothing is said there.

    Parameters
    ----------
    points
        Grid points.
    environment
        Environment variables, which tell of a cluster.

    Raises
    ------
    EngineError
        If they do not fit.
    """
    held = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    needed = points * DENSITY_POINT_BYTES
    if "SLURM_JOB_ID" not in environment and needed > held:
        raise EngineError(
            "this machine's memory is too small for the density of the large cell",
            where="predict_large",
            expected=f"{needed / 2**30:.1f} GiB for {points} grid points",
            got=f"{held / 2**30:.1f} GiB",
            remedy="use a larger machine or a cluster, a coarser predict_large.grid, or a "
            "smaller structure",
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
