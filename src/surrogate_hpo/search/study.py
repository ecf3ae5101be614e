"""A reduced Optuna study that survives being killed without changing its outcome.

Only optimisation hyperparameters are searched; the architecture is fixed beforehand. Each
trial is sampled by a new TPE sampler, seeded by the study's seed and the number of trials
that have ended. So the next trial depends on the trials that ended and on nothing that a
killed process took with it.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from surrogate_hpo.errors import ConfigError, PhysicsError
from surrogate_hpo.search.space import RowState, SearchSpace, StudyResult, TrialRow, Value

Report = Callable[[int, float], None]
Objective = Callable[[Mapping[str, Any], Report], float]

_REASON = "reason"
_DEFINITION = "definition"


def run_study(
    objective: Objective,
    space: SearchSpace,
    *,
    storage: BaseStorage,
    trials: int,
    seed: int,
    first: Mapping[str, Value] | None = None,
    startup_trials: int = 5,
    prune: bool = True,
    on_trial: Callable[[TrialRow], None] | None = None,
    name: str = "search",
) -> StudyResult:
    """Minimise an objective over hyperparameters, going on where an earlier call stopped.

    A call with a storage in which an earlier one was killed, at any moment, ends with the
    same trials as one that was not: the trial cut off is failed and repeated.

    Parameters
    ----------
    objective
        Takes hyperparameters by name and a function ``report(step, value)`` for intermediate
        values, and returns the value to minimise. It must be deterministic. A call of
        ``report`` may raise to prune the trial, and the objective must let that pass. A
        `PhysicsError`, such as a diverged training, fails the trial; any other exception
        ends the study.
    space
        Hyperparameters by name.
    storage
        Optuna storage that outlives the process, such as a journal file.
    trials
        Number of trials, the failed and the pruned ones included.
    seed
        Seed of the sampler.
    first
        Values for the first trial, such as the defaults, one for each name in `space`.
    startup_trials
        Trials drawn at random before the sampler models the objective.
    prune
        Stop trials whose intermediate values are above the median of the earlier ones.
    on_trial
        Called after each trial that this call has run.
    name
        Name of the study in the storage.

    Returns
    -------
    StudyResult
        All trials and the best. Failed trials are listed with the reason and never win.

    Raises
    ------
    ConfigError
        Settings that make no sense, or a storage that holds a study of other settings.
    PhysicsError
        No trial completed.
    """
    _check_settings(space, trials, startup_trials, first)
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="minimize",
        load_if_exists=True,
        pruner=_pruner(prune, startup_trials),
    )
    _check_definition(study, space, seed, first, startup_trials, prune)
    _fail_orphans(study)
    while True:
        ended = _ended(study)
        if len(ended) >= trials:
            return _result(_rows(ended))
        if not ended and first is not None and not _waiting(study):
            study.enqueue_trial(dict(first))
        study.sampler = _sampler(seed, len(ended), startup_trials)
        _run_trial(study, objective, space)
        if on_trial is not None:
            on_trial(_rows(_ended(study))[-1])


def _run_trial(study: optuna.Study, objective: Objective, space: SearchSpace) -> None:
    trial = study.ask({key: dimension.distribution() for key, dimension in space.items()})

    def report(step: int, value: float) -> None:
        if not math.isfinite(value):
            raise PhysicsError("An intermediate value is not finite.", where=f"step {step}")
        trial.report(value, step)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        value = float(objective(dict(trial.params), report))
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
    except PhysicsError as error:
        _fail(study, trial, str(error))
    else:
        if math.isfinite(value):
            study.tell(trial, value)
        else:
            _fail(study, trial, f"the objective is not finite: {value}")


def _fail(study: optuna.Study, trial: Trial, reason: str) -> None:
    # To Optuna it is a pruned trial, so that the sampler turns away from where trainings
    # diverge; its own FAIL is unknown to the sampler, which would come back again and again.
    trial.set_user_attr(_REASON, reason)
    study.tell(trial, state=TrialState.PRUNED)


def _fail_orphans(study: optuna.Study) -> None:
    """Give what a killed process left running the one state that counts for nothing."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _waiting(study: optuna.Study) -> bool:
    return bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def _ended(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _rows(ended: list[FrozenTrial]) -> list[TrialRow]:
    return [_row(number, trial) for number, trial in enumerate(ended)]


def _row(number: int, trial: FrozenTrial) -> TrialRow:
    reason = str(trial.user_attrs.get(_REASON, ""))
    state: RowState = "complete" if trial.state is TrialState.COMPLETE else "pruned"
    return TrialRow(
        number=number,
        state="failed" if reason else state,
        value=math.nan if trial.value is None or reason else trial.value,
        hyperparameters=dict(trial.params),
        reason=reason,
        seconds=math.nan if trial.duration is None else trial.duration.total_seconds(),
    )


def _result(rows: list[TrialRow]) -> StudyResult:
    complete = [row for row in rows if row.state == "complete"]
    if not complete:
        raise PhysicsError(
            "No trial of the search has completed.",
            got="; ".join(f"trial {row.number} {row.state} {row.reason}".strip() for row in rows),
            remedy="Narrow the search space: most often, lower the learning rates.",
        )
    return StudyResult(tuple(rows), min(complete, key=lambda row: (row.value, row.number)))


def _sampler(seed: int, ended: int, startup_trials: int) -> optuna.samplers.TPESampler:
    words = np.random.SeedSequence([seed, ended]).generate_state(1)
    return optuna.samplers.TPESampler(
        seed=int(words[0]),
        n_startup_trials=startup_trials,
        multivariate=True,
        constant_liar=False,  # it would make samples depend on trials that are cut off
    )


def _pruner(prune: bool, startup_trials: int) -> optuna.pruners.BasePruner:
    if not prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(n_startup_trials=startup_trials, n_warmup_steps=1)


def _check_settings(
    space: SearchSpace, trials: int, startup_trials: int, first: Mapping[str, Value] | None
) -> None:
    if not space or trials < 1 or startup_trials < 1:
        raise ConfigError(
            "The settings of the search make no sense.",
            expected="one hyperparameter, one trial and one startup trial or more",
            got=f"{len(space)} hyperparameters, {trials} trials, {startup_trials} startup trials",
        )
    if first is None:
        return
    if set(first) != set(space) or any(first[key] not in space[key] for key in space):
        raise ConfigError(
            "The first trial lies outside the search space.",
            expected=", ".join(f"{key} in {dimension}" for key, dimension in space.items()),
            got=repr(dict(first)),
        )


def _check_definition(
    study: optuna.Study,
    space: SearchSpace,
    seed: int,
    first: Mapping[str, Value] | None,
    startup_trials: int,
    prune: bool,
) -> None:
    definition = json.dumps(
        {
            "space": {key: str(dimension) for key, dimension in space.items()},
            "seed": seed,
            "first": None if first is None else dict(first),
            "startup_trials": startup_trials,
            "prune": prune,
        },
        sort_keys=True,
    )
    stored = study.user_attrs.get(_DEFINITION)
    if stored is None:
        study.set_user_attr(_DEFINITION, definition)
    elif stored != definition:
        raise ConfigError(
            "The storage holds a search with other settings.",
            expected=definition,
            got=stored,
            remedy="Delete the journal to search anew, or restore the settings it was made with.",
        )
