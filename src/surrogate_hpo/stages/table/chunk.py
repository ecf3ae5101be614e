"""One of the jobs of the table: scores and trainings of every n-th configuration."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.datasets import read_points
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.run.chunk_results import write_chunk
from surrogate_hpo.run.interface import (
    ChunkNumber,
    ChunkResults,
    DescriptorStores,
    JudgedDft,
    JudgedPotentials,
    JudgedStructures,
    LdosStores,
    State,
)
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.search.energies import EnergyErrors
from surrogate_hpo.stages.search.inputs import JudgedFiles
from surrogate_hpo.stages.table.evaluations import score_configurations, train_configurations
from surrogate_hpo.stages.table.settings import TableSettings
from surrogate_hpo.stages.table.space import configurations
from surrogate_hpo.stages.table.trainings import ENERGIES, Trainings
from surrogate_hpo.training.chunks import chunk_of, chunk_state


def table_chunk(
    *,
    settings: TableSettings,
    seed: int,
    chunk: ChunkNumber,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    structures: JudgedStructures = None,
    dft: JudgedDft = None,
    pseudopotentials: JudgedPotentials = None,
    results: ChunkResults,
    state: Annotated[Path, State("folder of the finished scores and trainings of a chunk")],
) -> None:
    """Score networks and train each for every length and from every seed.

    A killed job goes on after its last score or seed and ends with the same losses.
    """
    stores = [*descriptors, *ldos, *validation_descriptors, *validation_ldos]
    extra = [*(structures or []), *(dft or []), *(pseudopotentials or [])]
    record = provenance("table_chunk", settings, seed, [*stores, *extra])
    judged, energies = [], None
    if settings.energies:
        judged = _judged(structures, dft, validation_descriptors, validation_ldos)
        energies = EnergyErrors(
            ENERGIES, judged, pseudopotentials or [], use_gpu=settings.use_gpu, keep=True
        )
    some = chunk_of(configurations(settings, seed), chunk, chunks=settings.chunks)
    finished = EvaluationStore(chunk_state(state, record, chunk, chunks=settings.chunks))
    points = (
        read_points(descriptors, ldos),
        read_points(validation_descriptors, validation_ldos),
    )
    score_configurations(some, *points, finished, settings=settings, seed=seed)
    trainings = Trainings(*points, judged, energies, settings=settings, seed=seed)
    train_configurations(some, trainings, finished, seeds=settings.seeds)
    network = {"inputs": points[0].descriptors.shape[1], "outputs": points[0].ldos.shape[1]}
    write_chunk(results, finished, record, **network)
    finished.discard()


def _judged(
    structures: list[Path] | None,
    dft: list[Path] | None,
    descriptors: list[Path],
    ldos: list[Path],
) -> list[JudgedFiles]:
    """Files behind the energies, by snapshot."""
    given = structures or [], dft or []
    if not len(given[0]) == len(given[1]) == len(descriptors):
        raise DataError(
            "The energies of the table need structures and DFT runs.",
            where="--structures, --dft",
            expected=f"those of the {len(descriptors)} validation snapshots",
            got=f"{len(given[0])} structures, {len(given[1])} DFT runs",
            remedy="give them, or set table.energies: false",
        )
    return [JudgedFiles(*files) for files in zip(*given, descriptors, ldos, strict=True)]
