"""The large cell that many jobs predict: what would stop them, found before the first of them."""

import math
from collections.abc import Iterator
from pathlib import Path

from ase import Atoms

from surrogate_hpo.config.project import Config
from surrogate_hpo.errors import ConfigError, EngineError
from surrogate_hpo.formats.structures.structures import read_structures
from surrogate_hpo.run.case import case_of
from surrogate_hpo.stages.predict_large.memory import (
    check_disk,
    check_memory,
    whole_grid_bytes,
    written_bytes,
)

RESULTS = Path("results")
SLABS = RESULTS / "predict_large" / "slabs"
OWN_SURROGATE = RESULTS / "surrogate" / "surrogate.pt"


def check_large_cell(config: Config) -> None:
    """Look for a surrogate that knows the structure, planes for all slabs, and room on the disk.

    Parameters
    ----------
    config
        The validated config.

    Raises
    ------
    ConfigError
        If there are more slabs than planes, or elements that the run does not know.
    DataError
        If a file is missing or unreadable, the surrogate does not know an element, or the disk is
        too full.
    """
    settings = config.predict_large
    if settings.structure is None:
        return
    (atoms,) = read_structures(settings.structure)
    points, networks = large_points(config), config.train.seeds
    surrogate = Path(settings.surrogate) if settings.surrogate else OWN_SURROGATE
    if settings.surrogate or surrogate.exists():
        # PyTorch takes a second to import, and most checks do without.
        from surrogate_hpo.stages.predict_large.contents import (  # noqa: PLC0415
            planes_of,
            task_of,
        )

        task = task_of(settings, surrogate, 1)
        planes_of(task.grid, settings.slabs, 0)
        points, networks = math.prod(task.grid), len(task.surrogate.models)
    else:
        _check_elements(config, atoms)
    written = sum(path.stat().st_size for path in SLABS.glob("*.zarr.zip"))
    each = written_bytes(networks, derivatives=settings.derivatives)
    missing = max(0, points - written // each)
    folder = next(path for path in (SLABS, *SLABS.parents) if path.is_dir())
    check_disk(folder, missing, each, settings.slabs)


def memory_warning(config: Config) -> Iterator[str]:
    """Say that the gathering job does not fit this machine, which may not be the one of the jobs.

    Parameters
    ----------
    config
        The validated config.

    Yields
    ------
    str
        A sentence for the log.
    """
    if config.predict_large.structure is None:
        return
    try:
        each = whole_grid_bytes(config.train.seeds, derivatives=config.predict_large.derivatives)
        check_memory(large_points(config), each=each)
    except EngineError as error:
        yield f"{error}\n  on a cluster the job asks for a machine that is large enough"


def large_points(config: Config) -> int:
    """Grid points of the large cell; by its volume, where its own surrogate has another grid."""
    large = case_of(config).large
    return 0 if large is None else large.grid_points


def _check_elements(config: Config, atoms: Atoms) -> None:
    known = sorted(config.dft.pseudopotentials)
    if missing := sorted(set(atoms.symbols) - set(known)):
        raise ConfigError(
            "the large cell has elements that the run does not know",
            where="predict_large.structure",
            expected=f"of {', '.join(known)}",
            got=", ".join(missing),
            remedy="name a surrogate that knows them: predict_large.surrogate",
        )
