"""A reduced Optuna study whose numbers do not depend on who ran which trial, or when.

Only optimisation hyperparameters are searched; the architecture is fixed beforehand. With N
workers trial k is sampled, and pruned, by what the trials 0…k−N found, with random numbers
seeded by the study's seed and k. So a trial depends on earlier ones and on nothing that a
killed process took with it, nor on the order in which the others come to an end.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from surrogate_hpo.errors import ConfigError, DataError, PhysicsError
from surrogate_hpo.search.claims import Claim, ClaimLostError, Claims, Sharing, holder
from surrogate_hpo.search.proposal import Plan, propose
from surrogate_hpo.search.space import SearchSpace, StudyResult, TrialRow, Value
from surrogate_hpo.search.study_rows import REASON, result, row

logger = logging.getLogger(__name__)
Report = Callable[[int, float], None]
Objective = Callable[[Mapping[str, Any], Report], float]

_DEFINITION = "definition"


def run_study(
    objective: Objective,
    space: SearchSpace,
    *,
    storage: BaseStorage,
    trials: int,
    seed: int,
    first: Sequence[Mapping[str, Value]] = (),
    startup_trials: int = 5,
    prune: bool = True,
    sharing: Sharing | None = None,
    on_trial: Callable[[TrialRow], None] | None = None,
    name: str = "search",
) -> StudyResult:
    """Minimise an objective over hyperparameters, alone or as one of several workers.

    A worker that is killed, at any moment, leaves its trial to whoever comes next: the same
    trial, with the same number and hyperparameters. So the study ends with the same trials as
    one that nobody disturbed. A worker returns when all trials have ended, also the others'.

    Parameters
    ----------
    objective
        Takes hyperparameters by name and a function ``report(step, value)`` for intermediate
        values, and returns the value to minimise. It must be deterministic, and report from
        the first step on also if it goes on with a trial that was cut off. A call of
        ``report`` may raise to end the trial, and the objective must let that pass. A
        `PhysicsError`, such as a diverged training, fails the trial; any other exception
        ends this call and leaves the trial to whoever comes next.
    space
        Hyperparameters by name.
    storage
        Optuna storage that outlives the process and keeps the order of attributes: a journal.
    trials
        Number of trials, the failed and the pruned ones included.
    seed
        Seed of the sampler.
    first
        Values of the first trials, such as the defaults, each with all names of `space`.
    startup_trials
        Trials drawn at random before the sampler models the objective.
    prune
        Stop trials whose intermediate values are above the median of the earlier ones.
    sharing
        How many workers there are, which decides the numbers, and which one this is; alone
        if left out.
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
    sharing = sharing or Sharing()
    plan = Plan(space, seed, sharing.workers, startup_trials, prune, first)
    if trials < 1:
        raise ConfigError(
            "A search needs a trial.", expected="one trial or more", got=f"{trials} trials"
        )
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="minimize",
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(),  # draws nothing here: see `propose`
    )
    _check_definition(study, plan)
    study_id = storage.get_study_id_from_name(name)
    worker = _Worker(objective, plan, study, storage, Claims(storage, study_id, sharing))
    while True:
        found = study.get_trials(deepcopy=False)[:trials]
        if len(found) == trials and all(trial.state.is_finished() for trial in found):
            return result(found)
        number = worker.next_trial(found, trials)
        if number is None:
            sharing.pause(sharing.poll_seconds)
        elif worker.run(number, found) and on_trial is not None:
            on_trial(row(study.get_trials(deepcopy=False)[number]))


@dataclass(frozen=True)
class _Worker:
    """Runs trials of a study, each under a claim."""

    objective: Objective
    plan: Plan
    study: optuna.Study
    storage: BaseStorage
    claims: Claims

    def next_trial(self, found: list[FrozenTrial], trials: int) -> int | None:
        """The first trial that nobody runs, if those that it must know have ended."""
        ended = next((t.number for t in found if not t.state.is_finished()), len(found))
        for number in range(ended, min(len(found) + 1, trials)):
            if self.plan.known_trials(number) > ended:
                return None
            if number == len(found) or (
                not found[number].state.is_finished() and self.claims.free(found[number])
            ):
                return number
        return None

    def run(self, number: int, found: list[FrozenTrial]) -> bool:
        """Run a trial; False if another worker has it, or has taken it over meanwhile."""
        if number == len(found):
            self.study.ask()  # of workers that do this at once, each adds a number
        claim = self.claims.take(number, holder(found[number]) if number < len(found) else None)
        if claim is None:
            return False
        try:
            with self.claims.beating(number, claim):
                self._evaluate(number, claim)
        except (ClaimLostError, UpdateFinishedTrialError):
            logger.info("trial %d: another worker has taken over", number)
            return False
        return True

    def _evaluate(self, number: int, claim: Claim) -> None:
        known = self.plan.known_trials(number)
        proposal = propose(self.plan, number, self.study.get_trials(deepcopy=False)[:known])
        trial_id = self._store_hyperparameters(number, proposal)

        def report(step: int, value: float) -> None:
            if not math.isfinite(value):
                raise PhysicsError("An intermediate value is not finite.", where=f"step {step}")
            proposal.report(value, step)
            self.storage.set_trial_intermediate_value(trial_id, step, value)
            if not self.claims.held(number, claim):
                raise ClaimLostError
            if proposal.should_prune():
                raise optuna.TrialPruned

        try:
            value = float(self.objective(dict(proposal.params), report))
        except optuna.TrialPruned:
            self._tell(number, state=TrialState.PRUNED)
        except PhysicsError as error:
            self._fail(number, trial_id, str(error))
        else:
            if math.isfinite(value):
                self._tell(number, value)
            else:
                self._fail(number, trial_id, f"the objective is not finite: {value}")

    def _store_hyperparameters(self, number: int, proposal: Trial) -> int:
        """Complete what a former claimant may have left, and return the trial's id."""
        stored = self.study.get_trials(deepcopy=False)[number]
        distributions = proposal.distributions
        for key, value in proposal.params.items():
            if key not in stored.params:
                internal = distributions[key].to_internal_repr(value)
                self.storage.set_trial_param(stored._trial_id, key, internal, distributions[key])
            elif stored.params[key] != value:
                raise DataError(
                    "A trial that was cut off would go on with other hyperparameters.",
                    where=f"trial {number}, {key}",
                    expected=repr(stored.params[key]),
                    got=repr(value),
                    remedy="Use the same versions of all packages on all machines.",
                )
        return stored._trial_id

    def _fail(self, number: int, trial_id: int, reason: str) -> None:
        # To Optuna it is a pruned trial, so that the sampler turns away from where trainings
        # diverge; its own FAIL is unknown to the sampler, which would come back again and again.
        self.storage.set_trial_user_attr(trial_id, REASON, reason)
        self._tell(number, state=TrialState.PRUNED)

    def _tell(
        self, number: int, value: float | None = None, state: TrialState | None = None
    ) -> None:
        # Of two workers that both thought the other one dead the first counts.
        self.study.tell(number, value, state=state, skip_if_finished=True)


def _check_definition(study: optuna.Study, plan: Plan) -> None:
    stored = study.user_attrs.get(_DEFINITION)
    if stored is None:
        study.set_user_attr(_DEFINITION, plan.definition())
    elif stored != plan.definition():
        raise ConfigError(
            "The storage holds a search with other settings.",
            expected=plan.definition(),
            got=stored,
            remedy="Delete the journal to search anew, or restore the settings it was made with.",
        )
