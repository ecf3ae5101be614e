"""What Optuna stored of a study, as rows and the best of them."""

import math
from collections.abc import Iterable, Sequence

from optuna.trial import FrozenTrial, TrialState

from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.search.space import RowState, StudyResult, TrialRow

REASON = "reason"  # attribute of a failed trial


def row(trial: FrozenTrial) -> TrialRow:
    """Row of a trial that has ended.

    Parameters
    ----------
    trial
        As Optuna stored it.

    Returns
    -------
    TrialRow
        A pruned trial with a reason is a failed one.
    """
    reason = str(trial.user_attrs.get(REASON, ""))
    state: RowState = "complete" if trial.state is TrialState.COMPLETE else "pruned"
    return TrialRow(
        number=trial.number,
        state="failed" if reason else state,
        value=math.nan if trial.value is None or reason else trial.value,
        hyperparameters=dict(trial.params),
        reason=reason,
        seconds=math.nan if trial.duration is None else trial.duration.total_seconds(),
    )


def result(trials: Iterable[FrozenTrial]) -> StudyResult:
    """All rows, and the best of the complete ones.

    Parameters
    ----------
    trials
        In order, all ended.

    Returns
    -------
    StudyResult
        The rows.

    Raises
    ------
    PhysicsError
        No trial completed.
    """
    rows = [row(trial) for trial in trials]
    return StudyResult(tuple(rows), best_trial(rows))


def best_trial(rows: Sequence[TrialRow]) -> TrialRow:
    """The complete trial of the lowest value, the first of equals.

    Parameters
    ----------
    rows
        All trials.

    Returns
    -------
    TrialRow
        One of them.

    Raises
    ------
    PhysicsError
        No trial completed.
    """
    complete = [found for found in rows if found.state == "complete"]
    if not complete:
        raise PhysicsError(
            "No trial of the search has completed.",
            got="; ".join(f"trial {r.number} {r.state} {r.reason}".strip() for r in rows),
            remedy="Narrow the search space: most often, lower the learning rates.",
        )
    return min(complete, key=lambda found: (found.value, found.number))
