"""Table: networks that were all trained, on which any search can be replayed for nothing."""

import hashlib
from pathlib import Path
from typing import Annotated

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.run.chunk_results import read_chunks
from surrogate_hpo.run.interface import ChunkFiles, Output
from surrogate_hpo.search.trained_table import space_document
from surrogate_hpo.stages.table.rows import table_rows
from surrogate_hpo.stages.table.settings import TableSettings
from surrogate_hpo.stages.table.space import table_space


def table(
    *,
    settings: TableSettings,
    seed: int,
    chunks: ChunkFiles,
    table: Annotated[
        Path, Output("CSV: a row per configuration and seed: scaled losses, seconds, meV/atom")
    ],
    description: Annotated[Path, Output("JSON: space, lengths, and what made the table")],
) -> None:
    """Put together what all configurations have reached, diverged trainings included.

    The trainings are of `table_chunk`.
    """
    gathered = read_chunks(chunks)
    rows = table_rows(gathered.results, gathered.facts, settings, seed)
    write_table(table, rows)
    failed = sorted({int(str(row["configuration"])) for row in rows if row["status"] != "ok"})
    write_document(
        description,
        {
            "space": space_document(table_space(settings)),
            "epochs": settings.epochs,
            "seeds": settings.seeds,
            "configurations": settings.configurations,
            "scores": settings.score.names,
            "device": "gpu" if settings.use_gpu else "cpu",
            "failed_configurations": failed,
            "table_sha256": hashlib.sha256(table.read_bytes()).hexdigest(),
            "trainings_code": gathered.made["code"],
            "provenance": gathered.provenance("table", settings, seed),
        },
    )
