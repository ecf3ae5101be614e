"""Table of the candidates' scores over all draws."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.scores.descriptors.acsd import Definition

Objective = Literal["acsd", "kernel-spread"]


@dataclass(frozen=True)
class CandidateScore:
    """Score of one (cutoff radius, 2·J_max).

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
    similarity_std
        Standard deviation of the similarities S_C(B) over the pairs, mean over draws.
    similarity_skewness
        Their skewness, mean over draws; NaN if all are equal.
    round_number
        0 for the candidates of the settings, n for those that round n of the refinement added.
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
    similarity_std: float
    similarity_skewness: float
    round_number: int


@dataclass(frozen=True)
class ScoreTable:
    """Scores of all candidates, and of a constant descriptor for comparison.

    Attributes
    ----------
    objective
        What the scores are: a distance between similarities, or a spread of them.
    definition
        Which form of the distance was taken; without meaning for the spread.
    draws
        Snapshot and seed of each draw.
    candidates
        One score per cutoff radius and 2·J_max, sorted by these.
    constant_mean
        Mean score of a descriptor that is the same at all points.
    constant_values
        The same in each draw.
    """

    objective: Objective
    definition: Definition
    draws: tuple[tuple[str, int], ...]
    candidates: tuple[CandidateScore, ...]
    constant_mean: float
    constant_values: tuple[float, ...]

    @property
    def sign(self) -> int:
        """1 where smaller scores are better (a distance), −1 where larger ones are (a spread)."""
        return 1 if self.objective == "acsd" else -1

    @property
    def name(self) -> str:
        """What the score is called."""
        return f"ACSD ({self.definition})" if self.objective == "acsd" else "kernel spread"

    def joined(self, other: "ScoreTable") -> "ScoreTable":
        """Add the candidates of another table that was made on the same draws.

        Parameters
        ----------
        other
            Table with other candidates.

        Returns
        -------
        ScoreTable
            All candidates, sorted.

        Raises
        ------
        DataError
            If the tables differ in anything but the candidates: paired differences between
            candidates would mean nothing.
        """
        if replace(self, candidates=()) != replace(other, candidates=()):
            raise DataError(
                "Scores of different draws cannot stand in one table.",
                expected=f"{self.name} on {len(self.draws)} draws {self.draws[:2]}…",
                got=f"{other.name} on {len(other.draws)} draws {other.draws[:2]}…",
            )
        both = sorted(
            self.candidates + other.candidates, key=lambda s: (s.cutoff_radius, s.twojmax)
        )
        return replace(self, candidates=tuple(both))


def is_level(score: CandidateScore, best: CandidateScore, sign: int, *, spreads: float = 1) -> bool:
    """Tell whether the draws cannot tell a candidate from the best.

    It is worse on average by no more than the standard deviation of the paired difference
    from draw to draw.

    Parameters
    ----------
    score
        The candidate.
    best
        The one it is compared with, on the same draws.
    sign
        Of the table: 1 where smaller scores are better.
    spreads
        How many standard deviations count as level.

    Returns
    -------
    bool
        False also where a score is not finite.
    """
    difference = sign * np.subtract(score.values, best.values)
    return bool(difference.mean() <= spreads * difference.std(ddof=1))


def spreads_of(
    scores: Sequence[float], draws: Sequence[tuple[str, int]]
) -> tuple[float | None, float | None, float | None]:
    """Spread of scores over all draws, over seeds within a snapshot, and between snapshots.

    Parameters
    ----------
    scores
        One per draw.
    draws
        Snapshot and seed of each.

    Returns
    -------
    float, float, float
        As in :class:`CandidateScore`.
    """
    values = np.array(scores)
    groups = list(_by_snapshot(values, draws))
    several_seeds = [group for group in groups if len(group) > 1]
    return (
        float(values.std(ddof=1)) if len(values) > 1 else None,
        float(np.sqrt(np.mean([g.var(ddof=1) for g in several_seeds]))) if several_seeds else None,
        float(np.std([g.mean() for g in groups], ddof=1)) if len(groups) > 1 else None,
    )


def _by_snapshot(
    values: NDArray[np.float64], draws: Sequence[tuple[str, int]]
) -> Iterator[NDArray[np.float64]]:
    names = np.array([snapshot for snapshot, _ in draws])
    for name in dict.fromkeys(names):
        yield values[names == name]
