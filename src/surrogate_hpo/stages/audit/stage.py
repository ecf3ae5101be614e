"""Audit: training-free scores of architectures against the error of trained networks."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.run.chunk_results import read_chunks
from surrogate_hpo.run.interface import ChunkFiles, Output
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.audit.settings import AuditSettings
from surrogate_hpo.stages.audit.space import audited
from surrogate_hpo.stages.audit.tables import agreement_rows, score_rows, verdict_document
from surrogate_hpo.training.architecture_scores import score_key
from surrogate_hpo.training.trained_error import Outcome, trained_error


def audit(
    *,
    settings: AuditSettings,
    seed: int,
    chunks: ChunkFiles,
    scores: Annotated[
        Path, Output("CSV: a row per architecture and score, beside the trained error (scaled)")
    ],
    agreement: Annotated[
        Path, Output("CSV: a row per score and group: Kendall τ, Spearman ρ, regret, cost")
    ],
    verdict: Annotated[Path, Output("JSON: what each score is worth here, and how to read it")],
) -> None:
    """Compare every score of the architectures with the errors of their brief trainings.

    Both are of `audit_chunk`.
    """
    gathered = read_chunks(chunks)
    architectures = audited(settings, seed)
    known = Memo(ArchitectureScore, gathered.results)
    trained = Memo(Outcome, gathered.results)
    found = [
        known.recall(score_key(name, one)) for name in settings.scores for one in architectures
    ]
    errors = {
        one.label: trained_error(one.label, settings.training.seeds, trained)
        for one in architectures
    }
    rows = score_rows(found, errors)
    groups = agreement_rows(
        rows, seed=derive_seed(seed, "audit", "bootstrap"), resamples=settings.resamples
    )
    write_table(scores, rows)
    write_table(agreement, groups)
    made = gathered.provenance("audit", settings, seed)
    write_document(verdict, verdict_document(groups, errors) | {"provenance": made})
