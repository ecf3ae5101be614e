"""The slabs that the gathering job has been given, looked at before anything is summed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from surrogate_hpo.data.predicted_slabs import REMEDY, StoredSlab
from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.prediction_grid import Grid
from surrogate_hpo.stages.predict_large.contents import planes_of


def open_slabs(paths: Sequence[Path], grid: Grid, inputs: Mapping[str, str]) -> list[StoredSlab]:
    """Open all slabs of a task.

    Parameters
    ----------
    paths
        Their stores, in their order.
    grid
        Number of grid points along each lattice vector.
    inputs
        SHA-256 of what they must be made from, by path.

    Returns
    -------
    list of StoredSlab
        Not read yet but for their headers and densities of states.

    Raises
    ------
    DataError
        If some are missing, damaged, or of another task; all of them are named.
    """
    found: list[StoredSlab] = []
    faults: dict[Path, DataError] = {}
    for number, path in enumerate(paths):
        try:
            slab = StoredSlab(path)
            _check(slab, planes_of(grid, len(paths), number), grid, inputs)
        except DataError as error:
            faults[path] = error
        else:
            found.append(slab)
    if len(faults) == 1:
        raise next(iter(faults.values()))
    if faults:
        raise DataError(
            f"{len(faults)} of {len(paths)} slabs are missing, damaged or of another large cell",
            where=", ".join(map(str, faults)),
            got="\n".join(str(error) for error in faults.values()),
            remedy="delete them and run the workflow again; they alone are remade",
        )
    return found


def _check(
    slab: StoredSlab, planes: tuple[int, int], grid: Grid, inputs: Mapping[str, str]
) -> None:
    """Make sure that a slab is of this grid, structure, surrogate and bracket."""
    begin, end = planes
    shape, made_from = (end - begin, *grid[1:]), slab.provenance.get("inputs")
    if (slab.begin, slab.shape) != (begin, shape) or made_from != inputs:
        raise DataError(
            "a slab is not one of this large cell",
            where=str(slab.path),
            expected=f"planes {begin} to {end} of {grid}, from the same structure, surrogate and "
            "bracket",
            got=f"planes from {slab.begin}, {slab.shape}; inputs {made_from}",
            remedy=REMEDY,
        )
