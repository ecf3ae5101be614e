"""One of the jobs of predict_large: descriptors and networks at the points of a slab."""

import math
from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.predicted_slabs import SlabData, write_slab
from surrogate_hpo.networks.training_range import RangeMonitor
from surrogate_hpo.predict.point_pass import Passing, PointPass
from surrogate_hpo.run.interface import Argument, Input, Output
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.predict_large.contents import (
    bytes_per_point,
    planes_of,
    read_brackets,
    task_of,
)
from surrogate_hpo.stages.predict_large.memory import check_disk
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings


def predict_large_slab(
    *,
    settings: PredictLargeSettings,
    seed: int,
    threads: int,
    slab: Annotated[int, Argument("number of the slab, from 0")],
    structure: Annotated[Path, Input("file of the structure; Å")],
    surrogate: Annotated[Path, Input("file of a surrogate")],
    bracket: Annotated[Path, Input("JSON: where the Fermi energies are looked for; eV")],
    result: Annotated[
        Path,
        Output("store (*.zarr.zip): DOS in 1/eV, and the density, 1/Å³, as polynomials of E_F"),
    ],
) -> None:
    """Predict the points of one slab: its part of the DOS, and the density in the bracket.

    The numbers at a point do not depend on the number of slabs; only the sum of the DOS over the
    slabs does, by its rounding in double precision.
    """
    task = task_of(settings, surrogate, threads)
    begin, end = planes_of(task.grid, settings.slabs, slab)
    brackets = read_brackets(bracket, task.grid)
    shape = (end - begin, *task.grid[1:])
    result.parent.mkdir(parents=True, exist_ok=True)
    check_disk(result.parent, math.prod(shape), bytes_per_point(task, brackets), slabs=1)
    points = PointPass(task.surrogate, task.atoms, task.grid, task.conditions)
    expansions = points.expansions(brackets, math.prod(shape))
    monitor = RangeMonitor(task.surrogate.known)
    dos = points(expansions, Passing(monitor), points.planes(begin, end))
    known = [one for one in expansions if one is not None]
    write_slab(
        result,
        SlabData(
            begin,
            dos.numpy(),
            [one.first.numpy().reshape(shape) for one in known],
            [one.others.numpy().reshape(-1, *shape) for one in known],
            monitor.result(),
        ),
        provenance("predict_large_slab", settings, seed, [structure, surrogate, bracket]),
    )
