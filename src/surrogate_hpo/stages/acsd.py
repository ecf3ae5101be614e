"""ACSD: choose the descriptor (cutoff radius, 2 J_max) without training."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.config.acsd import AcsdSettings
from surrogate_hpo.config.replace import replaced
from surrogate_hpo.descriptors.elements import element_parameters
from surrogate_hpo.descriptors.triples import nested_columns
from surrogate_hpo.io.documents import write_document
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.similarities import SimilarityData, write_similarities
from surrogate_hpo.io.tables import write_table
from surrogate_hpo.selection.acsd import cosine_similarities
from surrogate_hpo.selection.acsd_choice import Choice, choose
from surrogate_hpo.selection.acsd_scores import Draw, candidate_similarities, score_candidates
from surrogate_hpo.selection.acsd_table import ScoreTable
from surrogate_hpo.selection.refine import finer_radii
from surrogate_hpo.stages.acsd_points import SampledSnapshot, sample_snapshots
from surrogate_hpo.stages.interface import Input, Option, Output, Structures

logger = logging.getLogger(__name__)


def acsd(
    *,
    settings: AcsdSettings,
    seed: int,
    structures: Structures,
    ldos: Annotated[
        list[Path] | None,
        Input("LDOS stores (*.zarr.zip) of the same snapshots, 1/(eV Å³); none for kernel-spread"),
    ] = None,
    refine: Annotated[
        int | None, Option("rounds of refinement of the cutoff radius, instead of acsd.refine")
    ] = None,
    scores: Annotated[
        Path, Output("CSV: a row per candidate, score and its spreads (dimensionless)")
    ],
    choice: Annotated[Path, Output("JSON: chosen cutoff_radius_angstrom and twojmax, and why")],
    similarities: Annotated[
        Path, Output("store (*.zarr.zip): similarities of the pairs of the first draw")
    ],
) -> None:
    """Score every candidate descriptor without training and choose one.

    Similarities of LDOS vectors and of SNAP vectors are compared for pairs of grid points;
    SNAP is evaluated at these points only, once per cutoff radius at the highest 2 J_max
    (average cosine similarity distance, Fiedler et al. 2022, eq. 16-17). With the objective
    `kernel-spread` the SNAP similarities alone are judged, and no LDOS is read.
    """
    if refine is not None:
        settings = replaced(settings, refine=refine)
    if ldos and not settings.needs_ldos:
        logger.warning("acsd.objective %s needs no LDOS: it is not read", settings.objective)
    labels = (ldos or []) if settings.needs_ldos else []
    snapshots = sample_snapshots(structures, labels, settings, seed=seed)
    weights, radii = element_parameters(
        {symbol for snapshot in snapshots for symbol in snapshot.atoms.symbols},
        settings.element_weights,
        settings.element_radii,
    )
    table, clouds = _score(snapshots, settings, weights, radii)
    decision = choose(table)
    record = provenance("acsd", settings, seed, [*structures, *labels])
    write_table(scores, _rows(table, decision))
    write_similarities(similarities, clouds, record)
    write_document(
        choice,
        {
            "cutoff_radius_angstrom": decision.cutoff_radius,
            "twojmax": decision.twojmax,
            "element_weights": weights,
            "element_radii": radii,
            "objective": table.objective,
            "constant_descriptor_score": table.constant_mean,
            "decision": asdict(decision),
            "provenance": record,
        },
    )


def _score(
    snapshots: Sequence[SampledSnapshot],
    settings: AcsdSettings,
    weights: dict[str, float],
    radii: dict[str, float],
) -> tuple[ScoreTable, SimilarityData]:
    """Score the candidates of the settings, then those of each round of the refinement."""
    columns = {t: nested_columns(max(settings.twojmax), t) for t in settings.twojmax}

    def score(cutoff_radii: Sequence[float], number: int) -> tuple[ScoreTable, Draw]:
        draws = [
            draw
            for snapshot in snapshots
            for draw in snapshot.draws(
                cutoff_radii,
                max(settings.twojmax),
                element_weights=weights,
                element_radii=radii,
            )
        ]
        found = score_candidates(
            draws,
            columns,
            objective=settings.objective,
            definition=settings.definition,
            round_number=number,
        )
        return found, draws[0]

    table, first_draw = score(settings.cutoff_radii_angstrom, 0)
    first_draws = [first_draw]
    for number in range(1, settings.refine + 1):
        cutoff_radii = finer_radii(table)
        if not cutoff_radii:
            break
        found, first_draw = score(cutoff_radii, number)
        table = table.joined(found)
        first_draws.append(first_draw)
    return table, _clouds(table, first_draws, columns)


def _clouds(
    table: ScoreTable, draws: Sequence[Draw], columns: Mapping[int, NDArray[np.integer]]
) -> SimilarityData:
    """Similarities of the first draw of the first snapshot, in the order of the table."""
    of = {
        candidate: similarity.ravel().astype(np.float32)
        for draw in draws
        for candidate, similarity in candidate_similarities(draw, columns)
    }
    ldos = draws[0].ldos
    return SimilarityData(
        descriptor=np.stack([of[s.cutoff_radius, s.twojmax] for s in table.candidates]),
        ldos=None
        if ldos is None
        else cosine_similarities(ldos[0], ldos[1]).ravel().astype(np.float32),
        cutoff_radius=np.array([score.cutoff_radius for score in table.candidates]),
        twojmax=np.array([score.twojmax for score in table.candidates]),
        round_number=np.array([score.round_number for score in table.candidates]),
        snapshot=draws[0].snapshot,
    )


def _rows(table: ScoreTable, decision: Choice) -> list[dict[str, str | int | float | bool | None]]:
    rejected = {(radius, twojmax): reason for radius, twojmax, reason in decision.rejected}
    name = table.objective.replace("-", "_")
    return [
        {
            "cutoff_radius_angstrom": score.cutoff_radius,
            "twojmax": score.twojmax,
            "components": score.components,
            f"{name}_mean": score.mean,
            f"{name}_std": score.spread,
            f"{name}_std_over_seeds": score.spread_seeds,
            f"{name}_std_over_snapshots": score.spread_snapshots,
            "similarity_std": score.similarity_std,
            "similarity_skewness": score.similarity_skewness,
            "within_spread": (score.cutoff_radius, score.twojmax) in decision.level,
            "chosen": (score.cutoff_radius, score.twojmax)
            == (decision.cutoff_radius, decision.twojmax),
            "rejected": rejected.get((score.cutoff_radius, score.twojmax)),
            "round": score.round_number,
        }
        for score in table.candidates
    ]
