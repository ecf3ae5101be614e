"""NASWOT: choose the architecture of the network without training, or nearly so."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.files.tables import Cell, write_table
from surrogate_hpo.run.chunk_results import read_chunks
from surrogate_hpo.run.interface import ChunkFiles, Input, Output
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore, best_architecture, rank
from surrogate_hpo.stages.naswot.direction import Reading, reading
from surrogate_hpo.stages.naswot.settings import NaswotSettings
from surrogate_hpo.stages.naswot.space import scanned
from surrogate_hpo.training.architecture_scores import score_key

Verdicts = Annotated[
    list[Path] | None, Input("JSON: verdict of the audit stage, for naswot.direction: audit")
]


def naswot(
    *,
    settings: NaswotSettings,
    seed: int,
    chunks: ChunkFiles,
    verdicts: Verdicts = None,
    scores: Annotated[Path, Output("CSV: a row per architecture, best first (dimensionless)")],
    choice: Annotated[Path, Output("JSON: the chosen architecture, and why")],
) -> None:
    """Choose one of the untrained networks that `naswot_chunk` has scored.

    Which score that is, and which way it is read, are settings.
    """
    read = reading(settings, PROXIES[settings.score], verdicts or [])
    gathered = read_chunks(chunks)
    batch = int(gathered.facts["minibatch_points"])
    memo = Memo(ArchitectureScore, gathered.results)
    found = [memo.recall(score_key(settings.score, one)) for one in scanned(settings, seed)]
    best = best_architecture(found, read.direction)
    record = gathered.provenance("naswot", settings, seed, *(verdicts or []))
    write_table(scores, _rows(rank(found, read.direction), best))
    write_document(
        choice,
        _document(settings, read, found, best, batch) | {"provenance": record},
    )


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
