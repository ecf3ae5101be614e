import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.descriptors.acsd import (
    acsd,
    cosine_similarities,
    draw_pairs,
    draw_points,
    nested_similarities,
)
from surrogate_hpo.scores.descriptors.choice import choose
from surrogate_hpo.scores.descriptors.kernel_spread import kernel_spread, similarity_moments
from surrogate_hpo.scores.descriptors.refine import finer_radii
from surrogate_hpo.scores.descriptors.scores import Draw, candidate_similarities, score_candidates
from surrogate_hpo.scores.descriptors.table import CandidateScore, ScoreTable


def test_cosines_of_known_angles():
    got = cosine_similarities([[1, 0], [3, 3]], [[5, 0], [0, 2], [-1, 0]])
    half = 0.5**0.5
    np.testing.assert_allclose(got, [[1, 0, -1], [half, half, -half]], atol=1e-15)


@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(1e-6, 1e6))
def test_cosines_are_symmetric_bounded_and_blind_to_length(seed, factor):
    vectors = np.random.default_rng(seed).normal(size=(4, 3))
    similarity = cosine_similarities(vectors, vectors)
    np.testing.assert_allclose(similarity, similarity.T, atol=1e-15)
    np.testing.assert_allclose(np.diag(similarity), 1, atol=1e-15)
    assert np.abs(similarity).max() <= 1
    np.testing.assert_allclose(cosine_similarities(factor * vectors, vectors), similarity)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_a_vector_without_direction_has_no_cosine(bad):
    got = cosine_similarities([bad, [1, 1]], [[1, 0]])
    assert np.isnan(got[0, 0])
    assert np.isfinite(got[1, 0])


def test_vectors_of_different_length_do_not_compare():
    with pytest.raises(DataError, match="do not match"):
        cosine_similarities(np.ones((2, 3)), np.ones((2, 4)))


@pytest.mark.parametrize(
    ("descriptor", "ldos", "paper", "one_sided"),
    [
        ([0.3, 0.9], [0.3, 0.9], 0.0, 0.0),
        ([1.0, 1.0], [0.4, 0.8], 0.4, 0.4),  # constant: 1 − mean S_C(d)
        ([0.9, 0.9], [0.4, 0.8], 0.3, 0.3),  # looks more alike than it is: both count it
        ([0.1, 0.2], [0.4, 0.8], 0.45, 0.0),  # looks less alike than it is: one does
        ([0.9, 0.2], [0.4, 0.8], 0.55, 0.25),
    ],
)
def test_both_definitions_in_closed_form(descriptor, ldos, paper, one_sided):
    assert acsd(descriptor, ldos, "fiedler2022") == pytest.approx(paper, abs=1e-15)
    assert acsd(descriptor, ldos, "mala2024") == pytest.approx(one_sided, abs=1e-15)


def test_acsd_refuses_unknown_definitions_and_other_pairs():
    with pytest.raises(ConfigError, match="fiedler2022 or mala2024"):
        acsd([1.0], [1.0], "fiedler2023")
    with pytest.raises(DataError, match="different pairs"):
        acsd([1.0], [1.0, 2.0], "mala2024")


def test_draws_are_reproducible_and_never_pair_a_point_with_itself():
    first, second = draw_pairs(1000, 200, seed=3)
    again = draw_pairs(1000, 200, seed=3)
    np.testing.assert_array_equal(first, again[0])
    np.testing.assert_array_equal(second, again[1])
    assert len(set(first) | set(second)) == 400
    assert max(*first, *second) < 1000
    assert set(draw_pairs(1000, 200, seed=4)[0]) != set(first)
    assert len(set(np.concatenate(draw_pairs(400, 200, seed=0)))) == 400


@pytest.mark.parametrize("per_side", [0, 51])
def test_a_small_grid_says_how_many_pairs_it_has(per_side):
    with pytest.raises(ConfigError, match="half of the 100 grid points"):
        draw_pairs(100, per_side, seed=0)


