"""The trials of a search while it runs: evaluated, numbered, reported, compared."""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Literal

from surrogate_hpo.contest.methods.guard import guarded
from surrogate_hpo.contest.methods.interface import (
    Evaluation,
    Hyperparameters,
    Objective,
    TrainingFree,
    Trial,
)
from surrogate_hpo.errors import ConfigError, PhysicsError

Kind = Literal["training", "score"]
_REASONS_SHOWN = 5


class Recorder:
    """Evaluates points, each only once, and keeps all trials.

    Objectives are deterministic, so a point that comes again is a trial of its own at no
    cost: the sum over the trials is the compute that was spent.

    Parameters
    ----------
    objective
        Trains.
    training_free
        Scores without training, if the method needs it.
    initialisations
        Of every training.
    on_trial
        Called after each trial.
    """

    def __init__(
        self,
        objective: Objective,
        training_free: TrainingFree | None,
        *,
        initialisations: int,
        on_trial: Callable[[Trial], None] | None,
    ) -> None:
        self._objective = objective
        self._training_free = training_free
        self._initialisations = initialisations
        self._on_trial = on_trial
        self._known: dict[tuple[object, ...], Evaluation] = {}
        self.trials: list[Trial] = []

    def train(self, point: Hyperparameters, fidelity: float = 1.0) -> Trial:
        """Train with these hyperparameters, for a share of the epochs."""
        initialisations = self._initialisations
        evaluation = self._once(
            "training",
            point,
            fidelity,
            lambda: guarded(
                lambda: self._objective(
                    dict(point), initialisations=initialisations, fidelity=fidelity
                ),
                trainings=initialisations * fidelity,
            ),
        )
        return self._append("training", point, fidelity, evaluation)

    def score(self, point: Hyperparameters, threshold: float = math.inf) -> Trial:
        """Score without training; a score above the threshold is recorded as pruned."""
        score = self._training_free
        if score is None:
            raise ConfigError("This search method needs a training-free score.")
        evaluation = self._once(
            "score",
            point,
            0.0,
            lambda: guarded(lambda: score(dict(point)), trainings=0.0),
        )
        if evaluation.usable and evaluation.value > threshold:
            reason = f"score {evaluation.value:.6g} above the threshold {threshold:.6g}"
            evaluation = dataclasses.replace(evaluation, state="pruned", reason=reason)
        return self._append("score", point, 0.0, evaluation)

    def best(self, kind: Kind = "training", among: Iterable[Trial] | None = None) -> Trial:
        """Pick the usable trial of the highest fidelity, and of those of the lowest value.

        Parameters
        ----------
        kind
            Trainings or scores: their values do not compare.
        among
            Some of the trials; all by default.

        Returns
        -------
        Trial
            The first of equals.

        Raises
        ------
        PhysicsError
            None is usable.
        """
        pool = [trial for trial in (self.trials if among is None else among) if trial.kind == kind]
        usable = [trial for trial in pool if trial.evaluation.usable]
        if not usable:
            raise _nothing_usable(kind, pool)
        return min(usable, key=lambda t: (-t.fidelity, t.evaluation.value, t.number))

    def _once(
        self, kind: Kind, point: Hyperparameters, fidelity: float, make: Callable[[], Evaluation]
    ) -> Evaluation:
        # As `canonical_key`: the integer 1, the number 1.0 and `true` differ.
        values = [point[name] for name in sorted(point)]
        key = (kind, fidelity, *values, *map(type, values))
        if key in self._known:
            return dataclasses.replace(self._known[key], seconds=0.0, trainings=0.0)
        self._known[key] = make()
        return self._known[key]

    def _append(
        self, kind: Kind, point: Hyperparameters, fidelity: float, evaluation: Evaluation
    ) -> Trial:
        trial = Trial(len(self.trials), kind, dict(point), fidelity, evaluation)
        self.trials.append(trial)
        if self._on_trial is not None:
            self._on_trial(trial)
        return trial


def _nothing_usable(kind: Kind, pool: list[Trial]) -> PhysicsError:
    shown = [
        f"trial {trial.number} {trial.evaluation.state}: {trial.evaluation.reason}"
        for trial in pool[:_REASONS_SHOWN]
    ]
    more = len(pool) - len(shown)
    return PhysicsError(
        f"No {kind} of the search is usable.",
        expected=f"one {kind} or more with a finite value",
        got="; ".join(shown) + (f"; and {more} more" if more else ""),
        remedy="Narrow the search space: most often, lower the learning rates."
        if kind == "training"
        else "Check the data of the score: equal or constant points reject every network.",
    )
