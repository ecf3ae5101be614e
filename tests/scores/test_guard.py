"""Ridge regressions on left-out snapshots, and the choice among what they admit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.descriptors.choice import choose
from surrogate_hpo.scores.descriptors.guard import GuardScore, guard_scores
from surrogate_hpo.scores.descriptors.guarded_choice import admitted, choose_guarded
from surrogate_hpo.scores.descriptors.pooled_draws import pooled_draws
from surrogate_hpo.scores.descriptors.refine import finer_radii
from surrogate_hpo.scores.descriptors.scores import Draw, score_candidates

ALL = {4: np.arange(3)}


def linear_snapshots(seed, counts=(40, 25, 60, 31)):
    """An LDOS that is linear in three components, with another mean in every snapshot."""
    rng = np.random.default_rng(seed)
    matrix, shift = rng.normal(size=(3, 5)), rng.normal(size=5)
    scale = np.array([1e-3, 1.0, 1e4])
    vectors = [scale * (rng.normal(size=3) + rng.normal(size=(n, 3))) for n in counts]
    return vectors, [x / scale @ matrix + shift for x in vectors]


@given(seed=st.integers(0, 2**32 - 1))
def test_exactly_linear_data_leave_nothing_unexplained(seed):
    vectors, ldos = linear_snapshots(seed)
    found = guard_scores([{3.0: x} for x in vectors], ldos, ALL, seed=seed)[3.0, 4]
    assert 0 <= found.held_out_unexplained < 1e-8
    assert 0 <= found.training_unexplained < 1e-8
    assert 0 <= found.sum_error < 1e-7


def test_the_moments_give_what_a_regression_point_by_point_gives():
    vectors, ldos = linear_snapshots(3)
    rng = np.random.default_rng(4)
    ldos = [y + rng.normal(size=y.shape) for y in ldos]
    ridge = 0.05
    found = guard_scores([{3.0: x} for x in vectors], ldos, ALL, seed=0, ridge=ridge)[3.0, 4]
    held_out, training, variation, errors = 0.0, 0.0, 0.0, []
    for left_out in range(4):  # four snapshots: each is a fold of its own
        x = np.concatenate([v for i, v in enumerate(vectors) if i != left_out])
        y = np.concatenate([v for i, v in enumerate(ldos) if i != left_out])
        centre, spread, mean = x.mean(0), x.std(0), y.mean(0)
        z = (x - centre) / spread
        weights = np.linalg.solve(z.T @ z + ridge * len(z) * np.eye(3), z.T @ (y - mean))
        training += np.square(y - mean - z @ weights).sum()
        variation += np.square(y - mean).sum()
        error = ldos[left_out] - mean - (vectors[left_out] - centre) / spread @ weights
        held_out += np.square(error).sum()
        errors.append(error.mean(0))
    everything = np.concatenate(ldos)
    total = np.square(everything - everything.mean(0)).sum()
    means = np.stack([y.mean(0) for y in ldos])
    assert found.held_out_unexplained == pytest.approx(held_out / total, rel=1e-9)
    assert found.training_unexplained == pytest.approx(training / variation, rel=1e-9)
    assert found.sum_error == pytest.approx(np.square(errors).mean() / means.var(0).mean())


def test_larger_cells_are_judged_by_what_the_smaller_ones_teach():
    vectors, ldos = linear_snapshots(3)
    rng = np.random.default_rng(4)
    ldos = [y + rng.normal(size=y.shape) for y in ldos]
    ridge = 0.05
    found = guard_scores(
        [{3.0: x} for x in vectors], ldos, ALL, seed=0, sizes=[4, 8, 2, 8], ridge=ridge
    )[3.0, 4]
    x, y = (np.concatenate([of[0], of[2]]) for of in (vectors, ldos))
    centre, spread, mean = x.mean(0), x.std(0), y.mean(0)
    z = (x - centre) / spread
    weights = np.linalg.solve(z.T @ z + ridge * len(z) * np.eye(3), z.T @ (y - mean))
    larger, there = (np.concatenate([of[1], of[3]]) for of in (vectors, ldos))
    error = there - mean - (larger - centre) / spread @ weights
    split = len(ldos[1])
    errors = [error[:split].mean(0), error[split:].mean(0)]
    variance = np.var([values.mean(0) for values in ldos], axis=0).mean()
    assert found.larger_sum_error == pytest.approx(np.square(errors).mean() / variance, rel=1e-9)


def test_cells_of_one_size_are_judged_by_left_out_ones_alone():
    vectors, ldos = linear_snapshots(3)
    of = [{3.0: x} for x in vectors]
    one = guard_scores(of, ldos, ALL, seed=0, sizes=[4, 4, 4, 4])[3.0, 4]
    assert np.isnan(one.larger_sum_error)
    other = guard_scores(of, ldos, ALL, seed=0)[3.0, 4]
    assert one.held_out_unexplained == other.held_out_unexplained


@pytest.mark.parametrize("seed", range(3))
def test_a_descriptor_that_sees_images_fails_in_larger_cells(seed):
    """At 5 Å it is the LDOS itself in small cells, and something else in large ones."""
    rng = np.random.default_rng(seed)
    vectors, labels = [], []
    for size in (4, 4, 4, 8, 8):
        own, other = rng.normal(size=(2, 1, 1)) + rng.normal(size=(2, 60, 1))
        labels.append(own + 0.05 * rng.normal(size=own.shape))
        vectors.append({3.0: own, 5.0: labels[-1] if size == 4 else other})
    guards = guard_scores(vectors, labels, {2: np.arange(1)}, seed=seed, sizes=[4, 4, 4, 8, 8])
    assert guards[5.0, 2].larger_sum_error > 10 * guards[3.0, 2].larger_sum_error


def test_candidates_that_fail_in_larger_cells_do_not_compete():
    table = score_candidates(overfitting(0)[0], FOUR)
    guards = {(3.0, 2): GuardScore(0.2, 0.2, 0.2, 0.3), (5.0, 2): GuardScore(0.1, 0.1, 0.1, 2.0)}
    found = choose_guarded(table, guards, tolerance=0.15)
    assert (found.admitted, found.knows_larger) == (((3.0, 2),), True)
    assert "1.3 times the smallest error with 1 of 2 candidates" in found.choice.reasons[0]
    assert "relative error of sums over the largest cells 2" in found.choice.reasons[-1]


def test_a_descriptor_that_knows_nothing_is_as_good_as_the_mean():
    rng = np.random.default_rng(0)
    ldos = [rng.normal(size=(500, 4)) for _ in range(7)]
    found = guard_scores([{3.0: np.ones((500, 3))} for _ in ldos], ldos, ALL, seed=0)[3.0, 4]
    assert found.held_out_unexplained == pytest.approx(1, abs=0.02)
    assert found.training_unexplained == pytest.approx(1, abs=1e-9)


def test_a_ldos_of_snapshots_of_equal_means_has_no_sum_error():
    x = np.arange(8.0).reshape(4, 2)
    found = guard_scores([{3.0: x}] * 3, [x[:, :1]] * 3, {2: np.arange(2)}, seed=0)[3.0, 2]
    assert np.isnan(found.sum_error)
    assert found.held_out_unexplained < 1e-9


def overfitting(seed, *, snapshots=4, points=40):
    """Candidate 5 Å tells its snapshot, which ties the LDOS only of snapshots that it knows.

    Four positive features make the LDOS. At 3 Å the descriptor sees them with some noise. At
    5 Å it sees them exactly, but each times a factor of the snapshot: similarities within a
    snapshot are perfect, and no regression transfers.
    """
    rng = np.random.default_rng(seed)
    names = [f"training-{i:04d}" for i in range(snapshots)]
    draws = []
    for name, power in zip(names, np.linspace(-2, 2, snapshots), strict=True):
        for number in range(3):
            ldos = rng.uniform(0.1, 1, (2, points, 4))
            noisy = ldos + rng.normal(size=ldos.shape) * 0.05
            draws.append(Draw(name, number, {3.0: noisy, 5.0: ldos * 4.0**power}, ldos))
    of = {name: [d for d in draws if d.snapshot == name] for name in names}
    vectors = [
        {r: np.concatenate([d.descriptors[r].reshape(-1, 4) for d in own]) for r in (3.0, 5.0)}
        for own in of.values()
    ]
    labels = [np.concatenate([d.ldos.reshape(-1, 4) for d in own]) for own in of.values()]
    return draws, vectors, labels


FOUR = {2: np.arange(4)}


@pytest.mark.parametrize("seed", range(5))
def test_the_guard_refuses_a_descriptor_that_overfits_and_that_the_acsd_takes(seed):
    draws, vectors, labels = overfitting(seed)
    table = score_candidates(draws, FOUR)
    guards = guard_scores(vectors, labels, FOUR, seed=seed)
    assert guards[5.0, 2].held_out_unexplained > 2 * guards[3.0, 2].held_out_unexplained
    assert choose(table).cutoff_radius == 5.0
    found = choose_guarded(table, guards, tolerance=0.15)
    assert (found.choice.cutoff_radius, found.alone, found.changed) == (3.0, (5.0, 2), True)
    assert found.admitted == ((3.0, 2),)
    words = "\n".join(found.choice.reasons)
    assert "1 of 2 candidates" in words
    assert "the guard changed the choice: without it 5 Å, 2J_max 2" in words
    # A tolerance that admits all leaves the choice to the score.
    lenient = choose_guarded(table, guards, tolerance=1e6)
    assert (lenient.choice.cutoff_radius, lenient.changed) == (5.0, False)
    assert lenient.choice.level == choose(table).level


def test_the_refinement_goes_where_the_guard_admits():
    draws, vectors, labels = overfitting(0)
    table = score_candidates(draws, FOUR)
    guards = guard_scores(vectors, labels, FOUR, seed=0)
    # 3 Å is worse by the score: alone, 5 Å is the best; both lead to the midpoint.
    trusted = admitted(table, guards, tolerance=0.15)
    assert [s.cutoff_radius for s in trusted.candidates] == [3.0]
    assert finer_radii(table, trusted) == (4.0,)


def test_a_candidate_that_cannot_win_does_not_set_the_mark():
    draws, _, _ = overfitting(0)
    flat = [
        Draw(d.snapshot, d.seed, d.descriptors | {4.0: np.ones_like(d.ldos)}, d.ldos) for d in draws
    ]
    table = score_candidates(flat, FOUR)
    guards = {(r, 2): GuardScore(v, v, v) for r, v in ((3.0, 0.5), (4.0, 0.1), (5.0, 0.9))}
    found = choose_guarded(table, guards, tolerance=0.15)
    assert found.choice.cutoff_radius == 3.0
    assert [r for r, _, _ in found.choice.rejected] == [4.0]
    guards[3.0, 2] = GuardScore(1.5, 0.5, 2.0)
    guards[5.0, 2] = GuardScore(np.nan, np.nan, np.nan)
    found = choose_guarded(table, guards | {(5.0, 2): GuardScore(9, 9, 9)}, tolerance=0.15)
    assert any("WARNING: on left-out snapshots no regression" in r for r in found.choice.reasons)


def test_numbers_that_are_not_finite_judge_only_their_candidates():
    vectors, ldos = linear_snapshots(0)
    vectors[1][3, 2] = np.nan
    found = guard_scores([{3.0: x} for x in vectors], ldos, {2: np.arange(2)} | ALL, seed=0)
    assert np.isfinite(found[3.0, 2].held_out_unexplained)
    assert np.isnan(found[3.0, 4].held_out_unexplained)


def test_bad_input_of_the_guard_is_named():
    vectors, ldos = linear_snapshots(0)
    descriptors = [{3.0: x} for x in vectors]
    with pytest.raises(ConfigError, match=r"too few(.|\n)*acsd\.guard(.|\n)*got: 1"):
        guard_scores(descriptors[:1], ldos[:1], ALL, seed=0)
    with pytest.raises(DataError, match="do not fit together"):
        guard_scores(descriptors, [*ldos[:3], ldos[3][:, :4]], ALL, seed=0)
    with pytest.raises(DataError, match="do not fit together"):
        guard_scores(descriptors, [*ldos[:3], ldos[3][:7]], ALL, seed=0)
    with pytest.raises(DataError, match="the same at all points"):
        guard_scores(descriptors, [np.ones_like(y) for y in ldos], ALL, seed=0)
    with pytest.raises(DataError, match="not finite"):
        guard_scores(descriptors, [*ldos[:3], ldos[3] * np.inf], ALL, seed=0)


# --- pairs across snapshots ---


def test_pooled_draws_keep_every_point_of_a_draw_once():
    draws, _, _ = overfitting(0)
    pooled = pooled_draws(draws, seeds=[7, 8, 9])
    assert len(pooled) == len(draws)
    assert {d.snapshot for d in pooled} == {"4 snapshots"}
    assert [d.seed for d in pooled] == list(range(12))
    for number in range(3):
        before = np.concatenate([d.ldos.reshape(-1, 4) for d in draws if d.seed == number])
        own = pooled[4 * number : 4 * number + 4]
        after = np.concatenate([d.ldos.reshape(-1, 4) for d in own])
        np.testing.assert_array_equal(np.sort(before, 0), np.sort(after, 0))
        # Descriptors stay with their LDOS: at 5 Å they are multiples of it.
        for d in own:
            ratio = d.descriptors[5.0] / d.ldos
            np.testing.assert_allclose(ratio, np.broadcast_to(ratio[..., :1], ratio.shape))
            assert len(np.unique(ratio.round(6))) == 4


def test_pooled_draws_follow_their_seeds_and_need_no_ldos():
    draws, _, _ = overfitting(0)
    first, again = (pooled_draws(draws, seeds=[7, 8, 9]) for _ in range(2))
    other = pooled_draws(draws, seeds=[7, 8, 10])
    np.testing.assert_array_equal(first[0].ldos, again[0].ldos)
    np.testing.assert_array_equal(first[0].ldos, other[0].ldos)
    assert not np.array_equal(first[8].ldos, other[8].ldos)
    plain = pooled_draws([Draw(d.snapshot, d.seed, d.descriptors) for d in draws], seeds=[7, 8, 9])
    assert plain[0].ldos is None
    np.testing.assert_array_equal(plain[0].descriptors[3.0], first[0].descriptors[3.0])


def test_pairs_across_see_what_pairs_within_do_not():
    """An offset per snapshot ties the descriptor to the snapshot: only `across` sees it."""
    rng = np.random.default_rng(1)
    draws = []
    for name, offset in (("a", 0.0), ("b", 2.0), ("c", 5.0)):
        for number in range(3):
            ldos = rng.uniform(0.1, 1, (2, 40, 4))
            shifted = ldos + np.array([offset, 0, 0, 0])
            draws.append(Draw(name, number, {3.0: ldos, 5.0: shifted}, ldos))
    (good, within) = score_candidates(draws, FOUR).candidates
    (same, across) = score_candidates(pooled_draws(draws, seeds=[0, 1, 2]), FOUR).candidates
    assert good.mean == pytest.approx(0, abs=1e-12)
    assert same.mean == pytest.approx(0, abs=1e-12)
    assert across.mean > 1.2 * within.mean


def test_pooling_wants_several_snapshots_of_equal_energies():
    draws, _, _ = overfitting(0)
    with pytest.raises(ConfigError, match=r"several snapshots(.|\n)*pairs: within"):
        pooled_draws(draws[:3], seeds=[0, 1, 2])
    other = [Draw("x", d.seed, d.descriptors, d.ldos[..., :3]) for d in draws[:3]]
    with pytest.raises(DataError, match=r"different energies(.|\n)*x: 3"):
        pooled_draws([*draws, *other], seeds=[0, 1, 2])
