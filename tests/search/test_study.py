"""The reduced Optuna study: seeded, and not changed by being killed."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from surrogate_hpo.errors import ConfigError, PhysicsError
from surrogate_hpo.search.space import Choices, Interval
from surrogate_hpo.search.study import run_study

SPACE = {
    "learning_rate": Interval(1e-5, 1e-1, logarithmic=True),
    "batch_size": Choices((500, 1000, 2000)),
    "input_scaling": Choices(("standardised", "whitened")),
}
FIRST = {"learning_rate": 1e-3, "batch_size": 1000, "input_scaling": "standardised"}

# A study in a process of its own that kills itself in the middle of the trials listed. It
# has a trial that fails and is pruned now and then, so that all kinds are met on a resume.
SCRIPT = """
import json, os, pathlib, signal, sys
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
sys.path[:0] = [sys.argv[4], os.path.dirname(sys.argv[4])]
from test_study import SPACE, FIRST, objective
from surrogate_hpo.search.study import run_study
folder, kill_at, moment = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
calls = 0
def killed(hyperparameters, report):
    global calls
    calls += 1
    if calls == kill_at and moment == "start":
        os.kill(os.getpid(), signal.SIGKILL)
    def report_then_die(step, value):
        report(step, value)
        if calls == kill_at and moment == "middle" and step == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return objective(hyperparameters, report_then_die)
