"""SNAP bispectrum descriptors on the full grid, for the chosen candidate only."""

import logging
from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.descriptor_store import writing_descriptors
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.descriptors.definition import DEFINITION_KEYS, DescriptorDefinition
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.interruption import deferred, stop_if_asked
from surrogate_hpo.log import Progress
from surrogate_hpo.predict.descriptor_engines import grid_engine
from surrogate_hpo.run.interface import Dft, Input, Output, Structure
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.descriptors.settings import DescriptorsSettings

logger = logging.getLogger(__name__)


def descriptors(
    *,
    settings: DescriptorsSettings,
    seed: int,
    threads: int,
    structure: Structure,
    dft: Dft,
    acsd: Annotated[Path, Input("JSON: the choice of the acsd stage")],
    descriptors: Annotated[
        Path, Output("store (*.zarr.zip): components on x, y, z; dimensionless")
    ],
) -> None:
    """Compute SNAP at every point of the snapshot's FFT grid.

    The convention is that of LAMMPS' `compute sna/grid`; see docs/concepts/descriptors.md.
    The grid is computed and written in blocks; a killed job goes on where it stopped.
    """
    chosen = DescriptorDefinition.from_document(read_document(acsd, keys=DEFINITION_KEYS))
    definition = settings.with_cell(chosen)
    atoms, shape = read_structure(structure), read_dft_result(dft).fft_grid
    compute = grid_engine(settings, definition, atoms, shape, threads=threads)
    record = provenance("descriptors", settings, seed, [structure, dft, acsd])
    if compute.version:
        record["engine"] = compute.version
    with writing_descriptors(descriptors, shape, atoms.cell[:], definition, record) as store:
        boxes = store.pending(settings.block_points)
        progress = Progress(logger, sum(box.size for box in boxes), unit="points")
        if done := store.size - progress.total:
            logger.info("%d of %d points are there already", done, store.size)
        with deferred():
            for box in boxes:
                store.write(box, compute(box))
                progress.advance(box.size)
                done += box.size
                stop_if_asked(f"point {done} of {store.size}")
        progress.finish()
