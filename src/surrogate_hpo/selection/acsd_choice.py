"""Choice of the descriptor by its ACSD: among equals, the largest cutoff and the shortest."""

from dataclasses import dataclass

import numpy as np

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.selection.acsd_scores import CandidateScore, ScoreTable


@dataclass(frozen=True)
class Choice:
    """The chosen descriptor and why.

    Attributes
    ----------
    cutoff_radius
        Å.
    twojmax
        2·J_max.
    components
        Length of the descriptor vector.
    mean
        Score of the chosen candidate.
    minimum
        Cutoff radius (Å) and 2·J_max of the smallest score of all.
    level
        All candidates that the draws cannot tell from the minimum, itself included.
    ambiguous
        Whether there is more than one such candidate, so that the rule had to decide.
    rejected
        Candidates that could not win, each with the reason.
    reasons
        The decision in words.
    """

    cutoff_radius: float
    twojmax: int
    components: int
    mean: float
    minimum: tuple[float, int]
    level: tuple[tuple[float, int], ...]
    ambiguous: bool
    rejected: tuple[tuple[float, int, str], ...]
    reasons: tuple[str, ...]


def choose(table: ScoreTable) -> Choice:
    """Choose the largest cutoff radius, then the smallest 2·J_max, among level candidates.

    A candidate is level with the smallest score if, on the same draws, it is worse on
    average by no more than the standard deviation of that difference from draw to draw. The
    differences are paired because all candidates see the same points: the spread that they
    share does not distinguish them. It is the spread of one draw and not of the mean, so
    that more seeds make the choice more certain instead of ever more demanding.

    Parameters
    ----------
    table
        Scores on at least two draws (snapshots times seeds).

    Returns
    -------
    Choice
        With the rule of Fiedler et al. (2022): "maximum R_cut and minimum J_max".

    Raises
    ------
    ConfigError
        If there are fewer than two draws, so that no spread is known.
    DataError
        If no candidate has a finite score and a descriptor that varies.
    """
    if len(table.draws) < 2:
        raise ConfigError(
            "One draw does not tell how far scores scatter.",
            where="seeds, snapshots",
            expected="at least two draws (snapshots times seeds)",
            got=str(len(table.draws)),
            remedy="add a seed or a snapshot",
        )
    rejected = [(s, _fault(s)) for s in table.candidates if _fault(s)]
    eligible = [s for s in table.candidates if not _fault(s)]
    if not eligible:
        raise DataError(
            "No descriptor can be chosen.",
            where="ACSD scores",
            expected="a finite score of a descriptor that varies from point to point",
            got="; ".join(f"{_name(s)}: {fault}" for s, fault in rejected),
            remedy="check the structures' units and try other cutoff radii",
        )
    best = min(eligible, key=lambda s: s.mean)
    level = [s for s in eligible if _is_level(s, best)]
    chosen = min(level, key=lambda s: (-s.cutoff_radius, s.twojmax))
    return Choice(
        cutoff_radius=chosen.cutoff_radius,
        twojmax=chosen.twojmax,
        components=chosen.components,
        mean=chosen.mean,
        minimum=(best.cutoff_radius, best.twojmax),
        level=tuple((s.cutoff_radius, s.twojmax) for s in level),
        ambiguous=len(level) > 1,
        rejected=tuple((s.cutoff_radius, s.twojmax, fault) for s, fault in rejected),
        reasons=_reasons(table, best, level, chosen, rejected),
    )


def _fault(score: CandidateScore) -> str:
    """Say why a candidate cannot win; empty if it can."""
    if not np.isfinite(score.values).all():
        return "a score is not finite"
    if score.constant:
        return "the descriptor hardly varies from point to point"
    return ""


def _is_level(score: CandidateScore, best: CandidateScore) -> bool:
    difference = np.subtract(score.values, best.values)
    return bool(difference.mean() <= difference.std(ddof=1))


def _name(score: CandidateScore) -> str:
    return f"{score.cutoff_radius:g} Å, 2J_max {score.twojmax}"


def _reasons(
    table: ScoreTable,
    best: CandidateScore,
    level: list[CandidateScore],
    chosen: CandidateScore,
    rejected: list[tuple[CandidateScore, str]],
) -> tuple[str, ...]:
    reasons = [
        f"smallest ACSD ({table.definition}) over {len(table.draws)} draws: {_name(best)}, "
        f"{best.mean:.3g} (a constant descriptor scores {table.constant_mean:.3g})"
    ]
    if len(level) > 1:
        others = ", ".join(_name(s) for s in level if s is not best)
        reasons.append(f"no worse by more than the spread of the paired difference: {others}")
        reasons.append(f"of these, largest cutoff radius, then smallest 2J_max: {_name(chosen)}")
    else:
        reasons.append("no other candidate comes within the spread of the paired difference")
    gain = np.subtract(table.constant_values, chosen.values)
    if gain.mean() <= gain.std(ddof=1):
        reasons.append(
            "WARNING: not better than a constant descriptor by more than the spread; "
            "the LDOS vectors may be too alike (broad kernel) to judge descriptors by"
        )
    reasons.extend(f"set aside: {_name(s)}, {fault}" for s, fault in rejected)
    return tuple(reasons)