storage = JournalStorage(JournalFileBackend(str(folder / "journal.log")))
run_study(killed, SPACE, storage=storage, trials=12, seed=6, first=[FIRST], startup_trials=3)
"""


def objective(hyperparameters, report):
    """Lowest at a learning rate of 0.002 with 2000 points and whitened inputs."""
    distance = abs(math.log10(hyperparameters["learning_rate"] / 2e-3))
    if distance > 1.5:
        raise PhysicsError("diverged", where="epoch 1")
    value = distance + 500 / hyperparameters["batch_size"]
    value += 0.3 * (hyperparameters["input_scaling"] == "standardised")
    for step in range(4):
        report(step, value * (2 - step / 4))
    return value


def run(**settings):
    defaults = {"trials": 12, "seed": 6, "first": [FIRST], "startup_trials": 3}
    settings = {"storage": InMemoryStorage()} | defaults | settings
    return run_study(settings.pop("objective", objective), SPACE, **settings)


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


def test_same_seed_same_trials_another_seed_others():
    assert run().trials == run().trials
    assert run().trials != run(seed=4).trials


def test_first_trial_is_the_one_given_and_every_trial_is_listed():
    result = run()
    assert result.trials[0].hyperparameters == FIRST
    assert {"complete", "pruned", "failed"} == {row.state for row in result.trials}
    assert [row.number for row in result.trials] == list(range(12))
    assert all(row.reason.startswith("diverged") for row in result.trials if row.state == "failed")
    assert result.best.value == min(row.value for row in result.trials if row.state == "complete")


def test_a_call_with_a_larger_budget_goes_on():
    storage = InMemoryStorage()
    short = run(storage=storage, trials=5)
    longer = run(storage=storage, trials=12)
    assert longer.trials[: len(short.trials)] == short.trials
    assert longer.trials == run(trials=12).trials


def test_a_finished_study_runs_no_trial():
    storage = InMemoryStorage()
    before = run(storage=storage)

    def never(hyperparameters, report):
        raise AssertionError("the study was finished")

    assert run(storage=storage, objective=never).trials == before.trials


@pytest.mark.parametrize("kill_at", [1, 4, 9])
@pytest.mark.parametrize("moment", ["start", "middle"])
def test_sigkill_and_resume_equals_an_undisturbed_run(tmp_path, kill_at, moment):
    script = tmp_path / "study.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path), str(kill_at), moment]
    command.append(str(Path(__file__).parent))
    killed = subprocess.run(command, env=os.environ.copy(), capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
    left = optuna.load_study(study_name="search", storage=storage).get_trials(deepcopy=False)
    assert left[-1].state is optuna.trial.TrialState.RUNNING
    resumed = run(storage=storage)
    undisturbed = run()
    assert resumed.trials == undisturbed.trials
    assert resumed.best == undisturbed.best


def test_kill_between_the_reason_and_the_state_of_a_failure_repeats_the_trial():
    undisturbed = run()
    storage = InMemoryStorage()
    number = next(row.number for row in undisturbed.trials if row.state == "failed")

    class Killed(BaseException):
        pass

    def die_after_reason(study_id_trial, key, value, original=storage.set_trial_user_attr):
        original(study_id_trial, key, value)
        if key == "reason":
            raise Killed

    storage.set_trial_user_attr = die_after_reason
    with pytest.raises(Killed):
        run(storage=storage)
    del storage.set_trial_user_attr
    resumed = run(storage=storage)
    assert resumed.trials == undisturbed.trials
    assert resumed.trials[number].state == "failed"


def test_non_finite_values_fail_and_never_win():
    def sometimes_nan(hyperparameters, report):
        if hyperparameters["input_scaling"] == "whitened":
            return -math.inf if hyperparameters["batch_size"] == 500 else math.nan
        return hyperparameters["learning_rate"]

    result = run(objective=sometimes_nan)
    assert math.isfinite(result.best.value)
    failed = [row for row in result.trials if row.state == "failed"]
    assert failed
    assert all("not finite" in row.reason and math.isnan(row.value) for row in failed)


def test_a_study_of_failures_ends_with_the_reason():
    def hopeless(hyperparameters, report):
        raise PhysicsError("diverged at once")

    with pytest.raises(PhysicsError, match=r"(?s)No trial.*trial 2 failed diverged at once"):
        run(objective=hopeless, trials=3)


def test_a_programming_error_is_not_a_failed_trial():
    def broken(hyperparameters, report):
        return {}["missing"]

    with pytest.raises(KeyError, match="missing"):
        run(objective=broken)


def test_a_non_finite_report_fails_the_trial():
    def reports_nan(hyperparameters, report):
        if hyperparameters["batch_size"] == 500:
            report(0, math.nan)
        return hyperparameters["learning_rate"]

    failed = [row for row in run(objective=reports_nan).trials if row.state == "failed"]
    assert failed
    assert all("step 0" in row.reason for row in failed)


@pytest.mark.parametrize("changed", [{"seed": 4}, {"first": ()}, {"prune": False}])
def test_a_storage_of_other_settings_is_refused(changed):
    storage = InMemoryStorage()
    run(storage=storage, trials=1)
    with pytest.raises(ConfigError, match=r"(?s)other settings.*Delete the journal"):
        run(storage=storage, **changed)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trials": 0}, "0 trials"),
        ({"startup_trials": 0}, "0 startup trials"),
        ({"first": [FIRST | {"batch_size": 7}]}, "outside the search space"),
        ({"first": [FIRST, FIRST | {"learning_rate": 1.0}]}, "outside the search space"),
        ({"first": [{"batch_size": 500}]}, "outside the search space"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ConfigError, match=message):
        run(**settings)


def test_empty_space():
    with pytest.raises(ConfigError, match="0 hyperparameters"):
        run_study(objective, {}, storage=InMemoryStorage(), trials=1, seed=0)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Interval(1, 1),
        lambda: Interval(0, 1, logarithmic=True),
        lambda: Interval(0, math.inf),
        lambda: Choices(()),
        lambda: Choices((1, 1)),
    ],
)
def test_dimensions_that_make_no_sense(build):
    with pytest.raises(ConfigError, match=r"makes? no sense"):
        build()


def test_all_rows_are_json_apart_from_nan():
    for row in run().trials:
        assert json.loads(json.dumps(row.hyperparameters)) == row.hyperparameters