@given(seed=st.integers(0, 2**32 - 1), points=st.sampled_from([1, 7, 60]))
def test_nested_similarities_are_the_cosines_of_the_columns(seed, points):
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(2, points, 9)) * 10 ** generator.uniform(-6, 6, 9)
    columns = {8: np.arange(9), 2: np.array([0, 4]), 4: np.array([0, 1, 4, 7])}
    found = list(nested_similarities(vectors, columns))
    assert [twojmax for twojmax, _ in found] == [2, 4, 8]
    for twojmax, similarity in found:
        kept = vectors[..., columns[twojmax]]
        expected = cosine_similarities(kept[0], kept[1])
        np.testing.assert_allclose(similarity, expected, rtol=0, atol=1e-14)
        assert np.abs(similarity).max() <= 1


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_nested_similarities_of_a_vector_without_direction(bad):
    vectors = np.ones((2, 3, 2))
    vectors[0, 1] = bad
    ((_, similarity),) = nested_similarities(vectors, {2: np.array([0, 1])})
    assert np.isnan(similarity[1]).all()
    assert np.isfinite(similarity[[0, 2]]).all()


def test_columns_that_are_not_nested_are_refused():
    with pytest.raises(ConfigError, match=r"not nested(.|\n)*columns of 2·J_max 4"):
        list(nested_similarities(np.ones((2, 3, 4)), {2: np.array([0, 1]), 4: np.array([1, 2])}))


def test_points_without_a_grid_fill_the_cell_evenly():
    points = draw_points(5000, seed=3)
    assert points.shape == (2, 5000, 3)
    np.testing.assert_array_equal(points, draw_points(5000, seed=3))
    assert ((points >= 0) & (points < 1)).all()
    counts = np.histogramdd(points.reshape(-1, 3), bins=2, range=[(0, 1)] * 3)[0]
    # Each octant holds 1250 ± 33 of the 10 000; five standard deviations.
    assert np.abs(counts - 1250).max() < 165


def make_draw(snapshot, seed, *, n=30):
    """LDOS made of the first two of three positive features; candidates see some of them."""
    rng = np.random.default_rng([seed, *snapshot.encode()])
    features = rng.uniform(0.1, 1, (2, n, 3))
    return Draw(
        snapshot,
        seed,
        {
            2.0: features[..., [0, 2, 1]],
            3.0: features,
            5.0: np.ones((2, n, 3)),
            6.0: np.full((2, n, 3), np.nan),
        },
        features[..., :2],
    )


COLUMNS = {2: np.array([0, 1]), 4: np.array([0, 1, 2])}
DRAWS = [make_draw(name, seed) for name in ("a", "b") for seed in (0, 1, 2)]


def test_scores_find_the_descriptor_that_is_the_ldos():
    table = score_candidates(DRAWS, COLUMNS)
    scores = {(s.cutoff_radius, s.twojmax): s for s in table.candidates}
    assert list(scores) == [(r, t) for r in (2.0, 3.0, 5.0, 6.0) for t in (2, 4)]
    assert scores[3.0, 2].mean == pytest.approx(0, abs=1e-15)
    assert scores[3.0, 4].mean > 0.01
    assert scores[3.0, 4].components == 3
    assert scores[5.0, 2].constant
    assert not scores[2.0, 2].constant
    assert scores[5.0, 2].values == pytest.approx(table.constant_values, rel=1e-9)
    assert np.isnan(scores[6.0, 2].mean)
    choice = choose(table)
    assert (choice.cutoff_radius, choice.twojmax, choice.components) == (3.0, 2, 2)
    assert not choice.ambiguous
    set_aside = {(r, t): reason for r, t, reason in choice.rejected}
    assert set_aside[5.0, 4] == "the descriptor hardly varies from point to point"
    assert set_aside[6.0, 4] == "a score is not finite"
    assert "3 Å, 2J_max 2" in choice.reasons[0]


def test_nearly_constant_is_constant():
    draws = []
    for draw in DRAWS:
        faint = np.ones((2, 30, 2))
        faint[..., 0] += 1e-3 * draw.ldos[..., 0]
        draws.append(Draw(draw.snapshot, draw.seed, {4.0: faint}, draw.ldos))
    (score,) = score_candidates(draws, {2: np.array([0, 1])}).candidates
    assert score.constant


