"""NASWOT: choose the architecture of the network without training."""

import logging
from pathlib import Path
from typing import Annotated

import numpy as np
import torch

from surrogate_hpo.config.naswot import NaswotSettings
from surrogate_hpo.io.datasets import flat
from surrogate_hpo.io.descriptor_store import read_descriptors
from surrogate_hpo.io.documents import write_document
from surrogate_hpo.io.ldos_store import read_ldos
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.tables import write_table
from surrogate_hpo.networks.architecture import search_space
from surrogate_hpo.networks.scaling import fit_input_scaler
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.naswot import draw_minibatch, score_architecture
from surrogate_hpo.selection.ranking import ArchitectureScore, best_architecture, rank
from surrogate_hpo.stages.interface import DescriptorStores, LdosStores, Output

logger = logging.getLogger(__name__)


def naswot(
    *,
    settings: NaswotSettings,
    seed: int,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    scores: Annotated[Path, Output("CSV: a row per architecture, best first (dimensionless)")],
    choice: Annotated[Path, Output("JSON: the chosen architecture, and why")],
) -> None:
    """Score untrained networks by the correlation of their input Jacobians and choose one.

    One minibatch of grid points goes through each network at several initialisations
    (Fiedler et al. 2022, eq. 13-14). The direction of the score is a setting: the paper
    maximises, the original publication minimises.
    """
    values = np.concatenate([flat(read_descriptors(path).values) for path in descriptors])
    outputs = len(read_ldos(ldos[0]).energy)
    inputs = torch.from_numpy(values)
    scaled = fit_input_scaler(inputs, settings.input_scaling).transform(inputs)
    batch = draw_minibatch(
        scaled, batch_size=settings.batch_size, seed=derive_seed(seed, "naswot", "batch")
    )
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
            score_architecture(
                architecture,
                batch,
                outputs=outputs,
                seed=derive_seed(seed, "naswot", architecture.label),
                initialisations=settings.initialisations,
                k=settings.regularisation,
            )
        )
        logger.info("%d/%d %s %s", number, len(candidates), architecture.label, found[-1].status)
    best = best_architecture(found, settings.direction)
    write_table(scores, _rows(rank(found, settings.direction), best))
    write_document(
        choice,
        {
            "architecture": best.architecture.to_dict(),
            "label": best.architecture.label,
            "parameters": best.parameters,
            "score": best.score,
            "direction": settings.direction,
            "batch_size": len(batch),
            "reasons": _reasons(settings, found, best),
            "warnings": _warnings(settings, len(batch), found),
            "provenance": provenance("naswot", settings, seed, [*descriptors, *ldos]),
        },
    )


def _rows(
    ranking: list[ArchitectureScore], best: ArchitectureScore
) -> list[dict[str, str | int | float | bool | None]]:
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


def _reasons(
    settings: NaswotSettings, found: list[ArchitectureScore], best: ArchitectureScore
) -> list[str]:
    rule = {
        "minimise": "the smallest score wins, as in the original NASWOT publication",
        "maximise": "the largest score wins, as in Fiedler et al. 2022",
    }[settings.direction]
    largest = max(found, key=lambda score: score.parameters)
    return [
        f"{len(found)} architectures, {settings.initialisations} initialisations each; {rule}",
        f"chosen: {best.architecture.label} with {best.parameters} parameters "
        f"(the largest candidate has {largest.parameters})",
    ]


def _warnings(settings: NaswotSettings, batch: int, found: list[ArchitectureScore]) -> list[str]:
    messages = []
    if batch < settings.batch_size:
        messages.append(
            f"The minibatch of {settings.batch_size} points was clipped to {batch}, the number of "
            "descriptor components: beyond it the score is degenerate."
        )
    rejected = [score.architecture.label for score in found if not score.accepted]
    if rejected:
        messages.append(f"No finite score, so never chosen: {', '.join(rejected)}.")
    return messages
