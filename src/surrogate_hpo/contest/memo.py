"""Evaluations that are remembered, so that a search can be killed and started again.

A search method repeats its trials exactly, given its seed and the values. Wrapped in a memo
whose store outlives the process, the objective is called only for what is not in the store.
"""

import json
from collections.abc import Mapping, MutableMapping
from typing import Any

from surrogate_hpo.contest.methods.guard import guarded
from surrogate_hpo.contest.methods.interface import (
    Evaluation,
    Hyperparameters,
    Objective,
    TrainingFree,
)
from surrogate_hpo.errors import DataError

Store = MutableMapping[str, dict[str, Any]]
_STATES = ("complete", "pruned", "failed")


def canonical_key(
    hyperparameters: Hyperparameters, *, initialisations: int, fidelity: float
) -> str:
    """Name an evaluation: the same text for the same evaluation, in whatever order.

    Parameters
    ----------
    hyperparameters
        The point.
    initialisations
        Trainings averaged over.
    fidelity
        Share of a full training's epochs.

    Returns
    -------
    str
        JSON with sorted keys. The integer 1, the number 1.0 and `true` differ.
    """
    content = {
        "hyperparameters": dict(hyperparameters),
        "initialisations": initialisations,
        "fidelity": float(fidelity),
    }
    return _canonical(content)


class Memoised:
    """An objective that evaluates no point twice; failures are remembered as well.

    Parameters
    ----------
    objective
        Asked for what is not in the store.
    store
        Evaluations by key, such as :class:`surrogate_hpo.files.evaluations.EvaluationStore`. It
        must belong to this objective alone: the key knows no data and no other settings.
    """

    def __init__(self, objective: Objective, store: Store) -> None:
        self._objective = objective
        self._store = store

    def __call__(
        self, hyperparameters: Hyperparameters, *, initialisations: int, fidelity: float = 1.0
    ) -> Evaluation:
        """Return the stored evaluation with the cost it had, or make and store it."""
        key = canonical_key(hyperparameters, initialisations=initialisations, fidelity=fidelity)
        if key not in self._store:
            evaluation = guarded(
                lambda: self._objective(
                    hyperparameters, initialisations=initialisations, fidelity=fidelity
                ),
                trainings=initialisations * fidelity,
            )
            self._store[key] = to_record(evaluation)
        return from_record(self._store[key], where=key)


class MemoisedScore:
    """A training-free score that scores no point twice.

    Parameters
    ----------
    training_free
        Asked for what is not in the store.
    store
        As of `Memoised`, which may share it.
    """

    def __init__(self, training_free: TrainingFree, store: Store) -> None:
        self._training_free = training_free
        self._store = store

    def __call__(self, hyperparameters: Hyperparameters) -> Evaluation:
        """Return the stored score with the cost it had, or make and store it."""
        key = _canonical({"hyperparameters": dict(hyperparameters), "kind": "score"})
        if key not in self._store:
            score = guarded(lambda: self._training_free(hyperparameters), trainings=0.0)
            self._store[key] = to_record(score)
        return from_record(self._store[key], where=key)


def to_record(evaluation: Evaluation) -> dict[str, Any]:
    """Put an evaluation into JSON's types; numbers as text, for JSON has no NaN and no infinity."""
    return {
        "value": repr(float(evaluation.value)),
        "values": [repr(float(value)) for value in evaluation.values],
        "seconds": repr(float(evaluation.seconds)),
        "trainings": repr(float(evaluation.trainings)),
        "state": evaluation.state,
        "reason": evaluation.reason,
    }


def from_record(record: Mapping[str, Any], *, where: str) -> Evaluation:
    """Read what `to_record` made, to the last bit.

    Parameters
    ----------
    record
        The stored evaluation.
    where
        Its key, for the error.

    Returns
    -------
    Evaluation
        As it was.

    Raises
    ------
    DataError
        It is not a stored evaluation.
    """
    try:
        evaluation = Evaluation(
            value=float(record["value"]),
            values=tuple(float(value) for value in record["values"]),
            seconds=float(record["seconds"]),
            trainings=float(record["trainings"]),
            state=record["state"],
            reason=str(record["reason"]),
        )
        known = evaluation.state in _STATES
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise DataError(
            "A stored evaluation cannot be read.",
            where=where,
            expected="value, values, seconds, trainings, state and reason",
            got=repr(dict(record) if isinstance(record, Mapping) else record),
            remedy="Delete the store of evaluations; they will be made again.",
        )
    return evaluation


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
