"""NASWOT: choose the architecture of the network without training, or nearly so."""

import shutil
from pathlib import Path
from typing import Annotated

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import Cell, write_table
from surrogate_hpo.run.interface import (
    DescriptorStores,
    HeldOutDescriptors,
    HeldOutLdos,
    Input,
    LdosStores,
    Output,
    ScanState,
)
from surrogate_hpo.run.provenance import checksums, provenance, shared_state
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore, best_architecture, rank
from surrogate_hpo.stages.naswot.direction import Reading, reading
from surrogate_hpo.stages.naswot.scan import ScanInputs, proxy_of, scan, scanned
from surrogate_hpo.stages.naswot.settings import NaswotSettings

Verdicts = Annotated[
    list[Path] | None, Input("JSON: verdict of the audit stage, for naswot.direction: audit")
]


def naswot(
    *,
    settings: NaswotSettings,
    seed: int,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: HeldOutDescriptors = None,
    validation_ldos: HeldOutLdos = None,
    verdicts: Verdicts = None,
    scores: Annotated[Path, Output("CSV: a row per architecture, best first (dimensionless)")],
    choice: Annotated[Path, Output("JSON: the chosen architecture, and why")],
    state: ScanState,
) -> None:
    """Score untrained networks and choose one.

    By default by the correlation of their input Jacobians at one minibatch of grid points
    (Fiedler et al. 2022, eq. 13-14). Which score, and which way it is read, are settings.
    Scores that learn from the LDOS need it for all training snapshots, and are judged on
    the validation snapshots; without these, on the last training snapshot. Scores that
    `naswot_chunk` or a killed job has finished before are found done.
    """
    read = reading(settings, proxy_of(settings), verdicts or [])
    inputs = ScanInputs(descriptors, ldos, validation_descriptors, validation_ldos)
    record = provenance("naswot", settings, seed, inputs.paths())
    folder = shared_state(state, record, helper="naswot_chunk")
    found, batch = scan(scanned(settings, seed), inputs, folder, settings=settings, seed=seed)
    best = best_architecture(found, read.direction)
    record["inputs"] |= checksums(verdicts or [])
    write_table(scores, _rows(rank(found, read.direction), best))
    write_document(
        choice,
        _document(settings, read, found, best, batch) | {"provenance": record},
    )
    shutil.rmtree(folder)


def _rows(ranking: list[ArchitectureScore], best: ArchitectureScore) -> list[dict[str, Cell]]:
    return [
        {
            "rank": position,
            "architecture": score.architecture.label,
            "activation": score.architecture.activation,
            "layers": len(score.architecture.hidden_widths),
            "parameters": score.parameters,
            "score": score.score,
            "mean": score.mean,
            "std": score.std,
            **{f"score_{number}": value for number, value in enumerate(score.values)},
            "status": score.status,
            "chosen": score is best,
        }
        for position, score in enumerate(ranking, start=1)
    ]


def _document(
    settings: NaswotSettings,
    read: Reading,
    found: list[ArchitectureScore],
    best: ArchitectureScore,
    batch: int,
) -> dict[str, object]:
    return {
        "architecture": best.architecture.to_dict(),
        "label": best.architecture.label,
        "parameters": best.parameters,
        "score": best.score,
        "score_name": settings.score,
        "score_label": PROXIES[settings.score].label,
        "direction": read.direction,
        "direction_source": read.source,
        "batch_size": batch,
        "reasons": _reasons(settings, read, found, best),
        "warnings": _warnings(settings, read, batch, found),
    }


def _reasons(
    settings: NaswotSettings,
    read: Reading,
    found: list[ArchitectureScore],
    best: ArchitectureScore,
) -> list[str]:
    largest = max(found, key=lambda score: score.parameters)
    return [
        f"{len(found)} architectures scored by {PROXIES[settings.score].label}, "
        f"{settings.initialisations} initialisations each",
        read.reason,
        f"chosen: {best.architecture.label} with {best.parameters} parameters "
        f"(the largest candidate has {largest.parameters})",
    ]


def _warnings(
    settings: NaswotSettings, read: Reading, batch: int, found: list[ArchitectureScore]
) -> list[str]:
    messages = [read.warning] if read.warning else []
    if batch < settings.batch_size:
        messages.append(
            f"The minibatch of {settings.batch_size} points was clipped to {batch}, the number of "
            "descriptor components: beyond it the score is degenerate."
        )
    rejected = [score.architecture.label for score in found if not score.accepted]
    if rejected:
        messages.append(f"No finite score, so never chosen: {', '.join(rejected)}.")
    return messages
