"""Several training-free scores combined by their ranks, with weights from other materials.

As AZ-NAS (Lee and Ham, arXiv:2403.19232) ranks networks by an aggregate of the ranks of several
scores. There all count alike; here the weights are fitted.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from scipy.stats import rankdata

from surrogate_hpo.contest.methods.interface import Evaluation, Hyperparameters
from surrogate_hpo.contest.nearest import NearestConfiguration
from surrogate_hpo.contest.table_answers import SeenError, errors_of, score_evaluation
from surrogate_hpo.errors import DataError
from surrogate_hpo.search.options import ARCHITECTURE_KEYS
from surrogate_hpo.search.trained_table import TrainedTable

Floats = NDArray[np.float64]


def unit_ranks(values: ArrayLike) -> Floats:
    """Ranks from 0 (the smallest) to 1, the mean of them for equals, NaN where there is no value.

    Parameters
    ----------
    values
        Numbers; +inf is the largest.

    Returns
    -------
    ndarray
        One rank per value.
    """
    v = np.asarray(values, np.float64)
    ranks: Floats = np.asarray(rankdata(v, nan_policy="omit"), np.float64)
    last = int(np.count_nonzero(~np.isnan(v))) - 1
    return (ranks - 1) / max(last, 1)


def fit_weights(
    tables: Sequence[TrainedTable], names: Sequence[str], error: SeenError = "validation_loss"
) -> dict[str, float]:
    r"""Fit weights with which the ranks of scores add up to the rank of the error.

    .. math:: \min_{|w|} \sum_t \sum_i \Big(e_{ti} - \sum_s |w_s|\, r_{tsi}\Big)^2

    with the ranks :math:`e` of the error and :math:`r` of the scores, both less their mean in table
    t. A score of which higher values go with lower errors is ranked from its highest value.

    Parameters
    ----------
    tables
        Of other materials.
    names
        Scores that all of them have.
    error
        Which error.

    Returns
    -------
    dict
        Weight of each score that counts, negative where higher is better; magnitudes add up to 1.

    Raises
    ------
    DataError
        No score ranks the configurations.
    """
    columns, targets = [], []
    for table in tables:
        scores = np.array([unit_ranks(_values(table, name)) for name in names])
        errors = unit_ranks(errors_of(table, error))
        known = ~np.isnan(scores).any(axis=0)
        if known.any():
            kept = scores[:, known]
            columns.append(kept - kept.mean(axis=1, keepdims=True))
            targets.append(errors[known] - errors[known].mean())
    if columns:
        x, y = np.concatenate(columns, axis=1), np.concatenate(targets)
        signs = np.where(x @ y < 0, -1.0, 1.0)
        weights, _ = nnls((x * signs[:, None]).T, y)
        if weights.sum() > 0:
            weights *= signs / weights.sum()
            return {name: float(w) for name, w in zip(names, weights, strict=True) if w}
    raise DataError(
        "No training-free score ranks the configurations of the tables.",
        expected=f"an order of the errors in one of {', '.join(names)}",
        got=f"none in {len(tables)} tables",
    )


def combined_values(table: TrainedTable, weights: Mapping[str, float]) -> Floats:
    """Combined score of each configuration of a table, smaller for better networks.

    Parameters
    ----------
    table
        Has the scores.
    weights
        Of `fit_weights`.

    Returns
    -------
    ndarray
        Weighted sum of the ranks within the table; NaN where one of the scores was rejected.
    """
    ranks = [weight * unit_ranks(_values(table, name)) for name, weight in weights.items()]
    total: Floats = np.sum(ranks, axis=0)
    return total


class CombinedTableScore:
    """Answers the combined score from a table, at the cost of all scores in it.

    Parameters
    ----------
    table
        The table.
    weights
        Of `fit_weights`, fitted on other tables.
    """

    def __init__(self, table: TrainedTable, weights: Mapping[str, float]) -> None:
        points = [one.hyperparameters for one in table.configurations]
        self._nearest = NearestConfiguration(table.space, points, ARCHITECTURE_KEYS)
        values = combined_values(table, weights).tolist()
        self._evaluations = [
            score_evaluation(value, math.fsum(one.score_seconds[name] for name in weights))
            for value, one in zip(values, table.configurations, strict=True)
        ]

    def __call__(self, hyperparameters: Hyperparameters) -> Evaluation:
        """Look up the nearest architecture; a rejected score is a failed evaluation."""
        return self._evaluations[self._nearest(hyperparameters)]


def _values(table: TrainedTable, name: str) -> list[float]:
    return [one.scores[name] for one in table.configurations]