def test_spreads_over_seeds_and_snapshots():
    table = score_candidates(DRAWS, COLUMNS)
    score = next(s for s in table.candidates if (s.cutoff_radius, s.twojmax) == (3.0, 4))
    values = np.array(score.values).reshape(2, 3)
    assert table.draws == tuple((s, k) for s in ("a", "b") for k in range(3))
    assert score.mean == pytest.approx(values.mean())
    assert score.spread == pytest.approx(values.std(ddof=1))
    assert score.spread_seeds == pytest.approx(np.sqrt(values.var(axis=1, ddof=1).mean()))
    assert score.spread_snapshots == pytest.approx(values.mean(axis=1).std(ddof=1))


def test_one_draw_has_no_spread_and_makes_no_choice():
    table = score_candidates(DRAWS[:1], COLUMNS)
    score = table.candidates[0]
    assert score.spread is score.spread_seeds is score.spread_snapshots is None
    with pytest.raises(ConfigError, match="One draw does not tell"):
        choose(table)


@pytest.mark.parametrize("definition", ["fiedler2022", "mala2024"])
def test_scores_are_the_plain_average_over_pairs(definition):
    draw = DRAWS[0]
    score = score_candidates([draw], COLUMNS, definition=definition).candidates[0]
    total = 0.0
    for one, ldos_one in zip(draw.descriptors[2.0][0][:, :2], draw.ldos[0], strict=True):
        for two, ldos_two in zip(draw.descriptors[2.0][1][:, :2], draw.ldos[1], strict=True):
            like = one @ two / np.sqrt((one @ one) * (two @ two))
            alike = ldos_one @ ldos_two / np.sqrt((ldos_one @ ldos_one) * (ldos_two @ ldos_two))
            total += abs(like - alike) if definition == "fiedler2022" else max(0, like - alike)
    assert score.mean == pytest.approx(total / 900, rel=1e-12)


def test_bad_draws_are_named():
    good = DRAWS[0]
    with pytest.raises(ConfigError, match="cannot be compared"):
        score_candidates([], COLUMNS)
    with pytest.raises(ConfigError, match="cannot be compared"):
        score_candidates([good, Draw("b", 0, {2.5: good.ldos}, good.ldos)], COLUMNS)
    short = Draw("b", 0, {2.5: good.ldos[:, :7]}, good.ldos)
    with pytest.raises(DataError, match=r"snapshot b, cutoff radius 2\.5 Å"):
        score_candidates([short], {2: np.array([0])})
    dark = good.ldos.copy()
    dark[1, 3] = 0
    with pytest.raises(DataError, match="LDOS vector is zero or not finite"):
        score_candidates([Draw("b", 0, good.descriptors, dark)], COLUMNS)


def table_of(scores, constant=(9.0, 9.1), objective="acsd"):
    candidates = tuple(
        CandidateScore(
            cutoff_radius=r,
            twojmax=t,
            components=10 * t,
            mean=float(np.mean(v)),
            spread=0.0,
            spread_seeds=None,
            spread_snapshots=None,
            constant=flat,
            values=tuple(v),
            similarity_std=0.1,
            similarity_skewness=-1.0,
            round_number=0,
        )
        for r, t, v, flat in scores
    )
    draws = tuple(("a", k) for k in range(len(constant)))
    mean = float(np.mean(constant))
    return ScoreTable(objective, "fiedler2022", draws, candidates, mean, constant)


def test_common_scatter_does_not_make_candidates_level():
    # Both vary by 1 between the draws, together: the second is worse by 0.1 in each.
    choice = choose(table_of([(3.0, 4, (1.0, 2.0), False), (5.0, 4, (1.1, 2.101), False)]))
    assert (choice.cutoff_radius, choice.ambiguous) == (3.0, False)


@pytest.mark.parametrize(
    ("ratio", "chosen", "close"),
    [
        (2.1, 3.0, 1),
        (1.9, 3.0, 2),
        (1.1, 3.0, 2),
        (0.9, 5.0, 2),
    ],
)
def test_candidates_near_the_threshold_make_the_choice_ambiguous(ratio, chosen, close):
    # Two differences ratio ± 1/√2 have a standard deviation of 1.
    second = (1 + ratio - 0.5**0.5, 1 + ratio + 0.5**0.5)
    choice = choose(table_of([(3.0, 4, (1.0, 1.0), False), (5.0, 4, second, False)]))
    assert (choice.cutoff_radius, len(choice.close)) == (chosen, close)
    assert choice.ambiguous == (close > 1)
    assert set(choice.level) <= set(choice.close)
    assert any("other draws might" in r for r in choice.reasons) == (chosen == 3.0 and close == 2)


