"""Audit of the ACSD: scores of descriptors against the error of networks trained on them."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.run.interface import (
    AcsdChoice,
    AcsdScores,
    CandidateState,
    LdosStores,
    Output,
    Structures,
)
from surrogate_hpo.run.provenance import provenance, shared_state
from surrogate_hpo.scores.agreement import Agreement, agreement
from surrogate_hpo.scores.agreement import verdict as judge
from surrogate_hpo.scores.regret import top_regret
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings
from surrogate_hpo.stages.acsd_audit.trainings import (
    SCORES,
    CandidateInputs,
    Row,
    train_candidates,
)
from surrogate_hpo.training.short_recipe import TrainedError, diverged


def acsd_audit(
    *,
    settings: AcsdAuditSettings,
    seed: int,
    acsd_scores: AcsdScores,
    acsd_choice: AcsdChoice,
    structures: Structures,
    ldos: LdosStores,
    validation_structures: Structures,
    validation_ldos: LdosStores,
    candidates: Annotated[
        Path, Output("CSV: a row per candidate, its score and its trained error (scaled)")
    ],
    verdict: Annotated[Path, Output("JSON: whether the score says anything about the error")],
    state: CandidateState,
) -> None:
    """Train one network briefly on every candidate descriptor and compare with its score.

    Descriptors are computed at the training and validation points only. The error is the
    validation loss of the scaled LDOS, which is the same for all candidates. What
    `acsd_audit_chunk` or a killed job has finished before is found done.
    """
    inputs = CandidateInputs(
        acsd_scores, acsd_choice, structures, ldos, validation_structures, validation_ldos
    )
    record = provenance("acsd_audit", settings, seed, inputs.paths())
    folder = shared_state(state, record, helper="acsd_audit_chunk")
    objective, scored = inputs.scored(settings)
    architecture, errors = train_candidates(scored, inputs, folder, settings=settings, seed=seed)
    rows = _rows(scored, errors)
    found = _compare(rows, settings, seed)
    write_table(candidates, rows)
    write_document(
        verdict,
        _document(rows, found, objective, architecture, errors) | {"provenance": record},
    )
    shutil.rmtree(folder)


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
