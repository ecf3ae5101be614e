"""Ranking of scored architectures: a failed score never wins, in either direction."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.architectures.options import Direction, ProxyName


@dataclass(frozen=True)
class ArchitectureScore:
    """Score of one architecture.

    Attributes
    ----------
    architecture
        What was scored.
    parameters
        Number of weights and biases: the naive score to compare with.
    batch_size
        Number of grid points that the score looks at; scores of different sizes do not compare.
    values
        Value of each initialisation; NaN where it could not be computed.
    mean
        Mean of `values`, NaN if one of them is.
    std
        Population standard deviation of `values`, NaN if one of them is.
    score
        What is ranked: S' = mean + std for ``naswot``, the mean for all others.
    status
        ``ok``, or why the architecture is rejected.
    proxy
        Which score it is.
    seconds
        CPU time that the score took; not part of the comparison of two scores.
    """

    architecture: Architecture
    parameters: int
    batch_size: int
    values: tuple[float, ...]
    mean: float
    std: float
    score: float
    status: str
    proxy: ProxyName = "naswot"
    seconds: float = field(default=math.nan, compare=False)

    @property
    def accepted(self) -> bool:
        """Whether the score is a finite number that may be ranked."""
        return self.status == "ok" and math.isfinite(self.score)


def rank(scores: Iterable[ArchitectureScore], direction: Direction) -> list[ArchitectureScore]:
    """Sort scores, best first; rejected architectures come last, in either direction.

    Parameters
    ----------
    scores
        Scores of one kind, from minibatches of one size.
    direction
        Whether the largest or the smallest score wins.

    Returns
    -------
    list[ArchitectureScore]
        Best first. Equal scores are sorted by the number of parameters, then by label.

    Raises
    ------
    ConfigError
        Unknown direction.
    DataError
        Scores of different kinds, or from minibatches of different sizes.
    """
    if direction not in ("maximise", "minimise"):
        raise ConfigError(
            "Unknown direction of a score.",
            expected="maximise or minimise",
            got=repr(direction),
        )
    scores = list(scores)
    kinds = sorted({score.proxy for score in scores})
    if len(kinds) > 1:
        raise DataError("Scores of different kinds do not compare.", got=", ".join(kinds))
    if len({score.batch_size for score in scores}) > 1:
        raise DataError("Scores from minibatches of different sizes do not compare.")
    sign = -1 if direction == "maximise" else 1
    return sorted(
        scores,
        key=lambda s: (
            not s.accepted,
            sign * s.score if s.accepted else 0.0,
            s.parameters,
            s.architecture.label,
        ),
    )


def best_architecture(
    scores: Iterable[ArchitectureScore], direction: Direction
) -> ArchitectureScore:
    """Return the best accepted score.

    Parameters
    ----------
    scores
        Scores of one kind, from minibatches of one size.
    direction
        Whether the largest or the smallest score wins.

    Returns
    -------
    ArchitectureScore
        The first of `rank`.

    Raises
    ------
    DataError
        There are no scores, or all architectures were rejected.
    """
    ranking = rank(scores, direction)
    if not ranking or not ranking[0].accepted:
        raise DataError(
            "The score accepted no architecture.",
            got="; ".join(f"{s.architecture.label}: {s.status}" for s in ranking) or "no scores",
            remedy="Offer wider networks or other activations in the search space.",
        )
    return ranking[0]
