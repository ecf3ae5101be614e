"""NASWOT: choose the architecture of the network without training, or nearly so."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np

from surrogate_hpo.config.naswot import NaswotSettings
from surrogate_hpo.errors import DataError
from surrogate_hpo.io.datasets import PointData, flat, read_points
from surrogate_hpo.io.descriptor_store import read_descriptors
from surrogate_hpo.io.documents import write_document
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.tables import Cell, write_table
from surrogate_hpo.networks.architecture import search_space
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.naswot import Naswot, OriginalNaswot
from surrogate_hpo.selection.proxies import PROXIES
from surrogate_hpo.selection.proxy import Proxy, ScoreData
from surrogate_hpo.selection.ranking import ArchitectureScore, best_architecture, rank
from surrogate_hpo.stages.direction import Reading, reading
from surrogate_hpo.stages.interface import DescriptorStores, Input, LdosStores, Output
from surrogate_hpo.stages.score_data import make_score_data, split_labelled

logger = logging.getLogger(__name__)
Verdicts = Annotated[
    list[Path] | None, Input("JSON: verdict of the audit stage, for naswot.direction: audit")
]


def naswot(
    *,
    settings: NaswotSettings,
    seed: int,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: Annotated[
        list[Path] | None, Input("descriptor stores of held-out snapshots, for scores that learn")
    ] = None,
    validation_ldos: Annotated[
        list[Path] | None, Input("LDOS stores of the same held-out snapshots; 1/(eV Å³)")
    ] = None,
    verdicts: Verdicts = None,
    scores: Annotated[Path, Output("CSV: a row per architecture, best first (dimensionless)")],
    choice: Annotated[Path, Output("JSON: the chosen architecture, and why")],
) -> None:
    """Score untrained networks and choose one.

    By default by the correlation of their input Jacobians at one minibatch of grid points
    (Fiedler et al. 2022, eq. 13-14). Which score, and which way it is read, are settings.
    Scores that learn from the LDOS need it for all training snapshots, and are judged on
    the validation snapshots; without these, on the last training snapshot.
    """
    proxy = _proxy(settings)
    read = reading(settings, proxy, verdicts or [])
    labelled, held_out = _labelled(
        settings, descriptors, ldos, validation_descriptors or [], validation_ldos or [], seed
    )
    data = make_score_data(
        np.concatenate([flat(read_descriptors(path).values) for path in descriptors]),
        labelled,
        held_out,
        settings,
        stage="naswot",
        seed=seed,
    )
    found = _score(settings, proxy, data, seed)
    best = best_architecture(found, read.direction)
    inputs = [*descriptors, *ldos, *(validation_descriptors or []), *(validation_ldos or [])]
    record = provenance("naswot", settings, seed, [*inputs, *(verdicts or [])])
    write_table(scores, _rows(rank(found, read.direction), best))
    write_document(
        choice,
        _document(settings, read, found, best, len(data.minibatch)) | {"provenance": record},
    )


def _proxy(settings: NaswotSettings) -> Proxy:
    known = PROXIES[settings.score]
    if isinstance(known, Naswot | OriginalNaswot):
        return replace(known, k=settings.regularisation)
    return known


def _labelled(
    settings: NaswotSettings,
    descriptors: Sequence[Path],
    ldos: Sequence[Path],
    validation_descriptors: Sequence[Path],
    validation_ldos: Sequence[Path],
    seed: int,
) -> tuple[PointData, PointData]:
    """Points with an LDOS, and others that are held out."""
    if validation_ldos:
        held_out = read_points(validation_descriptors, validation_ldos)
        return read_points(descriptors[: len(ldos)], ldos), held_out
    if settings.needs_ldos and len(ldos) < 2:
        raise DataError(
            f"The score {settings.score} learns from the LDOS and is judged on other snapshots.",
            where="--ldos, --validation-ldos",
            expected="LDOS of two training snapshots or more, or of validation snapshots",
            got=f"{len(ldos)} training and no validation snapshots",
            remedy="give them, or choose a score that needs no LDOS",
        )
    return split_labelled(descriptors, ldos, seed=derive_seed(seed, "naswot", "held_out"))


def _score(
    settings: NaswotSettings, proxy: Proxy, data: ScoreData, seed: int
) -> list[ArchitectureScore]:
    candidates = search_space(
        settings.layers,
        settings.widths,
        settings.activations,
        equal_widths=settings.equal_widths,
        sample=settings.sample,
        seed=derive_seed(seed, "naswot", "sample"),
    )
    found = []
    for number, architecture in enumerate(candidates, start=1):
        found.append(
            proxy(
                architecture,
                data,
                seed=derive_seed(seed, "naswot", architecture.label),
                initialisations=settings.initialisations,
            )
        )
        logger.info("%d/%d %s %s", number, len(candidates), architecture.label, found[-1].status)
    return found


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
