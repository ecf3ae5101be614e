"""What the jobs of predict_large have in common: the task, the slabs, the brackets."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from ase import Atoms

from surrogate_hpo.data.predicted_slabs import slab_point_bytes
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.formats.structures.structures import read_structures
from surrogate_hpo.physics.fermi_bracket import FermiBracket
from surrogate_hpo.physics.prediction_grid import Grid, prediction_grid
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import check_elements
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings

REMADE = "delete it and run the workflow again; it is remade"


@dataclass(frozen=True)
class Task:
    """The prediction that is shared.

    Attributes
    ----------
    surrogate
        The networks.
    atoms
        The structure, Å.
    grid
        Number of grid points along each lattice vector.
    conditions
        How it is predicted.
    """

    surrogate: Surrogate
    atoms: Atoms
    grid: Grid
    conditions: Conditions

    @property
    def temperature(self) -> float:
        """Electronic temperature in K."""
        origin = self.surrogate.origin
        return self.conditions.electronic_temperature or origin.electronic_temperature


def task_of(settings: PredictLargeSettings, surrogate: Path, threads: int) -> Task:
    """Read what is to be predicted, and with what.

    Parameters
    ----------
    settings
        The section of the config.
    surrogate
        File of the networks.
    threads
        CPU threads.

    Returns
    -------
    Task
        Ready.

    Raises
    ------
    ConfigError
        If the config names no structure.
    DataError
        If a file makes no sense, or the networks do not know an element.
    """
    if settings.structure is None:
        raise ConfigError(
            "there is nothing to predict", where="predict_large.structure", expected="a file"
        )
    networks = read_surrogate(surrogate)
    (atoms,) = read_structures(settings.structure)
    check_elements(networks, atoms)
    torch.set_num_threads(threads)
    grid = settings.grid_points or prediction_grid(atoms.cell[:], networks.origin.grids)
    conditions = Conditions(
        engine=settings.engine,
        precision=settings.precision,
        threads=threads,
        use_gpu=settings.use_gpu,
        block_points=settings.block_points,
        electronic_temperature=settings.electronic_temperature_kelvin,
        grid=grid,
    )
    return Task(networks, atoms, grid, conditions)


def planes_of(grid: Grid, slabs: int, slab: int) -> tuple[int, int]:
    """Planes along the first axis that a slab holds.

    Parameters
    ----------
    grid
        Number of grid points along each lattice vector.
    slabs
        Number of slabs.
    slab
        Number of this one, from 0.

    Returns
    -------
    int, int
        The first, and one past the last; slabs differ by one plane at most.

    Raises
    ------
    ConfigError
        If there are more slabs than planes, or none of this number.
    """
    if slabs > grid[0]:
        raise ConfigError(
            "there are more slabs than planes of the grid",
            where="predict_large.slabs",
            expected=f"at most {grid[0]}, the number of grid points along the first cell vector",
            got=str(slabs),
        )
    if not 0 <= slab < slabs:
        raise ConfigError(
            "there is no such slab",
            where="--slab",
            expected=f"a number from 0 to {slabs - 1}, as predict_large.slabs says",
            got=str(slab),
        )
    return slab * grid[0] // slabs, (slab + 1) * grid[0] // slabs


def bytes_per_point(task: Task, brackets: Sequence[FermiBracket]) -> int:
    """Bytes of all networks at a point of a slab's file, about.

    Parameters
    ----------
    task
        The prediction.
    brackets
        Of each network.

    Returns
    -------
    int
        More for wider brackets.
    """
    energy = torch.from_numpy(task.surrogate.energy)
    variance = task.surrogate.axis.broadening_variance
    weights = (
        one.coefficients(energy, task.temperature, broadening_variance=variance) for one in brackets
    )
    return sum(map(slab_point_bytes, weights))


def check_origin(path: Path, found: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Make sure that a file was made from the same files as what is made of it.

    Parameters
    ----------
    path
        The file.
    found
        Provenance in it.
    record
        Provenance of what is made of it.

    Raises
    ------
    DataError
        If a file that both name was another one then, or they name none in common.
    """
    then, now = found.get("inputs", {}), record["inputs"]
    common = then.keys() & now.keys()
    changed = sorted(name for name in common if then[name] != now[name])
    if changed or not common:
        raise DataError(
            "the file is not one of this large cell",
            where=str(path),
            expected=f"made from the same {', '.join(sorted(common)) or 'files'}",
            got=f"another {', '.join(changed)}" if changed else f"made from {sorted(then)}",
            remedy=REMADE,
        )


def write_brackets(
    path: Path, grid: Grid, brackets: Sequence[FermiBracket], provenance: Mapping[str, Any]
) -> None:
    """Write grid and brackets as JSON, atomically, with what made them."""
    networks = [asdict(one) for one in brackets]
    write_document(path, {"grid": list(grid), "networks": networks, "provenance": provenance})


def read_brackets(path: Path, grid: Grid) -> list[FermiBracket]:
    """Read what `write_brackets` wrote.

    Parameters
    ----------
    path
        The file.
    grid
        That it must be for.

    Returns
    -------
    list of FermiBracket
        One per network.

    Raises
    ------
    DataError
        If the file is missing, damaged, or for another grid.
    """
    content = read_document(path, keys=("grid", "networks"))
    try:
        found = [FermiBracket(**one) for one in content["networks"]]
        fits = tuple(content["grid"]) == grid
    except TypeError as error:
        raise DataError(
            "the file is no bracket of a large cell's Fermi energy",
            where=str(path),
            got=str(error),
            remedy=REMADE,
        ) from error
    if not fits:
        raise DataError(
            "the bracket is for another grid",
            where=str(path),
            expected=str(grid),
            got=str(content["grid"]),
            remedy=REMADE,
        )
    return found
