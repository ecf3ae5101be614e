"""Scores of all descriptor candidates on the same draws of points."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.descriptors import kernel_spread
from surrogate_hpo.scores.descriptors.acsd import (
    Definition,
    acsd,
    cosine_similarities,
    nested_similarities,
)
from surrogate_hpo.scores.descriptors.table import CandidateScore, Objective, ScoreTable, spreads_of

# A descriptor whose similarities vary less than this, relative to the LDOS's, tells no
# point from another: its score is the one of a constant vector.
CONSTANT_BELOW = 0.01
Candidate = tuple[float, int]


@dataclass(frozen=True)
class Draw:
    """Vectors at the points of one random draw from one snapshot.

    Attributes
    ----------
    snapshot
        Name of the snapshot.
    seed
        Number of the draw.
    descriptors
        For each cutoff radius in Å: raw descriptor vectors at the highest 2·J_max at the two
        sets of points, [2, points, components].
    ldos
        LDOS vectors at the same points, 1/(eV Å³), [2, points, energies]; None for a score
        that needs no labels.
    """

    snapshot: str
    seed: int
    descriptors: Mapping[float, NDArray[np.floating]]
    ldos: NDArray[np.floating] | None = None


@dataclass(frozen=True)
class _Score:
    """Score of one candidate on one draw."""

    value: float
    std: float
    skewness: float
    constant: bool


def score_candidates(
    draws: Sequence[Draw],
    columns: Mapping[int, NDArray[np.integer]],
    *,
    objective: Objective = "acsd",
    definition: Definition = "fiedler2022",
    round_number: int = 0,
) -> ScoreTable:
    """Score every cutoff radius with every 2·J_max on the same draws.

    Parameters
    ----------
    draws
        One per snapshot and seed; all with the same cutoff radii.
    columns
        For each 2·J_max the columns of the descriptor vectors that it keeps, see
        ``descriptors.triples.nested_columns``.
    objective
        ``acsd`` compares with the LDOS, ``kernel-spread`` needs none, see :mod:`.kernel_spread`.
    definition
        Form of the distance, see :func:`acsd`.
    round_number
        Round of the refinement, recorded with the scores.

    Returns
    -------
    ScoreTable
        Sorted by cutoff radius, then 2·J_max.

    Raises
    ------
    ConfigError
        If there is nothing to score, or the draws differ in their cutoff radii.
    DataError
        If LDOS and descriptors belong to different points, an LDOS is missing, or an LDOS
        vector is zero or not finite.
    """
    radii = _shared_radii(draws, columns)
    found: dict[Candidate, list[_Score]] = {(r, t): [] for r in radii for t in columns}
    constant_values: list[float] = []
    for draw in draws:
        ldos = _ldos_similarities(draw) if objective == "acsd" else None
        constant_values.append(0.0 if ldos is None else acsd(np.ones_like(ldos), ldos, definition))
        variation = 0.0 if ldos is None else float(ldos.std())
        for candidate, similarity in candidate_similarities(draw, columns):
            found[candidate].append(_score(similarity, ldos, variation, definition))
    labels = tuple((draw.snapshot, draw.seed) for draw in draws)
    candidates = tuple(
        _summary(key, len(columns[key[1]]), scores, labels, round_number)
        for key, scores in sorted(found.items())
    )
    constant = tuple(constant_values)
    return ScoreTable(objective, definition, labels, candidates, float(np.mean(constant)), constant)


def candidate_similarities(
    draw: Draw, columns: Mapping[int, NDArray[np.integer]]
) -> Iterator[tuple[Candidate, NDArray[np.float64]]]:
    """Compute S_C(B) of all pairs of a draw for every candidate.

    Parameters
    ----------
    draw
        Vectors at the points.
    columns
        As for :func:`score_candidates`.

    Yields
    ------
    (float, int), array [points, points]
        Cutoff radius (Å) and 2·J_max, and the similarities.
    """
    for radius, vectors in draw.descriptors.items():
        for twojmax, similarity in nested_similarities(vectors, columns):
            yield (radius, twojmax), similarity


def _score(
    similarity: NDArray[np.float64],
    ldos: NDArray[np.float64] | None,
    variation: float,
    definition: Definition,
) -> _Score:
    std, skewness = kernel_spread.similarity_moments(similarity)
    if ldos is None:
        value, threshold = kernel_spread.kernel_spread(std, skewness), kernel_spread.CONSTANT_BELOW
    else:
        value, threshold = acsd(similarity, ldos, definition), CONSTANT_BELOW * variation
    return _Score(value, std, skewness, std <= threshold)


def _shared_radii(draws: Sequence[Draw], columns: Mapping[int, NDArray[np.integer]]) -> set[float]:
    radii = {frozenset(draw.descriptors) for draw in draws}
    if len(radii) != 1 or not next(iter(radii)) or not columns:
        raise ConfigError(
            "The candidates cannot be compared.",
            where="draws",
            expected="at least one draw, one 2·J_max, and the same cutoff radii in all draws",
            got=f"{len(draws)} draws, {len(columns)} values of 2·J_max, "
            f"cutoff radii {[sorted(r) for r in radii]} Å",
        )
    return set(next(iter(radii)))


def _ldos_similarities(draw: Draw) -> NDArray[np.float64]:
    """Compare the LDOS vectors of a draw, having checked them."""
    if draw.ldos is None:
        raise DataError(
            "The ACSD compares with the LDOS, and there is none.",
            where=f"snapshot {draw.snapshot}",
            remedy="give the LDOS, or take the objective kernel-spread",
        )
    for radius, vectors in draw.descriptors.items():
        if vectors.ndim != 3 or vectors.shape[:2] != draw.ldos.shape[:2] or len(vectors) != 2:
            raise DataError(
                "Descriptors and LDOS do not belong to the same points.",
                where=f"snapshot {draw.snapshot}, cutoff radius {radius:g} Å",
                expected=f"[2, points, components] to the LDOS's {list(draw.ldos.shape)}",
                got=str(list(vectors.shape)),
            )
    similarity = cosine_similarities(draw.ldos[0], draw.ldos[1])
    if not np.isfinite(similarity).all():
        raise DataError(
            "An LDOS vector is zero or not finite, so that it has no direction.",
            where=f"snapshot {draw.snapshot}, seed {draw.seed}",
            remedy="check the LDOS store; in vacuum, a wider broadening helps",
        )
    return similarity


def _summary(
    key: Candidate,
    components: int,
    scores: Sequence[_Score],
    labels: Sequence[tuple[str, int]],
    round_number: int,
) -> CandidateScore:
    values = tuple(score.value for score in scores)
    spread, spread_seeds, spread_snapshots = spreads_of(values, labels)
    return CandidateScore(
        cutoff_radius=key[0],
        twojmax=key[1],
        components=components,
        mean=float(np.mean(values)),
        spread=spread,
        spread_seeds=spread_seeds,
        spread_snapshots=spread_snapshots,
        constant=any(score.constant for score in scores),
        values=values,
        similarity_std=float(np.mean([score.std for score in scores])),
        similarity_skewness=float(np.mean([score.skewness for score in scores])),
        round_number=round_number,
    )
