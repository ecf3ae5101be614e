"""Audit of the ACSD: scores of descriptors against the error of networks trained on them."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.run.chunk_results import read_chunks
from surrogate_hpo.run.interface import AcsdChoice, AcsdScores, ChunkFiles, Output
from surrogate_hpo.scores.agreement import Agreement, agreement
from surrogate_hpo.scores.agreement import verdict as judge
from surrogate_hpo.scores.regret import top_regret
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.acsd_audit.candidates import (
    SCORES,
    Row,
    candidate_name,
    scored_candidates,
    trained_network,
)
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings
from surrogate_hpo.training.trained_error import Outcome, TrainedError, diverged, trained_error


def acsd_audit(
    *,
    settings: AcsdAuditSettings,
    seed: int,
    acsd_scores: AcsdScores,
    acsd_choice: AcsdChoice,
    chunks: ChunkFiles,
    candidates: Annotated[
        Path, Output("CSV: a row per candidate, its score and its trained error (scaled)")
    ],
    verdict: Annotated[Path, Output("JSON: whether the score says anything about the error")],
) -> None:
    """Compare the score of every candidate descriptor with the error of its brief trainings.

    The trainings are of `acsd_audit_chunk`.
    """
    objective, scored = scored_candidates(acsd_scores, acsd_choice, settings)
    gathered = read_chunks(chunks)
    trained = Memo(Outcome, gathered.results)
    names = [candidate_name(row["cutoff_radius_angstrom"], row["twojmax"]) for row in scored]
    errors = {name: trained_error(name, settings.training.seeds, trained) for name in names}
    rows = _rows(scored, errors)
    found = _compare(rows, settings, seed)
    write_table(candidates, rows)
    write_document(
        verdict,
        _document(rows, found, objective, trained_network(settings), errors)
        | {"provenance": gathered.provenance("acsd_audit", settings, seed)},
    )


def _rows(scored: Sequence[Row], errors: Mapping[str, TrainedError]) -> list[Row]:
    return [
        {
            **row,
            "error_mean": error.mean,
            "error_std": error.std,
            "training_status": error.status,
            "training_seconds": error.seconds,
        }
        for row, error in zip(scored, errors.values(), strict=True)
    ]


def _compare(rows: Sequence[Row], settings: AcsdAuditSettings, seed: int) -> Agreement:
    usable = [row for row in rows if math.isfinite(row["score"])]
    return agreement(
        [row["score"] for row in usable],
        [row["error_mean"] for row in usable],
        seed=derive_seed(seed, "acsd_audit", "bootstrap"),
        resamples=settings.resamples,
    )


def _document(
    rows: Sequence[Row],
    found: Agreement,
    objective: str,
    architecture: Architecture,
    errors: Mapping[str, TrainedError],
) -> dict[str, Any]:
    _, label, published = SCORES[objective]
    judged = judge(found, published)
    values, trained = ([row[key] for row in rows] for key in ("score", "error_mean"))
    best, regret = min(trained), top_regret(values, trained, direction=published)
    chosen = next((row for row in rows if row["chosen"]), None)
    return {
        "score": label,
        "verdict": judged.words,
        "direction": judged.direction,
        "published_direction": published,
        "agrees_with_publication": judged.agrees_with_publication,
        **{key: getattr(found, key) for key in ("tau", "tau_low", "tau_high")},
        **{key: getattr(found, key) for key in ("rho", "rho_low", "rho_high", "reason")},
        "candidates": found.architectures,
        "regret_of_best_score": regret.picked,
        "regret_of_random_pick": regret.random,
        "regret_of_chosen": chosen["error_mean"] / best - 1 if chosen else None,
        "error": "validation loss of the scaled LDOS after a brief training",
        "architecture": architecture.label,
        "warnings": [f"{name}: {errors[name].status}" for name in diverged(errors)],
    }
