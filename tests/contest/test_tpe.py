"""Studies of Optuna behind the methods: the points are those that Optuna itself proposes."""

import itertools

import optuna
import pytest
from analytic_search import SPACE, error, run
from optuna.samplers import TPESampler

from surrogate_hpo.contest.methods.ask_tell import AskTell, default_tpe_sampler, tpe_sampler
from surrogate_hpo.contest.methods.tpe import OPTUNA_STARTUP_TRIALS, PARALLEL_TRIALS
from surrogate_hpo.seeds import derive_seed

DISTRIBUTIONS = {key: one.distribution() for key, one in SPACE.items()}
TRIALS = 16


def points_of(study, trials=TRIALS, together=1):
    """What a study proposes that is asked for some points before it is told the first."""
    points = []
    for _ in range(0, trials, together):
        asked = [study.ask(DISTRIBUTIONS) for _ in range(together)]
        for trial in asked:
            points.append({key: trial.params[key] for key in SPACE})
            study.tell(trial, error(points[-1]))
    return points


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_the_space_that_is_known_gives_the_points_of_one_that_is_inferred():
    ours, points = AskTell(SPACE, tpe_sampler(7, 5)), []
    study = optuna.create_study()
    for number in range(TRIALS):
        study.sampler = TPESampler(
            seed=derive_seed(7, number) % 2**32,
            n_startup_trials=5,
            multivariate=True,
            constant_liar=False,
        )
        points += points_of(study, 1)
        assert ours.ask() == points[-1]
        ours.tell(error(points[-1]))


@pytest.mark.parametrize(("name", "together"), [("tpe_default", 1), ("tpe_parallel", 4)])
def test_the_defaults_are_those_of_optuna(name, together):
    """And those that the docs name; another version may have others."""
    seed = derive_seed(3, name)
    study = optuna.create_study(sampler=TPESampler(seed=seed % 2**32))
    found = [trial.hyperparameters for trial in run(name, seed=3).trials]
    assert found[:TRIALS] == points_of(study, TRIALS, together)
    assert together in (1, PARALLEL_TRIALS)
    sampler = TPESampler()
    assert sampler._n_startup_trials == OPTUNA_STARTUP_TRIALS
    assert sampler._n_ei_candidates == 24
    assert sampler._constant_liar
    assert sampler._is_multivariate(study)


def test_four_at_a_time_are_four_different_points():
    found = [trial.hyperparameters for trial in run("tpe_parallel", seed=1).trials]
    groups = [found[n : n + PARALLEL_TRIALS] for n in range(12, len(found), PARALLEL_TRIALS)]
    assert all(one != other for group in groups for one, other in itertools.pairwise(group))


def test_a_study_is_told_in_the_order_in_which_it_was_asked():
    study = AskTell(SPACE, default_tpe_sampler(1))
    points = [study.ask() for _ in range(3)]
    for point in points:
        study.tell(error(point))
    told = study._study.get_trials(deepcopy=False)
    assert [trial.value for trial in told] == [error(point) for point in points]
    with pytest.raises(RuntimeError, match="tell before ask"):
        study.tell(1.0)
    study.add(points[0], None)
    assert study._study.get_trials(deepcopy=False)[-1].state.name == "PRUNED"