def test_level_candidates_largest_cutoff_then_smallest_band_limit():
    choice = choose(
        table_of(
            [
                (3.0, 4, (1.0, 2.0), False),
                (5.0, 8, (1.3, 1.8), False),
                (5.0, 6, (1.8, 1.3), False),
                (5.0, 4, (2.0, 3.0), False),
                (4.0, 2, (1.0, 2.001), False),
            ]
        )
    )
    assert (choice.cutoff_radius, choice.twojmax, choice.components) == (5.0, 6, 60)
    assert choice.best == (3.0, 4)
    assert choice.level == ((3.0, 4), (5.0, 8), (5.0, 6), (4.0, 2))
    assert choice.ambiguous
    assert any("largest cutoff radius, then smallest 2J_max" in r for r in choice.reasons)


@given(bad=st.sampled_from([np.nan, np.inf, -np.inf]), place=st.integers(0, 1))
def test_a_failed_score_never_wins(bad, place):
    failed = [0.0, 0.0]
    failed[place] = bad
    choice = choose(table_of([(9.0, 2, tuple(failed), False), (3.0, 4, (5.0, 6.0), False)]))
    assert choice.cutoff_radius == 3.0
    assert choice.rejected == ((9.0, 2, "a score is not finite"),)


def test_a_constant_descriptor_never_wins():
    choice = choose(table_of([(9.0, 2, (0.1, 0.1), True), (3.0, 4, (5.0, 6.0), False)]))
    assert choice.cutoff_radius == 3.0


def test_nothing_to_choose_from_is_an_error():
    with pytest.raises(DataError, match=r"9 Å, 2J_max 2: the descriptor hardly varies"):
        choose(table_of([(9.0, 2, (0.1, 0.1), True)]))


def test_warns_when_a_constant_descriptor_is_as_good():
    scores = [(3.0, 4, (1.0, 2.0), False)]
    assert any("WARNING" in r for r in choose(table_of(scores, (1.1, 1.9))).reasons)
    assert not any("WARNING" in r for r in choose(table_of(scores)).reasons)


def test_without_an_ldos_there_is_no_acsd():
    draw = Draw("a", 0, {3.0: np.ones((2, 4, 3))})
    with pytest.raises(DataError, match="compares with the LDOS, and there is none"):
        score_candidates([draw], COLUMNS)


def test_similarities_are_those_that_were_scored():
    draw = DRAWS[0]
    found = dict(candidate_similarities(draw, COLUMNS))
    ldos = cosine_similarities(draw.ldos[0], draw.ldos[1])
    table = score_candidates([draw], COLUMNS)
    for score in table.candidates:
        similarity = found[score.cutoff_radius, score.twojmax]
        expected = acsd(similarity, ldos, "fiedler2022")
        np.testing.assert_equal(score.values, (expected,))
        np.testing.assert_allclose(score.similarity_std, similarity.std(), rtol=1e-12)


# --- kernel spread ---


def test_moments_in_closed_form():
    # A share p at 1, the rest at 0: σ² = p(1 − p), γ = (1 − 2p)/σ.
    for share in (0.1, 0.5, 0.75):
        values = np.repeat([1.0, 0.0], [round(1000 * share), round(1000 * (1 - share))])
        sigma = np.sqrt(share * (1 - share))
        expected = (sigma, (1 - 2 * share) / sigma)
        assert similarity_moments(values) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(similarity_moments(np.full(9, 0.5))[1])
    assert np.isnan(similarity_moments([0.5, np.nan])).all()


@given(
    std=st.floats(1e-3, 1),
    wider=st.floats(1.01, 5),
    skewness=st.floats(-9, 9),
    more=st.floats(0.1, 9),
)
def test_kernel_spread_rises_with_the_width_and_falls_with_the_skewness(std, wider, skewness, more):
    score = kernel_spread(std, skewness)
    assert 0 < score <= std
    assert kernel_spread(wider * std, skewness) > score
    assert kernel_spread(std, skewness + np.copysign(more, skewness)) < score
    assert kernel_spread(std, -skewness) == score


