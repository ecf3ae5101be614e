"""The error of a configuration as tables of other materials predict it, and a search led by it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.contest.methods.filtered_halving import FilteredHalving
from surrogate_hpo.contest.methods.points import random_point
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.contest.table_answers import SeenError, errors_of
from surrogate_hpo.contest.transfer.combined_score import unit_ranks
from surrogate_hpo.errors import DataError
from surrogate_hpo.search.space import Choices, Interval, SearchSpace, Value
from surrogate_hpo.search.trained_table import TrainedTable

Floats = NDArray[np.float64]
# Of the squared coefficients, in units of the variance of a column: the table's points are some
# times more than the coefficients, so that it hardly matters.
PENALTY = 1e-2


@dataclass(frozen=True)
class PredictedError:
    r"""Rank of the error of a configuration among those of a table, as a polynomial.

    .. math:: e(x) = c_0 + \sum_i c_i x_i + \sum_{i \le j} c_{ij} x_i x_j

    over the hyperparameters :math:`x`: the logarithms of numbers, scaled to −1…1, and one 0 or 1
    per option of the others. Fitted by ridge regression to the ranks (0 for the best, 1 for the
    worst) of all configurations of other tables.

    Attributes
    ----------
    space
        Of the tables.
    coefficients
        One per column.
    """

    space: SearchSpace
    coefficients: Floats

    def __call__(self, points: Sequence[Mapping[str, Value]]) -> Floats:
        """Predict the rank of each point, smaller for better ones.

        Parameters
        ----------
        points
            With all hyperparameters of the space.

        Returns
        -------
        ndarray
            One number per point.
        """
        predicted: Floats = _columns(self.space, points) @ self.coefficients
        return predicted


def fit_predicted_error(
    tables: Sequence[TrainedTable], error: SeenError = "validation_loss"
) -> PredictedError:
    """Fit the prediction to tables of one space.

    Parameters
    ----------
    tables
        Of other materials.
    error
        Which error.

    Returns
    -------
    PredictedError
        Of configurations of their space.

    Raises
    ------
    DataError
        No tables, or with different hyperparameters or options.
    """
    spaces = [table.space for table in tables]
    if not spaces or any(space != spaces[0] for space in spaces):
        raise DataError(
            "The error can only be predicted from tables of the same space.",
            expected="one space: the same hyperparameters, intervals and options",
            got=f"{len(tables)} tables" + (", of different spaces" if tables else ""),
        )
    space = tables[0].space
    x = np.concatenate(
        [_columns(space, [one.hyperparameters for one in t.configurations]) for t in tables]
    )
    y = np.concatenate([unit_ranks(errors_of(table, error)) for table in tables])
    scale = PENALTY * len(x) * np.diag(x.var(axis=0) + 1e-12)
    return PredictedError(space, np.linalg.solve(x.T @ x + scale, x.T @ y))


def _columns(space: SearchSpace, points: Sequence[Mapping[str, Value]]) -> Floats:
    """A one, all hyperparameters, and their products."""
    linear = np.array([[v for key in space for v in _scaled(space[key], p[key])] for p in points])
    first, second = np.triu_indices(linear.shape[1])
    return np.column_stack([np.ones(len(linear)), linear, linear[:, first] * linear[:, second]])


def _scaled(dimension: Interval | Choices, value: Value) -> list[float]:
    if isinstance(dimension, Interval):
        low, high = dimension.low, dimension.high
    else:
        numbers = [one for one in dimension.options if not isinstance(one, str | bool)]
        if len(numbers) < max(len(dimension.options), 2) or min(numbers) <= 0:
            return [float(value == option) for option in dimension.options]
        low, high = float(min(numbers)), float(max(numbers))
    if low > 0:
        low, high, value = math.log(low), math.log(high), math.log(float(value))
    return [2 * (float(value) - low) / (high - low) - 1]


@dataclass(frozen=True, kw_only=True)
class PredictedHalving(FilteredHalving):
    """Trains the points of the best predicted error, each once or by successive halving.

    The prediction takes the place of the score, and costs nothing.

    Attributes
    ----------
    predict
        Predicted error of points.
    label
        Name in figures and texts.
    needs_score
        Whether it asks for a training-free score.
    """

    predict: Callable[[Sequence[Mapping[str, Value]]], Floats]
    label = "predicted by other tables"
    needs_score = False

    def _best_first(
        self,
        recorder: Recorder,  # noqa: ARG002
        space: SearchSpace,
        rng: np.random.Generator,
        count: int,
    ) -> list[dict[str, Value]]:
        drawn = [random_point(space, rng) for _ in range(count)]
        return [drawn[n] for n in np.argsort(self.predict(drawn), kind="stable")]
