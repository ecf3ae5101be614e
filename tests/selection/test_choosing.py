"""Measures and rules: closed forms, invariances, batches, and what is refused."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.selection.choosing import choose, measures_of, pool_of
from surrogate_hpo.selection.clusters import cluster_middles
from surrogate_hpo.selection.distances import nearest, wasserstein
from surrogate_hpo.selection.features import Features
from surrogate_hpo.selection.measures import Leverage
from surrogate_hpo.selection.options import RULES
from surrogate_hpo.selection.space import FLOOR, fit_space
from surrogate_hpo.selection.spread import Spread

GREEDY = [rule for rule in RULES if rule != "kmeans"]


def structures(seed: int, number: int = 30, sites: int = 4, columns: int = 5) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    scales = np.geomspace(1, 0.05, columns)
    return [generator.normal(size=(sites, columns)) * scales for _ in range(number)]


def choice(blocks, rule, number=5, known=4, **options):
    features = Features.of(blocks)
    members = np.random.default_rng(9).normal(size=(8, len(blocks)))
    return choose(
        features,
        range(known, len(blocks)),
        range(known),
        rule=rule,
        number=number,
        seed=3,
        members={"spread": members},
        **options,
    )


def test_the_nearest_distance_is_that_of_all_pairs_and_infinite_without_any():
    generator = np.random.default_rng(0)
    points, others = generator.normal(50, 1, (40, 3)), generator.normal(50, 1, (17, 3))
    expected = np.linalg.norm(points[:, None] - others, axis=2).min(axis=1)
    assert nearest(points, others) == pytest.approx(expected, abs=1e-6)
    assert np.isinf(nearest(points, others[:0])).all()


def test_the_wasserstein_distance_is_scipys_for_sets_of_any_size():
    generator = np.random.default_rng(1)
    sets = [generator.normal(shift, 1, size) for shift, size in ((0, 1), (2, 7), (-1, 30))]
    sets.append(np.array([0.5, 0.5, 0.5]))
    known = generator.normal(size=23)
    found = wasserstein(np.concatenate(sets), np.cumsum([0, *(len(s) for s in sets[:-1])]), known)
    assert found == pytest.approx([wasserstein_distance(s, known) for s in sets])


def test_components_are_those_of_the_correlation_matrix_and_signs_are_fixed():
    rows = np.concatenate(structures(2, number=50))
    space = fit_space(rows)
    correlation = np.corrcoef(rows, rowvar=False)
    assert space.variances == pytest.approx(np.sort(np.linalg.eigvalsh(correlation))[::-1])
    assert np.cov(space.scores(rows), rowvar=False, bias=True) == pytest.approx(
        np.diag(space.variances), abs=1e-12
    )
    assert space.whitened(rows).var(axis=0) == pytest.approx(
        space.variances / (space.variances + FLOOR * space.variances[0])
    )
    left = np.abs(space.scores(rows)[:, -1])
    for components in (4, 5, 9):  # of five, one is left in any case
        assert space.residual(rows, components) == pytest.approx(left)
    assert fit_space(rows[::-1]).axes == pytest.approx(space.axes)


def test_constant_columns_are_left_out_and_nothing_but_constants_is_refused():
    rows = np.column_stack([np.ones(10), np.arange(10.0), np.full(10, 3.0)])
    assert fit_space(rows).columns.tolist() == [1]
    with pytest.raises(DataError, match="all the same"):
        fit_space(np.ones((10, 2)))


def test_leverage_is_the_gain_of_the_log_determinant():
    generator = np.random.default_rng(4)
    rows, known = generator.normal(size=(6, 3)), generator.normal(size=(5, 3))
    measure = Leverage(rows, known)

    def log_determinant(some: np.ndarray) -> float:
        return np.linalg.slogdet(some.T @ some + 1e-3 * np.eye(3))[1]

    for _ in range(2):
        gains = [log_determinant(np.vstack([known, row])) - log_determinant(known) for row in rows]
        assert np.log1p(measure.values()) == pytest.approx(gains)
        measure.add(2)
        known = np.vstack([known, rows[2]])


def test_a_chosen_structure_takes_away_the_spread_that_others_share_with_it():
    generator = np.random.default_rng(5)
    one, other = generator.normal(size=(2, 200))
    measure = Spread(np.column_stack([one, 2 * one, other]))
    before = measure.values()
    measure.add(1)
    after = measure.values()
    assert after[:2] == pytest.approx(0, abs=0.5 * before[0])
    assert after[2] == pytest.approx(before[2], rel=0.1)
    # The variance that is left is that of a Gaussian given a noisy value.
    variance, noise = before[1] ** 2, 0.1 * (before**2).mean()
    assert after[1] ** 2 == pytest.approx(variance * noise / (variance + noise))


def test_the_spread_of_several_values_is_that_of_their_sum_of_variances_and_one_is_as_before():
    generator = np.random.default_rng(8)
    members = generator.normal(size=(6, 5, 3))
    members[..., 2] = members[..., 1]
    whole, single = Spread(members), Spread(members[..., 0])
    variances = members.var(axis=0, ddof=1)
    assert whole.values() == pytest.approx(np.sqrt(variances.sum(axis=1)))
    padded = members.copy()
    padded[..., 1:] = 7.0  # values that all members agree on say nothing
    same = Spread(padded)
    for measure in (single, same):
        measure.add(3)
    assert same.values() == pytest.approx(single.values())
    # An orthogonal turn of the values, such as of energies, changes nothing.
    turn = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    turned = Spread(members @ turn)
    for measure in (whole, turned):
        measure.add(0)
    assert turned.values() == pytest.approx(whole.values())
    assert whole.values()[0] < np.sqrt(variances[0].sum())


def test_structures_that_no_member_was_asked_of_do_not_spoil_the_others():
    members = np.random.default_rng(9).normal(size=(4, 6, 2))
    holes = members.copy()
    holes[:, 4:] = np.nan
    some, all_asked = Spread(holes), Spread(members[:, :4])
    for measure in (some, all_asked):
        measure.add(1)
    assert some.values()[:4] == pytest.approx(all_asked.values())
    assert np.isnan(some.values()[4:]).all()


def test_an_outlier_is_chosen_first_by_every_rule_that_looks_at_descriptors():
    blocks = structures(6)
    blocks[20] = blocks[20] + 12
    for rule in GREEDY:
        if rule not in ("random", "spread"):
            assert choice(blocks, rule).chosen[0] == 20, rule


@pytest.mark.parametrize("rule", RULES)
def test_the_order_of_sites_and_the_scale_of_columns_change_nothing(rule):
    blocks = structures(7)
    other = [block[::-1] * np.array([1, 10, 0.1, 3, 1]) + 5 for block in blocks]
    one, two = (choice(given, rule, components=2) for given in (blocks, other))
    assert one.chosen == two.chosen
    assert one.measure == pytest.approx(two.measure, rel=1e-5)
    assert len({*one.chosen}) == 5
    assert len(one.reasons) == len(one.values) == 5


@pytest.mark.parametrize(
    "rule", [rule for rule in GREEDY if rule not in ("random", "spread", "mean_difference")]
)
def test_a_batch_does_not_hold_the_same_structure_twice(rule):
    blocks = structures(8)
    blocks[20] = blocks[20] + 12
    blocks[21] = blocks[20].copy()
    blocks[22] = blocks[22] - 10
    chosen = choice(blocks, rule, number=2, components=2).chosen
    assert chosen[0] == 20
    # To what is linear, the one tells what the other does: they lie on one line.
    on_a_line = ("d_optimal", "misprediction")
    assert chosen[1] not in (20, 21) if rule in on_a_line else chosen[1] == 22


def test_clusters_have_a_member_each_and_known_ones_none():
    generator = np.random.default_rng(10)
    centres = np.array([[0, 0], [20, 0], [0, 20], [20, 20]])
    points = np.concatenate([generator.normal(c, 0.5, (12, 2)) for c in centres])
    middles, distance = cluster_middles(points, centres[:1] + 0.1, 3, 1)
    assert sorted(middle // 12 for middle in middles) == [1, 2, 3]
    for middle in middles:
        own = points[middle // 12 * 12 : middle // 12 * 12 + 12]
        assert np.linalg.norm(own - own.mean(axis=0), axis=1).argmin() == middle % 12
    assert distance.max() < 3


def test_rules_begin_without_known_structures_where_they_can_and_say_so_where_not():
    blocks = structures(11)
    for rule in ("random", "farthest_point", "kmeans", "d_optimal", "nearest_neighbours", "spread"):
        assert len(choice(blocks, rule, known=0).chosen) == 5
    with pytest.raises(DataError, match=r"there are none(.|\n)*begin with"):
        choice(blocks, "wasserstein", known=0)


def test_random_choices_follow_the_seed_alone():
    features = Features.of(structures(12))
    first, same, other = (
        choose(features, range(5, 30), range(5), rule="random", number=6, seed=seed).chosen
        for seed in (1, 1, 2)
    )
    assert first == same != other


def test_measures_of_all_candidates_are_those_of_the_choice():
    features = Features.of(structures(13))
    pool = pool_of(features, range(4, 30), range(4), seed=3)
    found = measures_of(pool, ["d_optimal", "kmeans", "misprediction"])
    assert set(found) == {"d_optimal", "misprediction"}
    made = choose(features, range(4, 30), range(4), rule="misprediction", number=1, seed=3)
    assert made.measure == pytest.approx(found["misprediction"])
    assert made.values[0] == found["misprediction"].max()


def test_what_makes_no_sense_is_explained():
    blocks = structures(14)
    with pytest.raises(DataError, match=r"more structures(.|\n)*at most 26(.|\n)*27"):
        choice(blocks, "random", number=27)
    with pytest.raises(ConfigError, match="one of random"):
        choice(blocks, "nonsense")
    with pytest.raises(DataError, match="both known and a candidate"):
        choose(Features.of(blocks), [1, 2], [2], rule="random", number=1, seed=1)
    with pytest.raises(DataError, match="members of a model"):
        choose(Features.of(blocks), [1, 2], [3], rule="spread", number=1, seed=1)
    with pytest.raises(DataError, match="do not fit together"):
        Features.of([np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(DataError, match="not finite"):
        Features.of([np.full((2, 3), np.nan)])
