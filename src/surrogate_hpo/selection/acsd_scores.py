"""Scores of all descriptor candidates on the same draws of points."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.selection.acsd import Definition, acsd, cosine_similarities

# A descriptor whose similarities vary less than this, relative to the LDOS's, tells no
# point from another: its score is the one of a constant vector.
CONSTANT_BELOW = 0.01


@dataclass(frozen=True)
class Draw:
    """Vectors at the points of one random draw from one snapshot.

    Attributes
    ----------
    snapshot
        Name of the snapshot.
    seed
        Seed of :func:`draw_pairs`.
    descriptors
        For each cutoff radius in Å: raw descriptor vectors at the highest 2·J_max at the two
        sets of points, [2, points, components].
    ldos
        LDOS vectors at the same points, 1/(eV Å³), [2, points, energies].
    """

    snapshot: str
    seed: int
    descriptors: Mapping[float, NDArray[np.floating]]
    ldos: NDArray[np.floating]


@dataclass(frozen=True)
class CandidateScore:
    """Score of one (cutoff radius, 2·J_max); smaller is better.

    Attributes
    ----------
    cutoff_radius
        Å.
    twojmax
        2·J_max.
    components
        Length of the descriptor vector.
    mean
        Mean over all draws; NaN if a draw has no finite score.
    spread
        Standard deviation over all draws. Mostly common to all candidates, since they share
        the points: it says how well the score is known, not how well candidates are told
        apart. None with one draw.
    spread_seeds
        Root of the mean variance over seeds within a snapshot; None with one seed.
    spread_snapshots
        Standard deviation over snapshots of the mean over seeds; None with one snapshot.
    constant
        Whether the descriptor is constant for all purposes, in some draw.
    values
        Score in each draw, in the order of the draws.
    """

    cutoff_radius: float
    twojmax: int
    components: int
    mean: float
    spread: float | None
    spread_seeds: float | None
    spread_snapshots: float | None
    constant: bool
    values: tuple[float, ...]


@dataclass(frozen=True)
class ScoreTable:
    """Scores of all candidates, and of a constant descriptor for comparison.

    Attributes
    ----------
    definition
        Which form of the distance was taken.
    draws
        Snapshot and seed of each draw.
    candidates
        One score per cutoff radius and 2·J_max.
    constant_mean
        Mean score of a descriptor that is the same at all points.
    constant_values
        The same in each draw.
    """

    definition: Definition
    draws: tuple[tuple[str, int], ...]
    candidates: tuple[CandidateScore, ...]
    constant_mean: float
    constant_values: tuple[float, ...]


def score_candidates(
    draws: Sequence[Draw],
    columns: Mapping[int, NDArray[np.integer]],
    *,
    definition: Definition = "fiedler2022",
) -> ScoreTable:
    """Score every cutoff radius with every 2·J_max on the same draws.

    Parameters
    ----------
    draws
        One per snapshot and seed; all with the same cutoff radii.
    columns
        For each 2·J_max the columns of the descriptor vectors that it keeps, see
        ``descriptors.triples.nested_columns``.
    definition
        Form of the distance, see :func:`acsd`.

    Returns
    -------
    ScoreTable
        Sorted by cutoff radius, then 2·J_max.

    Raises
    ------
    ConfigError
        If there is nothing to score, or the draws differ in their cutoff radii.
    DataError
        If LDOS and descriptors belong to different points, or an LDOS vector is zero or
        not finite.
    """
    radii = _shared_radii(draws, columns)
    values: dict[tuple[float, int], list[float]] = {(r, t): [] for r in radii for t in columns}
    constant = dict.fromkeys(values, False)
    constant_values: list[float] = []
    for draw in draws:
        ldos = _ldos_similarities(draw)
        constant_values.append(acsd(np.ones_like(ldos), ldos, definition))
        for (radius, twojmax), scores in values.items():
            vectors = draw.descriptors[radius][..., columns[twojmax]]
            similarity = cosine_similarities(vectors[0], vectors[1])
            scores.append(acsd(similarity, ldos, definition))
            constant[radius, twojmax] |= bool(similarity.std() <= CONSTANT_BELOW * ldos.std())
    labels = tuple((draw.snapshot, draw.seed) for draw in draws)
    candidates = tuple(
        _summary(key, len(columns[key[1]]), scores, constant[key], labels)
        for key, scores in sorted(values.items())
    )
    return ScoreTable(
        definition, labels, candidates, float(np.mean(constant_values)), tuple(constant_values)
    )


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
    key: tuple[float, int],
    components: int,
    scores: Sequence[float],
    constant: bool,
    labels: Sequence[tuple[str, int]],
) -> CandidateScore:
    values = np.array(scores)
    groups = list(_by_snapshot(values, labels))
    several_seeds = [group for group in groups if len(group) > 1]
    return CandidateScore(
        cutoff_radius=key[0],
        twojmax=key[1],
        components=components,
        mean=float(values.mean()),
        spread=float(values.std(ddof=1)) if len(values) > 1 else None,
        spread_seeds=float(np.sqrt(np.mean([g.var(ddof=1) for g in several_seeds])))
        if several_seeds
        else None,
        spread_snapshots=float(np.std([g.mean() for g in groups], ddof=1))
        if len(groups) > 1
        else None,
        constant=constant,
        values=tuple(scores),
    )


def _by_snapshot(
    values: NDArray[np.float64], labels: Sequence[tuple[str, int]]
) -> Iterator[NDArray[np.float64]]:
    names = np.array([snapshot for snapshot, _ in labels])
    for name in dict.fromkeys(names):
        yield values[names == name]
