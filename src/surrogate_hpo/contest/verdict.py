"""Which method wins on tables of trained networks: half of the replays choose, the others judge.

A method that looks best among many owes part of that to luck. So the first half of the replays
chooses, and the second, whose seeds the choice has not seen, says what the choice saves.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from surrogate_hpo.contest.regret import (
    mean_saving,
    median,
    on_wall,
    regret_at,
    saving,
    seconds_to,
)
from surrogate_hpo.contest.replay import Replay
from surrogate_hpo.scores.estimates import Estimate

Runs = Mapping[str, Sequence[Replay]]
ANYTIME = 24  # budgets at which two methods are compared


@dataclass(frozen=True)
class Winner:
    """A method, and what it saves.

    Attributes
    ----------
    method
        Least median compute until the regret stays at the target; None if no method gets there.
    saving
        Compute of the reference over its own.
    wall_saving
        The same of the wall time.
    is_lower_bound
        Whether the reference does not get there in half of its replays; what it spent is taken.
    beats_control
        Whether its median regret is nowhere above that of the control.
    control_share
        Share of the budgets at which it is below.
    """

    method: str | None
    saving: Estimate
    wall_saving: Estimate
    is_lower_bound: bool
    beats_control: bool
    control_share: float


@dataclass(frozen=True)
class OverallWinner:
    """The method that saves most over all materials.

    Attributes
    ----------
    method
        Largest geometric mean of the savings; None if none gets to the target everywhere.
    saving
        That mean.
    worst_saving
        Smallest saving of all materials.
    safest
        Method of the largest worst saving.
    beats_control
        As of `Winner`, on all materials.
    """

    method: str | None
    saving: Estimate
    worst_saving: float
    safest: str | None
    beats_control: bool


_NOTHING = Estimate(math.nan, math.nan, math.nan)


def winner(
    runs: Runs, errors: Sequence[float], *, reference: str, control: str, target: float
) -> Winner:
    """Choose and judge the winner on one table.

    Parameters
    ----------
    runs
        Replays of each method, of the same seeds in the same order.
    errors
        Of each configuration.
    reference
        Method that savings refer to.
    control
        Method that the winner must beat at every budget.
    target
        Regret.

    Returns
    -------
    Winner
        Chosen on the first half of the replays; all numbers are of the second.
    """
    choosing, judging = _half(runs, 0), _half(runs, 1)
    medians = {label: median(_seconds(found, errors, target)) for label, found in choosing.items()}
    best = min(medians, key=medians.__getitem__)
    reached = median(_seconds(judging[reference], errors, target))
    if not math.isfinite(medians[best]):
        return Winner(None, _NOTHING, _NOTHING, not math.isfinite(reached), False, 0.0)
    saved = [
        saving(
            _spent(found[reference], errors, target), _seconds(found[best], errors, target), seed=3
        )
        for found in (judging, {label: list(map(on_wall, judging[label])) for label in judging})
    ]
    below, above = _against(judging[best], judging[control], errors, _budgets(judging[reference]))
    return Winner(
        method=best,
        saving=saved[0],
        wall_saving=saved[1],
        is_lower_bound=not math.isfinite(reached),
        beats_control=best != control and above == 0,
        control_share=below,
    )


def overall_winner(
    materials: Sequence[tuple[Runs, Sequence[float]]],
    *,
    reference: str,
    control: str,
    target: float,
) -> OverallWinner:
    """Choose and judge the method that is the best over all materials.

    Parameters
    ----------
    materials
        Replays and errors of each.
    reference
        As for `winner`.
    control
        As for `winner`.
    target
        As for `winner`.

    Returns
    -------
    OverallWinner
        Chosen on the first half of the replays, judged on the second.
    """
    common = [name for name in materials[0][0] if all(name in runs for runs, _ in materials)]
    halves = [[(_half(runs, part), errors) for runs, errors in materials] for part in (0, 1)]

    def seconds(label: str, part: int) -> list[list[float]]:
        return [_seconds(runs[label], errors, target) for runs, errors in halves[part]]

    def spent(part: int) -> list[list[float]]:
        return [_spent(runs[reference], errors, target) for runs, errors in halves[part]]

    def savings(label: str, part: int) -> list[float]:
        pairs = zip(spent(part), seconds(label, part), strict=True)
        return [median(other) / median(own) for other, own in pairs]

    chosen = {label: savings(label, 0) for label in common}
    best = max(chosen, key=lambda label: (math.prod(chosen[label]), min(chosen[label])))
    safest = max(chosen, key=lambda label: (min(chosen[label]), math.prod(chosen[label])))
    if not min(chosen[safest]):
        return OverallWinner(None, _NOTHING, math.nan, None, False)
    nowhere_above = [
        _against(runs[best], runs[control], errors, _budgets(runs[reference]))[1] == 0
        for runs, errors in halves[1]
    ]
    return OverallWinner(
        method=best,
        saving=mean_saving(spent(1), seconds(best, 1), seed=4),
        worst_saving=min(savings(best, 1)),
        safest=safest,
        beats_control=best != control and all(nowhere_above),
    )


def _half(runs: Runs, part: int) -> dict[str, list[Replay]]:
    return {
        label: list(found[: len(found) // 2] if part == 0 else found[len(found) // 2 :])
        for label, found in runs.items()
    }


def _seconds(found: Sequence[Replay], errors: Sequence[float], target: float) -> list[float]:
    return [seconds_to(one, errors, target) for one in found]


def _spent(found: Sequence[Replay], errors: Sequence[float], target: float) -> list[float]:
    """As `_seconds`; what a search has spent where it never gets there."""
    return [min(seconds_to(one, errors, target), one.total_seconds) for one in found]


def _budgets(found: Sequence[Replay]) -> list[float]:
    whole = median([one.total_seconds for one in found])
    return list(np.geomspace(whole / 64, whole, ANYTIME))


def _against(
    found: Sequence[Replay],
    control: Sequence[Replay],
    errors: Sequence[float],
    budgets: Sequence[float],
) -> tuple[float, float]:
    """Shares of the budgets at which the median regret is below and above that of the control."""
    own, other = (
        np.array([median(column) for column in zip(*curves, strict=True)])
        for curves in (
            [regret_at(one, errors, budgets) for one in found],
            [regret_at(one, errors, budgets) for one in control],
        )
    )
    return float(np.mean(own < other)), float(np.mean(own > other))
