"""Several workers of one study: the numbers do not depend on who ran what, or when."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from test_study import FIRST, SPACE, objective

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.journal import journal_storage
from surrogate_hpo.search.claims import Claim, Claims, Sharing, holder
from surrogate_hpo.search.proposal import Plan
from surrogate_hpo.search.study import run_study

TRIALS = 16
# A process that is killed while it writes leaves the lock, which is broken after 3 seconds.
QUICK = {"grace_seconds": 4.0, "poll_seconds": 0.01}

# A worker in a process of its own. It says which trials it runs, and stops itself, by the
# signal given, in the middle of the n-th or the next one that comes that far.
SCRIPT = """
import json, os, pathlib, random, sys, time
sys.path[:0] = [sys.argv[1], os.path.dirname(sys.argv[1])]
from test_study import SPACE, FIRST, objective
from test_study_workers import QUICK, TRIALS, rows
from surrogate_hpo.files.journal import journal_storage
from surrogate_hpo.search.claims import Sharing
from surrogate_hpo.search.study import run_study
journal, (workers, worker), grace = sys.argv[2], map(int, sys.argv[3:5]), float(sys.argv[5])
number, stop_at = int(sys.argv[6]), int(sys.argv[7])
calls, ran = 0, []
def disturbed(hyperparameters, report):
    global calls
    calls += 1
    def report_then_stop(step, value):
        global stop_at
        report(step, value)
        time.sleep(0.05 * random.random())
        if calls >= stop_at > 0 and step == 1:
            stop_at = 0
            os.kill(os.getpid(), number)
    time.sleep(0.05 * random.random())
    return objective(hyperparameters, report_then_stop)
