"""Evaluations that are remembered, so that a search can be killed and started again.

A search method repeats its trials exactly, given its seed and the values. Wrapped in a memo
whose store outlives the process, the objective is called only for what is not in the store.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from surrogate_hpo.contest.methods.guard import guarded
from surrogate_hpo.contest.methods.interface import (
    Evaluation,
    Hyperparameters,
    Objective,
    TrainingFree,
)

# Returns what was made under a key before, or calls the function and stores what it returns.
Remember = Callable[[str, Callable[[], Evaluation]], Evaluation]


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
        Asked for what was not made before.
    remember
        Of a memo such as :class:`surrogate_hpo.files.memo.Memo`. Its store must belong to this
        objective alone: the key knows no data and no other settings.
    """

    def __init__(self, objective: Objective, remember: Remember) -> None:
        self._objective = objective
        self._remember = remember

    def __call__(
        self, hyperparameters: Hyperparameters, *, initialisations: int, fidelity: float = 1.0
    ) -> Evaluation:
        """Return the stored evaluation with the cost it had, or make and store it."""

        def make() -> Evaluation:
            return self._objective(
                hyperparameters, initialisations=initialisations, fidelity=fidelity
            )

        return self._remember(
            canonical_key(hyperparameters, initialisations=initialisations, fidelity=fidelity),
            lambda: guarded(make, trainings=initialisations * fidelity),
        )


class MemoisedScore:
    """A training-free score that scores no point twice.

    Parameters
    ----------
    training_free
        Asked for what was not made before.
    remember
        As of `Memoised`, which may share it.
    """

    def __init__(self, training_free: TrainingFree, remember: Remember) -> None:
        self._training_free = training_free
        self._remember = remember

    def __call__(self, hyperparameters: Hyperparameters) -> Evaluation:
        """Return the stored score with the cost it had, or make and store it."""
        return self._remember(
            _canonical({"hyperparameters": dict(hyperparameters), "kind": "score"}),
            lambda: guarded(lambda: self._training_free(hyperparameters), trainings=0.0),
        )


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
