"""Scores of all descriptor candidates at the sampled points, round by round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.triples import nested_columns
from surrogate_hpo.scores.descriptors.acsd import cosine_similarities
from surrogate_hpo.scores.descriptors.guard import GuardScore, guard_scores
from surrogate_hpo.scores.descriptors.guarded_choice import admitted
from surrogate_hpo.scores.descriptors.pooled_draws import pooled_draws
from surrogate_hpo.scores.descriptors.refine import finer_radii
from surrogate_hpo.scores.descriptors.scores import (
    Candidate,
    Draw,
    candidate_similarities,
    score_candidates,
)
from surrogate_hpo.scores.descriptors.table import ScoreTable
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.acsd.points import SampledSnapshot
from surrogate_hpo.stages.acsd.settings import AcsdSettings
from surrogate_hpo.stages.acsd.similarities import SimilarityData


@dataclass(frozen=True)
class ScoredCandidates:
    """All that is known of the candidates.

    Attributes
    ----------
    table
        Their scores.
    guards
        What the guard found of each; empty without it.
    clouds
        Similarities of the pairs of the first draw.
    """

    table: ScoreTable
    guards: dict[Candidate, GuardScore]
    clouds: SimilarityData


def score_all(
    snapshots: Sequence[SampledSnapshot],
    settings: AcsdSettings,
    *,
    weights: dict[str, float],
    radii: dict[str, float],
    seed: int,
) -> ScoredCandidates:
    """Score the candidates of the settings, then those of each round of the refinement.

    Parameters
    ----------
    snapshots
        With the points of all draws.
    settings
        Section of the config.
    weights
        Weight of every element.
    radii
        Radius factor of every element.
    seed
        Root seed.

    Returns
    -------
    ScoredCandidates
        Every candidate of every round, all on the same draws.
    """
    columns = {t: nested_columns(max(settings.twojmax), t) for t in settings.twojmax}

    def score(
        cutoff_radii: Sequence[float], number: int
    ) -> tuple[ScoreTable, dict[Candidate, GuardScore], Draw]:
        vectors = [
            snapshot.descriptors(
                cutoff_radii, max(settings.twojmax), element_weights=weights, element_radii=radii
            )
            for snapshot in snapshots
        ]
        draws = _draws(snapshots, vectors, settings, seed)
        found = score_candidates(
            draws,
            columns,
            objective=settings.objective,
            definition=settings.definition,
            round_number=number,
        )
        guards = _guards(snapshots, vectors, columns, seed) if settings.guard else {}
        return found, guards, draws[0]

    table, guards, first_draw = score(settings.cutoff_radii_angstrom, 0)
    first_draws = [first_draw]
    for number in range(1, settings.refine + 1):
        trusted = admitted(table, guards, tolerance=settings.guard_tolerance) if guards else None
        cutoff_radii = finer_radii(table, trusted)
        if not cutoff_radii:
            break
        found, more, first_draw = score(cutoff_radii, number)
        table, guards = table.joined(found), guards | more
        first_draws.append(first_draw)
    return ScoredCandidates(table, guards, _clouds(table, first_draws, columns))


def _draws(
    snapshots: Sequence[SampledSnapshot],
    vectors: Sequence[Mapping[float, NDArray[np.floating]]],
    settings: AcsdSettings,
    seed: int,
) -> list[Draw]:
    within = [
        draw
        for snapshot, own in zip(snapshots, vectors, strict=True)
        for draw in snapshot.draws(own)
    ]
    if settings.pairs == "within":
        return within
    seeds = [derive_seed(seed, "acsd", "pairs", number) for number in range(settings.draws)]
    return pooled_draws(within, seeds=seeds)


def _guards(
    snapshots: Sequence[SampledSnapshot],
    vectors: Sequence[Mapping[float, NDArray[np.floating]]],
    columns: Mapping[int, NDArray[np.integer]],
    seed: int,
) -> dict[Candidate, GuardScore]:
    ldos = [snapshot.ldos for snapshot in snapshots if snapshot.ldos is not None]
    return guard_scores(
        vectors,
        ldos,
        columns,
        seed=derive_seed(seed, "acsd", "guard"),
        sizes=[len(snapshot.atoms) for snapshot in snapshots],
    )


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
