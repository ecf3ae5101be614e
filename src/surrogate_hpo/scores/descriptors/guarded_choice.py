"""Choice of the descriptor among those that also predict snapshots they were not fitted to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from surrogate_hpo.scores.descriptors.choice import Choice, candidate_name, choose, fault_of
from surrogate_hpo.scores.descriptors.guard import GuardScore
from surrogate_hpo.scores.descriptors.scores import Candidate
from surrogate_hpo.scores.descriptors.table import ScoreTable

# What a line cannot learn of larger cells is common to all candidates; a cutoff that reaches over a
# small cell has several times that error.
_SIZE_FACTOR = 1.3


@dataclass(frozen=True)
class GuardedChoice:
    """The chosen descriptor, and what the score alone would have taken.

    Attributes
    ----------
    choice
        The rule's choice among the admitted candidates, with the guard's part in its reasons.
    alone
        Cutoff radius (Å) and 2·J_max that the rule takes from all candidates.
    admitted
        Candidates that do not go astray in larger cells, and whose held-out unexplained variance
        is close enough to the smallest.
    knows_larger
        Whether snapshots of several sizes were there to judge by.
    """

    choice: Choice
    alone: Candidate
    admitted: tuple[Candidate, ...]
    knows_larger: bool

    @property
    def changed(self) -> bool:
        """Whether the guard changed the choice."""
        return self.alone != (self.choice.cutoff_radius, self.choice.twojmax)


def choose_guarded(
    table: ScoreTable, guards: Mapping[Candidate, GuardScore], *, tolerance: float
) -> GuardedChoice:
    """Apply the rule of :func:`.choose` to the candidates that the guard admits.

    Parameters
    ----------
    table
        Scores on at least two draws.
    guards
        Of every candidate of the table.
    tolerance
        By what fraction the held-out unexplained variance may exceed the smallest.

    Returns
    -------
    GuardedChoice
        The choice, with and without the guard.

    Raises
    ------
    ConfigError
        If there are fewer than two draws.
    DataError
        If no candidate has a finite score and a descriptor that varies.
    """
    alone = choose(table)
    by_size = judged_by_size(table, guards)
    kept = admitted(table, guards, tolerance=tolerance)
    choice = choose(kept)
    candidates = tuple((s.cutoff_radius, s.twojmax) for s in kept.candidates if not fault_of(s))
    best = min(candidates, key=lambda key: guards[key].held_out_unexplained)
    smallest = guards[best].held_out_unexplained
    found = GuardedChoice(
        choice,
        (alone.cutoff_radius, alone.twojmax),
        candidates,
        knows_larger=not np.isnan(guards[best].larger_sum_error),
    )
    reasons = [
        f"guard: smallest unexplained variance on left-out snapshots {candidate_name(*best)}, "
        f"{smallest:.3g}; {len(candidates)} of {len(by_size.candidates)} candidates "
        f"exceed it by no more than {100 * tolerance:g} %, and only these are compared",
        *choice.reasons,
    ]
    if refused := len(table.candidates) - len(by_size.candidates):
        reasons.insert(
            0,
            f"guard: fitted to the smaller cells, sums over the largest ones are off by more than "
            f"{_SIZE_FACTOR:g} times the smallest error with {refused} of {len(table.candidates)} "
            "candidates, which do not compete",
        )
    if found.changed:
        reasons.append(
            f"the guard changed the choice: without it {candidate_name(*found.alone)}, "
            f"unexplained {guards[found.alone].held_out_unexplained:.3g} on left-out "
            f"snapshots{_in_larger(guards[found.alone])}"
        )
    if smallest >= 1:
        reasons.append(
            "WARNING: on left-out snapshots no regression is better than the mean; there are "
            "too few snapshots for the guard to judge by"
        )
    return replace(found, choice=replace(choice, reasons=tuple(reasons)))


def _in_larger(score: GuardScore) -> str:
    if np.isnan(score.larger_sum_error):
        return ""
    return f", relative error of sums over the largest cells {score.larger_sum_error:.3g}"


def judged_by_size(table: ScoreTable, guards: Mapping[Candidate, GuardScore]) -> ScoreTable:
    """Drop the candidates whose sums over the largest cells go astray.

    Parameters
    ----------
    table
        Scores of all candidates.
    guards
        Of every candidate of the table.

    Returns
    -------
    ScoreTable
        The whole table where all snapshots have the same size.
    """
    eligible = [s for s in table.candidates if not fault_of(s)]
    errors = {key: guard.larger_sum_error for key, guard in guards.items()}
    known = [errors[s.cutoff_radius, s.twojmax] for s in eligible]
    limit = _SIZE_FACTOR * min(known, default=np.nan)
    if np.isnan(limit):
        return table
    kept = tuple(
        s for s in table.candidates if fault_of(s) or errors[s.cutoff_radius, s.twojmax] <= limit
    )
    return replace(table, candidates=kept)


def admitted(
    table: ScoreTable, guards: Mapping[Candidate, GuardScore], *, tolerance: float
) -> ScoreTable:
    """Keep the candidates that generalise about as well as the best that may win.

    Parameters
    ----------
    table
        Scores of all candidates.
    guards
        Of every candidate of the table.
    tolerance
        By what fraction the held-out unexplained variance may exceed the smallest.

    Returns
    -------
    ScoreTable
        Without those that the guard refuses. Those that cannot win anyway stay, to be named.
    """
    table = judged_by_size(table, guards)
    held_out = {key: guard.held_out_unexplained for key, guard in guards.items()}
    eligible = [s for s in table.candidates if not fault_of(s)]
    smallest = min((held_out[s.cutoff_radius, s.twojmax] for s in eligible), default=0.0)
    kept = tuple(
        s
        for s in table.candidates
        if fault_of(s) or held_out[s.cutoff_radius, s.twojmax] <= (1 + tolerance) * smallest
    )
    return replace(table, candidates=kept)
