"""One of the jobs of predict_large: forces through the LDOS at the points of a slab."""

from pathlib import Path
from typing import Annotated

import numpy as np

from surrogate_hpo.data.predicted_gradients import PulledSlab, StoredGradient, write_pulled
from surrogate_hpo.errors import DataError
from surrogate_hpo.predict.descriptor_chain import DescriptorChain
from surrogate_hpo.predict.point_pass import PointPass
from surrogate_hpo.run.devices import device_name
from surrogate_hpo.run.interface import Argument, Input, Output
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.predict_large.contents import REMADE, check_origin, planes_of, task_of
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings


def predict_large_pull(
    *,
    settings: PredictLargeSettings,
    seed: int,
    threads: int,
    slab: Annotated[int, Argument("number of the slab, from 0")],
    structure: Annotated[Path, Input("file of the structure; Å")],
    surrogate: Annotated[Path, Input("file of a surrogate")],
    gradient: Annotated[Path, Input("store: derivatives of the free energy by the LDOS")],
    pulled: Annotated[
        Path,
        Output("store (*.zarr.zip): derivatives by the atoms, eV/Å, and the strain, eV"),
    ],
) -> None:
    """Carry the derivatives at the points of one slab back to the atoms, for each network.

    The descriptors are computed again, which takes a fifth of the time of their adjoint and
    nothing on the disk. Only the order of the sum over points depends on the number of slabs.
    """
    task = task_of(settings, surrogate, threads)
    begin, end = planes_of(task.grid, settings.slabs, slab)
    record = provenance("predict_large_pull", settings, seed, [structure, surrogate, gradient])
    stored = StoredGradient(gradient)
    check_origin(gradient, stored.provenance, record)
    if stored.grid != task.grid:
        raise DataError(
            "the derivatives are those of another grid",
            where=str(gradient),
            expected=str(task.grid),
            got=str(stored.grid),
            remedy=REMADE,
        )
    points = PointPass(task.surrogate, task.atoms, task.grid, task.conditions)
    chain = DescriptorChain(
        task.surrogate.definition,
        task.atoms,
        task.grid,
        threads=threads,
        device=device_name(use_gpu=settings.use_gpu),
    )
    positions, strain = chain.pulled(
        task.surrogate.models,
        stored.cotangents(begin, end),
        (block.numpy() for block in points.descriptors(points.planes(begin, end))),
        "each",
        first=begin * task.grid[1] * task.grid[2],
    )
    # In a large cell most atoms are far from the slab; a store has one at least.
    seen = np.flatnonzero(np.any(positions, axis=(0, 2)))
    seen = seen if len(seen) else np.zeros(1, np.int64)
    write_pulled(pulled, PulledSlab((begin, end), seen, positions[:, seen], strain, record))