storage = journal_storage(pathlib.Path(journal), grace_seconds=3)
result = run_study(
    disturbed, SPACE, storage=storage, trials=TRIALS, seed=6,
    first=[FIRST], startup_trials=3, on_trial=lambda row: ran.append(row.number),
    sharing=Sharing(workers=workers, worker=worker, **QUICK | {"grace_seconds": grace}),
)
print(json.dumps({"ran": ran, "rows": rows(result)}))
"""


def rows(result):
    """The whole table but the times; NaN as text, for it equals nothing."""
    return [[r.number, r.state, repr(r.value), r.hyperparameters, r.reason] for r in result.trials]


def run(storage, workers, worker=0, objective=objective, **settings):
    settings = {"trials": TRIALS, "seed": 6, "first": [FIRST], "startup_trials": 3} | settings
    sharing = Sharing(workers=workers, worker=worker, **QUICK | settings.pop("times", {}))
    return run_study(objective, SPACE, storage=storage, sharing=sharing, **settings)


def alone(workers, **settings):
    """The study of N workers, done by one of them: what the others must not change."""
    return rows(run(InMemoryStorage(), workers, **settings))


def start(journal, workers, worker, *, grace=4.0, stop_signal=signal.SIGKILL, stop_at=0):
    arguments = [Path(__file__).parent, journal, workers, worker, grace, int(stop_signal), stop_at]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def finish(process, code=0):
    output, _ = process.communicate(timeout=100)
    assert process.returncode == code
    return json.loads(output) if code == 0 else {}


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


@hypothesis_settings(max_examples=6)
@given(st.sampled_from([2, 4]), st.integers(0, 2**32))
def test_any_interleaving_of_workers_gives_the_same_table(workers, chance):
    expected = alone(workers)
    storage, tables, counts = InMemoryStorage(), {}, []

    def work(worker):
        delays = random.Random(f"{chance} {worker}")  # noqa: S311 - delays

        def slow(hyperparameters, report):
            def slow_report(step, value):
                time.sleep(delays.choice([0, 0.001, 0.01]))
                report(step, value)

            return objective(hyperparameters, slow_report)

        found = run(storage, workers, worker, slow, on_trial=lambda row: counts.append(row.number))
        tables[worker] = rows(found)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(tables.values()) == [expected] * workers
    assert sorted(counts) == list(range(TRIALS))


def test_the_number_of_workers_decides_the_numbers_only_after_the_startup():
    tables = {workers: alone(workers) for workers in (1, 2, 4)}
    for workers in (2, 4):
        assert tables[workers][:3] == tables[1][:3]
        assert tables[workers] != tables[1]


@given(st.integers(0, 60), st.integers(1, 8), st.integers(1, 10))
def test_a_trial_knows_those_that_cannot_run_beside_it(number, workers, startup):
    plan = Plan(SPACE, 0, workers, startup, True, ())
    known = plan.known_trials(number)
    assert known == 0 or startup <= known == number - workers + 1
    assert plan.known_trials(number + 1) - known in {0, 1, startup}


def test_four_processes_complete_exactly_the_budget(tmp_path):
    journal = tmp_path / "journal.log"
    found = [finish(p) for p in [start(journal, 4, worker) for worker in range(4)]]
    assert sorted(number for worker in found for number in worker["ran"]) == list(range(TRIALS))
    assert sum(bool(worker["ran"]) for worker in found) > 1
    assert all(worker["rows"] == alone(4) for worker in found)


def test_a_killed_worker_loses_no_trial_and_changes_no_number(tmp_path):
    journal = tmp_path / "journal.log"
    killed, other = start(journal, 2, 0, stop_at=3), start(journal, 2, 1)
    finish(killed, -signal.SIGKILL)
    assert finish(other)["rows"] == alone(2)


def test_a_worker_that_starts_again_goes_on_at_once(tmp_path):
    journal = tmp_path / "journal.log"
    finish(start(journal, 2, 0, stop_at=3), -signal.SIGKILL)
    study = optuna.load_study(storage=journal_storage(journal), study_name="search")
    (left,) = study.get_trials(states=(TrialState.RUNNING,))
    assert set(left.intermediate_values) == {0, 1}
    found = finish(start(journal, 2, 0, grace=1e6))
    assert found["rows"] == alone(2)
    assert found["ran"][0] == left.number


def test_a_suspended_worker_that_comes_back_late_does_no_harm(tmp_path):
    journal = tmp_path / "journal.log"
    asleep = start(journal, 2, 0, stop_signal=signal.SIGSTOP, stop_at=2)
    assert os.WIFSTOPPED(os.waitpid(asleep.pid, os.WUNTRACED)[1])
    done = finish(start(journal, 2, 1))
    asleep.send_signal(signal.SIGCONT)
    late = finish(asleep)
    assert late["rows"] == done["rows"] == alone(2)
    assert len(late["ran"]) == 1, "what it was at when it fell asleep does not count"


def test_an_interruption_gives_the_trial_back_unfinished():
    class StoppedError(Exception):
        pass

    storage, calls = InMemoryStorage(), []

    def interrupted(hyperparameters, report):
        calls.append(hyperparameters)
        if len(calls) == 7:
            report(0, 1.0)
            raise StoppedError
        return objective(hyperparameters, report)

    with pytest.raises(StoppedError):
        run(storage, 4, 0, interrupted)
    trial = storage.get_all_trials(0)[6]
    assert trial.state is TrialState.RUNNING
    assert holder(trial).released
    # No time of grace is waited for.
    assert rows(run(storage, 4, 1, times={"grace_seconds": 1e6})) == alone(4)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_trial_cut_off_between_its_parameters_is_completed(kept):
    storage = InMemoryStorage()

    class Killed(BaseException):
        pass

    count, original = iter(range(100)), storage.set_trial_param

    def die(*arguments):
        if next(count) == 5 * len(SPACE) + kept:
            raise Killed
        original(*arguments)

    storage.set_trial_param = die
    with pytest.raises(Killed):
        run(storage, 1)
    del storage.set_trial_param
    assert len(storage.get_all_trials(0)[5].params) == kept
    assert rows(run(storage, 1)) == alone(1)


def test_other_parameters_for_a_trial_that_was_cut_off_are_refused():
    storage = InMemoryStorage()
    run(storage, 1, trials=5)
    study = optuna.load_study(storage=storage, study_name="search")
    study.ask({key: dimension.distribution() for key, dimension in SPACE.items()})
    with pytest.raises(DataError, match=r"(?s)other hyperparameters.*trial 5.*same versions"):
        run(storage, 1)


def test_numbers_added_beyond_the_budget_are_left_out_and_used_by_a_larger_one():
    storage = InMemoryStorage()
    run(storage, 2, trials=5)
    study = optuna.load_study(storage=storage, study_name="search")
    study.sampler = optuna.samplers.RandomSampler()
    study.ask()
    assert len(run(storage, 2, trials=5).trials) == 5
    assert rows(run(storage, 2)) == alone(2)


def test_a_study_of_another_number_of_workers_is_refused():
    storage = InMemoryStorage()
    run(storage, 1, trials=1)
    with pytest.raises(ConfigError, match=r"(?s)other settings.*Delete the journal"):
        run(storage, 2)


@pytest.mark.parametrize(
    "settings", [{"workers": 0}, {"worker": -1}, {"grace_seconds": 0}, {"poll_seconds": 0}]
)
def test_sharing_that_makes_no_sense(settings):
    with pytest.raises(ConfigError, match="shared search make no sense"):
        Sharing(**settings)


def shared_trial(workers):
    """A trial that nobody has, and the claims of some workers."""
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="search")
    study.ask()
    times = {"grace_seconds": 0.3}
    return storage, [Claims(storage, 0, Sharing(workers, n, **times)) for n in range(workers)]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=12))
def test_of_claims_that_follow_the_same_one_the_first_counts(moves):
    """Workers reach for a trial having looked at it some while ago."""
    storage, _ = shared_trial(1)
    tokens = [""]
    for number, (age, beats) in enumerate(moves):
        before = tokens[-1 - min(age, len(tokens) - 1)]
        claim = Claim(f"t{number}", 0, before)
        storage.set_trial_user_attr(0, f"claim {claim.token}", claim.record())
        if before == tokens[-1]:
            tokens.append(claim.token)
        if beats:
            again = Claim(claim.token, 0, before, beat=1)
            storage.set_trial_user_attr(0, f"claim {claim.token}", again.record())
        assert holder(storage.get_trial(0)).token == tokens[-1]


def test_a_claim_is_free_after_silence_and_not_while_it_beats():
    storage, (one, other) = shared_trial(2)
    assert other.free(storage.get_trial(0))
    claim = one.take(0, None)
    assert not other.free(storage.get_trial(0))
    with one.beating(0, claim):
        for _ in range(20):
            time.sleep(0.05)
            assert not other.free(storage.get_trial(0))
    while not other.free(storage.get_trial(0)):
        time.sleep(0.05)
    taken = other.take(0, claim)
    assert other.held(0, taken)
    assert not one.held(0, claim)


def test_two_processes_with_one_number_do_not_take_trials_from_each_other():
    storage, (first, _) = shared_trial(2)
    first.take(0, None)
    again = Claims(storage, 0, Sharing(2, 0))
    assert again.free(storage.get_trial(0)), "the former life's"
    again.take(0, holder(storage.get_trial(0)))
    assert not first.free(storage.get_trial(0)), "a later life's"


def test_nobody_claims_what_is_finished():
    storage, (one, other) = shared_trial(2)
    one.take(0, None)
    storage.set_trial_state_values(0, TrialState.COMPLETE, [1.0])
    assert other.take(0, None) is None


def test_of_two_that_saw_the_same_free_trial_one_gets_it():
    storage, (one, other) = shared_trial(2)
    seen = holder(storage.get_trial(0))
    claim = one.take(0, seen)
    assert claim is not None
    assert other.take(0, seen) is None
    assert one.held(0, claim)
