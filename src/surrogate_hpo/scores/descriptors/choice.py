"""Choice of the descriptor by its score: among equals, the largest cutoff and the shortest."""

from dataclasses import dataclass

import numpy as np

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.descriptors.table import CandidateScore, ScoreTable, is_level

# In standard deviations of the paired difference. Any threshold has candidates near it, which
# other draws would put on its other side: the warning reaches further than the rule.
CLOSE_WITHIN = 2


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
    best
        Cutoff radius (Å) and 2·J_max of the best score of all.
    level
        All candidates that the draws cannot tell from the best, itself included.
    close
        All candidates within twice that distance: those that are level, and those that other
        draws might have made so.
    ambiguous
        Whether there is more than one close candidate, so that the rule had to decide, or
        would have to with other draws.
    rejected
        Candidates that could not win, each with the reason.
    reasons
        The decision in words.
    """

    cutoff_radius: float
    twojmax: int
    components: int
    mean: float
    best: tuple[float, int]
    level: tuple[tuple[float, int], ...]
    close: tuple[tuple[float, int], ...]
    ambiguous: bool
    rejected: tuple[tuple[float, int, str], ...]
    reasons: tuple[str, ...]


def choose(table: ScoreTable) -> Choice:
    """Choose the largest cutoff radius, then the smallest 2·J_max, among level candidates.

    A candidate is level with the best score if, on the same draws, it is worse on
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
    best = best_of(table)
    rejected = [(s, fault_of(s)) for s in table.candidates if fault_of(s)]
    eligible = [s for s in table.candidates if not fault_of(s)]
    level = [s for s in eligible if is_level(s, best, table.sign)]
    close = [s for s in eligible if is_level(s, best, table.sign, spreads=CLOSE_WITHIN)]
    chosen = min(level, key=lambda s: (-s.cutoff_radius, s.twojmax))
    return Choice(
        cutoff_radius=chosen.cutoff_radius,
        twojmax=chosen.twojmax,
        components=chosen.components,
        mean=chosen.mean,
        best=(best.cutoff_radius, best.twojmax),
        level=tuple((s.cutoff_radius, s.twojmax) for s in level),
        close=tuple((s.cutoff_radius, s.twojmax) for s in close),
        ambiguous=len(close) > 1,
        rejected=tuple((s.cutoff_radius, s.twojmax, fault) for s, fault in rejected),
        reasons=_reasons(table, best, level, close, chosen, rejected),
    )


def best_of(table: ScoreTable) -> CandidateScore:
    """Find the candidate with the best mean score, whatever is level with it.

    Parameters
    ----------
    table
        Scores on at least two draws.

    Returns
    -------
    CandidateScore
        The smallest ACSD or the largest kernel spread among the candidates that may win.

    Raises
    ------
    ConfigError
        If there are fewer than two draws.
    DataError
        If no candidate may win.
    """
    if len(table.draws) < 2:
        raise ConfigError(
            "One draw does not tell how far scores scatter.",
            where="seeds, snapshots",
            expected="at least two draws (snapshots times seeds)",
            got=str(len(table.draws)),
            remedy="add a seed or a snapshot",
        )
    eligible = [score for score in table.candidates if not fault_of(score)]
    if not eligible:
        raise DataError(
            "No descriptor can be chosen.",
            where=f"scores: {table.name}",
            expected="a finite score of a descriptor that varies from point to point",
            got="; ".join(f"{_name(s)}: {fault_of(s)}" for s in table.candidates),
            remedy="check the structures' units and try other cutoff radii",
        )
    return min(eligible, key=lambda score: table.sign * score.mean)


def fault_of(score: CandidateScore) -> str:
    """Say why a candidate cannot win; empty if it can."""
    if not np.isfinite(score.values).all():
        return "a score is not finite"
    if score.constant:
        return "the descriptor hardly varies from point to point"
    return ""


def candidate_name(cutoff_radius: float, twojmax: int) -> str:
    """Name a candidate in words, e.g. ``4.676 Å, 2J_max 8``."""
    return f"{cutoff_radius:g} Å, 2J_max {twojmax}"


def _name(score: CandidateScore) -> str:
    return candidate_name(score.cutoff_radius, score.twojmax)


def _reasons(
    table: ScoreTable,
    best: CandidateScore,
    level: list[CandidateScore],
    close: list[CandidateScore],
    chosen: CandidateScore,
    rejected: list[tuple[CandidateScore, str]],
) -> tuple[str, ...]:
    first = "smallest" if table.sign > 0 else "largest"
    reasons = [
        f"{first} {table.name} over {len(table.draws)} draws: {_name(best)}, "
        f"{best.mean:.3g} (a constant descriptor scores {table.constant_mean:.3g})"
    ]
    if len(level) > 1:
        others = ", ".join(_name(s) for s in level if s is not best)
        reasons.append(f"no worse by more than the spread of the paired difference: {others}")
        reasons.append(f"of these, largest cutoff radius, then smallest 2J_max: {_name(chosen)}")
    else:
        reasons.append("no other candidate comes within the spread of the paired difference")
    near = ", ".join(_name(s) for s in close if s not in level)
    if near:
        reasons.append(f"close, so that other draws might have made them level: {near}")
    gain = table.sign * np.subtract(table.constant_values, chosen.values)
    if gain.mean() <= gain.std(ddof=1):
        vectors = "LDOS vectors may be too alike (broad kernel)"
        points = "points may be too alike"
        reasons.append(
            "WARNING: not better than a constant descriptor by more than the spread; "
            f"the {vectors if table.objective == 'acsd' else points} to judge descriptors by"
        )
    reasons.extend(f"set aside: {_name(s)}, {fault}" for s, fault in rejected)
    return tuple(reasons)