def test_kernel_spread_of_a_constant_descriptor_is_nothing():
    assert kernel_spread(*similarity_moments(np.full((4, 4), 0.5))) == 0
    assert kernel_spread(1e-9, 3.0) == 0
    assert np.isnan(kernel_spread(np.nan, np.nan))


def spread_draw(seed):
    """Two descriptors of the same points: one tells them apart, one hardly; one is constant."""
    vectors = np.random.default_rng(seed).uniform(0, 1, (2, 30, 3))
    return Draw("a", seed, {3.0: vectors, 4.0: 5 + vectors, 5.0: np.ones((2, 30, 3))})


def test_without_labels_the_widest_distribution_wins():
    table = score_candidates(
        [spread_draw(seed) for seed in range(4)], COLUMNS, objective="kernel-spread"
    )
    scores = {(s.cutoff_radius, s.twojmax): s for s in table.candidates}
    assert table.sign == -1
    assert table.constant_values == (0.0,) * 4
    assert scores[3.0, 2].mean > 3 * scores[4.0, 2].mean > 0
    assert scores[5.0, 2].values == (0.0,) * 4
    assert scores[3.0, 4].values[0] == pytest.approx(
        kernel_spread(*similarity_moments(cosine_similarities(*spread_draw(0).descriptors[3.0]))),
        rel=1e-12,
    )
    choice = choose(table)
    assert choice.cutoff_radius == 3.0
    assert choice.reasons[0].startswith("largest kernel spread over 4 draws: 3 Å")
    assert {(r, t) for r, t, _ in choice.rejected} == {(5.0, 2), (5.0, 4)}


def test_level_means_not_smaller_where_larger_is_better():
    scores = [(3.0, 4, (2.0, 3.0), False), (5.0, 4, (1.9, 2.899), False)]
    choice = choose(table_of(scores, (0.0, 0.0), "kernel-spread"))
    assert (choice.cutoff_radius, choice.ambiguous) == (3.0, False)
    scores[1] = (5.0, 4, (1.0, 3.5), False)
    choice = choose(table_of(scores, (0.0, 0.0), "kernel-spread"))
    assert (choice.cutoff_radius, choice.best, choice.ambiguous) == (5.0, (3.0, 4), True)


# --- refinement ---


@pytest.mark.parametrize(("best", "expected"), [(4.0, (3.5, 4.6)), (3.0, (3.5,)), (5.2, (4.6,))])
def test_refinement_halves_the_spacing_around_the_best(best, expected):
    scores = [
        (r, t, (1 + abs(r - best) + t, 2 + abs(r - best) + t), False)
        for r in (3.0, 4.0, 5.2)
        for t in (2, 4)
    ]
    assert finer_radii(table_of(scores)) == pytest.approx(expected)


def test_refinement_stops_where_the_neighbours_are_level():
    scores = [
        (3.0, 4, (1.5, 1.1), False),
        (4.0, 4, (1.0, 1.5), False),
        (5.0, 4, (1.2, 1.4), False),
        (5.0, 2, (9.0, 9.1), False),
    ]
    assert finer_radii(table_of(scores)) == ()
    scores[0] = (3.0, 4, (1.5, 2.0), False)
    assert finer_radii(table_of(scores)) == (3.5, 4.5)


def test_refinement_finds_the_minimum_of_a_smooth_curve():
    def score(radii):
        return [(r, 4, ((r - 4.3) ** 2, 0.1 + (r - 4.3) ** 2), False) for r in radii]

    table = table_of(score([3.0, 4.0, 5.0, 6.0]))
    for _ in range(7):
        table = table.joined(table_of(score(finer_radii(table))))
    assert choose(table).cutoff_radius == pytest.approx(4.3, abs=2**-7)
    assert len(table.candidates) == 4 + 7 * 2


def test_one_cutoff_radius_cannot_be_refined():
    with pytest.raises(ConfigError, match="no neighbours to refine between"):
        finer_radii(table_of([(3.0, 4, (1.0, 2.0), False)]))


def test_tables_of_other_draws_do_not_join():
    one = table_of([(3.0, 4, (1.0, 2.0), False)])
    with pytest.raises(DataError, match="different draws"):
        one.joined(table_of([(4.0, 4, (1.0, 2.0), False)], constant=(9.0, 9.2)))
