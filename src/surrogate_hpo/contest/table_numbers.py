"""Numbers of the replays on one table: regret of each method, and order of each score."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from surrogate_hpo.contest.contenders import PAPER
from surrogate_hpo.contest.regret import (
    median,
    median_estimate,
    on_wall,
    regret_at,
    seconds_to,
)
from surrogate_hpo.contest.replay import Replay
from surrogate_hpo.contest.table_answers import SeenError, errors_of
from surrogate_hpo.contest.transfer.combined_score import combined_values, fit_weights
from surrogate_hpo.contest.transfer.predicted_error import fit_predicted_error
from surrogate_hpo.contest.transfer.rate_rule import exponent_intervals, fit_rate_rule
from surrogate_hpo.errors import DataError
from surrogate_hpo.scores.agreement import MINIMUM_ARCHITECTURES, agreement
from surrogate_hpo.search.trained_table import TrainedTable

COMBINED = "combined"
# The loss after the shortest training of the table, each by its own recipe.
SHORTEST = "shortest_training"
# What the tables of other materials predict.
PREDICTED_ERROR = "predicted_error"
_ANYTIME = 24  # budgets of the curves
_RESAMPLES = 300  # of τ, which takes seconds with more


def method_numbers(
    replays: Sequence[Replay], errors: Sequence[float], budgets: Sequence[float], target: float
) -> dict[str, Any]:
    """Regret of one method on one table.

    Parameters
    ----------
    replays
        Of the method.
    errors
        Of each configuration.
    budgets
        Compute at which the regret is given with an interval, rising.
    target
        Regret to which the seconds are given.

    Returns
    -------
    dict
        Medians over the replays.
    """
    anytime = np.geomspace(budgets[0] / 8, budgets[-1], _ANYTIME).tolist()
    walls = list(map(on_wall, replays))
    return {
        "replays": len(replays),
        "without_recommendation": sum(bool(one.failure) for one in replays),
        "total_seconds": median([one.total_seconds for one in replays]),
        "total_wall_seconds": median([one.total_seconds for one in walls]),
        "regret": [
            asdict(median_estimate(column, seed=0)) for column in _regrets(replays, errors, budgets)
        ],
        "anytime_seconds": anytime,
        "anytime_regret": [median(column) for column in _regrets(replays, errors, anytime)],
        "seconds_to_target": _seconds(replays, errors, target),
        "wall_seconds_to_target": _seconds(walls, errors, target),
    }


def taus(
    table: TrainedTable, others: Sequence[TrainedTable], error: SeenError
) -> dict[str, dict[str, Any]]:
    """Kendall's τ of every score with the error over all configurations that have the score.

    Parameters
    ----------
    table
        The table.
    others
        On which the combined score is fitted; there is none if they are none.
    error
        Which error.

    Returns
    -------
    dict
        By score; ``combined`` has its weights, too. ``shortest_training`` is the loss after the
        shortest training, ``predicted_error`` what the other tables predict.
    """
    names = list(table.configurations[0].scores)
    found = {
        name: _agreement([one.scores[name] for one in table.configurations], table, error)
        for name in names
    }
    shortest = [sum(row.losses[0] for row in one.rows) for one in table.configurations]
    found[SHORTEST] = _agreement(shortest, table, error)
    with suppress(DataError):  # no other tables, or of another space
        predict = fit_predicted_error(others, error)
        predicted = predict([one.hyperparameters for one in table.configurations])
        found[PREDICTED_ERROR] = _agreement(predicted.tolist(), table, error)
    shared = [n for n in names if all(n in one.configurations[0].scores for one in others)]
    if others and shared:
        try:
            weights = fit_weights(others, shared, error)
        except DataError:
            return found
        values = combined_values(table, weights)
        found[COMBINED] = _agreement(values, table, error) | {"weights": weights}
    return found


def best_of(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Name the score of the largest |τ|, and how the one of the paper does.

    Parameters
    ----------
    scores
        Of `taus`.

    Returns
    -------
    dict
        ``best_score``, ``tau_of_best_score``, ``tau_of_paper``; None where there is none.
    """
    known = {name: one["tau"] for name, one in scores.items() if math.isfinite(one["tau"])}
    best = max(known, key=lambda name: abs(known[name]), default=None)
    return {
        "best_score": best,
        "tau_of_best_score": known.get(best) if best else None,
        "tau_of_paper": known.get(PAPER),
    }


def rate_numbers(tables: Sequence[TrainedTable], error: SeenError) -> dict[str, Any]:
    """Exponents of the best learning rate fitted on tables, with their intervals.

    Parameters
    ----------
    tables
        One or more.
    error
        Whose minimum counts.

    Returns
    -------
    dict
        By hyperparameter; or the reason why there is no rule.
    """
    try:
        rule = fit_rate_rule(tables, error)
    except DataError as reason:
        return {"reason": " ".join(str(reason).split())}
    ends = exponent_intervals(tables, error, seed=5)
    exponents = {
        key: {"value": value, "low": ends[key][0], "high": ends[key][1]}
        for key, value in rule.exponents.items()
    }
    return {"prefactor": rule.prefactor, "exponents": exponents}


def _regrets(replays: Sequence[Replay], errors: ArrayLike, seconds: ArrayLike) -> list[Any]:
    """A column of all replays per budget."""
    return list(np.array([regret_at(one, errors, seconds) for one in replays]).T)


def _seconds(replays: Sequence[Replay], errors: ArrayLike, target: float) -> dict[str, float]:
    found = [seconds_to(one, errors, target) for one in replays]
    return asdict(median_estimate(found, seed=1))


def _agreement(values: ArrayLike, table: TrainedTable, error: SeenError) -> dict[str, Any]:
    scores, errors = np.asarray(values, np.float64), np.asarray(errors_of(table, error))
    known = np.isfinite(scores)
    if np.count_nonzero(known) < MINIMUM_ARCHITECTURES:
        return {"tau": math.nan, "reason": "fewer than five configurations have it"}
    return asdict(agreement(scores[known], errors[known], seed=2, resamples=_RESAMPLES))
