"""Write the snapshots of a run in MALA's form: sidecar, LDOS and descriptors as arrays."""

import logging
from pathlib import Path
from typing import Annotated

from surrogate_hpo.config.load import DEFAULT_CONFIG, load_config
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.mala.writer import write_mala_snapshot
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.run.interface import Option, Positional
from surrogate_hpo.run.left_out import reason_of
from surrogate_hpo.run.provenance import provenance

logger = logging.getLogger(__name__)


def export(
    folder: Annotated[Path, Positional("where the files go; made if missing")],
    *,
    config: Annotated[list[Path] | None, Option("config files of the run, later ones win")] = None,
) -> None:
    """Export all snapshots of the run in the current folder, for MALA and others.

    Writes NAME.info.json, NAME.out.npy (LDOS) and NAME.in.npy (SNAP), NAME as in the run. See
    docs/howto/own-data.md.
    """
    results, settings = Path("results"), load_config(config or DEFAULT_CONFIG)
    for name in settings.all_names():
        ldos = results / "ldos" / f"{name}.zarr.zip"
        if (reason := reason_of(ldos)) is not None:
            logger.info("%s is left out: %s", name, reason)
            continue
        if not ldos.is_file():
            raise DataError(
                "the run has no LDOS of a snapshot yet",
                where=str(ldos),
                remedy="run the workflow first, in this folder: at least `snakemake` up to "
                "results/ldos",
            )
        structure, dft = results / f"snapshots/{name}.extxyz", results / f"dft/{name}.json"
        descriptors = results / "descriptors" / f"{name}.zarr.zip"
        inputs = [structure, dft, ldos, *([descriptors] if descriptors.is_file() else [])]
        files = write_mala_snapshot(
            folder,
            name,
            atoms=read_structure(structure),
            result=read_dft_result(dft),
            ldos=ldos,
            descriptors=descriptors if descriptors.is_file() else None,
            provenance=provenance("export", settings.snapshots, settings.seed, inputs),
        )
        logger.info("%s: %s", name, ", ".join(path.name for path in files))
