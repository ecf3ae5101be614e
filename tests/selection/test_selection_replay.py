"""Replays of rules, what a rule is worth, and how measures go with errors."""

import math

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.features import AtomDescriptor, energy_features
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.selection.features import describe
from surrogate_hpo.selection.learner import Learner
from surrogate_hpo.selection.replay import judged_measures, replay, split_of
from surrogate_hpo.selection.worth import mean_estimate, runs_needed, worth

DESCRIPTOR = AtomDescriptor(4.5, 4, ("Al",))
RUNS = (4, 8, 16, 32, 64)


def labelled(seed: int, forces: bool = True) -> Labelled:
    atoms = bulk("Al", a=4.05, cubic=True)
    atoms.rattle(0.05 + 0.05 * (seed % 3), seed=seed)
    known = atoms.copy()
    known.calc = EMT()
    return Labelled(
        atoms,
        f"frame {seed}",
        known.get_potential_energy(),
        known.get_forces() if forces else None,
        group="hot" if seed % 3 else "cold",
    )


DATA = [labelled(seed) for seed in range(26)]
FEATURES = describe([one.atoms for one in DATA], DESCRIPTOR)


@pytest.fixture(scope="module")
def learner() -> Learner:
    return Learner(DATA, DESCRIPTOR, 0.0)


def test_what_rules_see_sums_up_to_what_the_energy_is_linear_in(learner):
    expected = [energy_features(one.atoms, DESCRIPTOR) for one in DATA]
    np.testing.assert_allclose(learner.features.sums, expected, rtol=1e-12, atol=1e-12)


def law(scale: float, noise: float = 0.02, seed: int = 1, replays: int = 12) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return scale / np.array(RUNS) * np.exp(noise * generator.normal(size=(replays, len(RUNS))))


def test_runs_are_read_off_a_power_law_exactly():
    errors = 8 / np.array(RUNS) ** 0.5
    assert runs_needed(RUNS, errors, 8 / 20**0.5) == pytest.approx(20)
    assert runs_needed(RUNS, errors, 100) == 4
    assert runs_needed(RUNS, errors, 0.1) == math.inf


def test_a_rule_with_half_of_the_error_is_worth_half_of_the_runs():
    found = worth(RUNS, law(5), law(10, seed=2), share=0.5, seed=1)
    assert found.random_runs == pytest.approx(32, rel=0.02)
    assert found.ratio.value == pytest.approx(0.5, rel=0.03)
    assert 0.45 < found.ratio.low <= found.ratio.value <= found.ratio.high < 0.55
    assert found.verdict == "fewer DFT runs than random choices on these data"
    assert worth(RUNS, law(18), law(10), share=0.5, seed=1).verdict.startswith("more DFT runs")


def test_a_rule_that_is_random_is_no_better_and_one_that_never_gets_there_says_so():
    same = worth(RUNS, law(10, 0.3), law(10, 0.3, seed=2), share=0.5, seed=1)
    assert same.ratio.low < 1 < same.ratio.high
    assert same.verdict == "no better than random on these data"
    lost = worth(RUNS, law(1000), law(10), share=0.5, seed=1)
    assert lost.ratio.value == math.inf
    assert lost.verdict.startswith("more DFT runs")
    with pytest.raises(DataError, match="do not fit together"):
        worth(RUNS, law(5)[:3], law(10), share=0.5, seed=1)


def test_a_mean_has_the_interval_of_its_values_and_ignores_what_is_not_known():
    found = mean_estimate([1.0, math.nan, 3.0], seed=1)
    assert (found.value, found.low, found.high) == (2.0, 1.0, 3.0)
    assert math.isnan(mean_estimate([math.nan], seed=1).value)


def test_a_split_deals_every_structure_once_and_small_sets_are_refused():
    split = split_of(40, 0.25, 6, 4, 3)
    assert sorted([*split.held_out, *split.start, *split.pool]) == list(range(40))
    assert (len(split.held_out), len(split.start)) == (10, 6)
    assert split_of(40, 0.25, 6, 4, 4) != split == split_of(40, 0.25, 6, 4, 3)
    with pytest.raises(DataError, match=r"too few structures(.|\n)*12 structures"):
        split_of(12, 0.25, 6, 4, 3)


@pytest.mark.parametrize("rule", ["random", "farthest_point", "spread"])
def test_rules_begin_and_end_with_the_same_structures(learner, rule):
    split = split_of(26, 0.25, 6, 5, 1)
    curve = replay(learner, FEATURES, split, rule, batch=5, seed=2)
    assert curve.runs == (6, 11, 16, 20)
    assert sorted(curve.chosen) == list(split.pool)
    first = learner.errors(learner.fit(split.start), split.held_out)
    last = learner.errors(learner.fit([*split.start, *split.pool]), split.held_out)
    assert curve.energy_mae[0] == pytest.approx(first.energy_mae)
    assert curve.energy_mae[-1] == pytest.approx(last.energy_mae, rel=1e-4)
    assert curve == replay(learner, FEATURES, split, rule, batch=5, seed=2)


def test_errors_are_predictions_less_what_is_known(learner):
    fit = learner.fit(range(20))
    found = learner.errors(fit, [20, 25])
    features = [4 * FEATURES.means[i] @ fit.coefficients for i in (20, 25)]
    expected = [1000 * (f - DATA[i].energy) / 4 for f, i in zip(features, (20, 25), strict=True)]
    assert found.energy == pytest.approx(expected)
    assert found.energy_mae <= found.energy_rmse
    with_forces = Learner(DATA, DESCRIPTOR, 0.1)
    better = with_forces.errors(with_forces.fit(range(8)), range(8, 26))
    few = learner.errors(learner.fit(range(8)), range(8, 26))
    assert better.force_rmse < 0.5 * few.force_rmse
    assert better.energy_rmse < few.energy_rmse


def test_data_without_forces_are_judged_by_energies_and_not_taught_forces():
    data = [labelled(seed, forces=seed != 3) for seed in range(8)]
    alone = Learner(data, DESCRIPTOR, 0.0)
    assert math.isnan(alone.errors(alone.fit(range(6)), [6, 7]).force_rmse)
    with pytest.raises(DataError, match=r"forces are to be learnt(.|\n)*frame 3"):
        Learner(data, DESCRIPTOR, 0.1)


def test_measures_of_held_out_structures_stand_beside_their_errors(learner):
    split = split_of(26, 0.25, 6, 5, 1)
    found = judged_measures(
        learner, FEATURES, split, split.start, ["d_optimal", "kmeans", "spread"], 1
    )
    assert set(found.measures) == {"d_optimal", "spread"}
    assert len(found.measures["d_optimal"]) == len(found.errors.energy) == len(split.held_out)
