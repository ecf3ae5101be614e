import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.selection.acsd import acsd, cosine_similarities, draw_pairs
from surrogate_hpo.selection.acsd_choice import choose
from surrogate_hpo.selection.acsd_scores import (
    CandidateScore,
    Draw,
    ScoreTable,
    score_candidates,
)


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
    assert scores[3.0, 2].mean == 0
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


def table_of(scores, constant=(9.0, 9.1)):
    candidates = tuple(
        CandidateScore(r, t, 10 * t, float(np.mean(v)), 0.0, None, None, flat, tuple(v))
        for r, t, v, flat in scores
    )
    draws = tuple(("a", k) for k in range(len(constant)))
    return ScoreTable("fiedler2022", draws, candidates, float(np.mean(constant)), constant)


def test_common_scatter_does_not_make_candidates_level():
    # Both vary by 1 between the draws, together: the second is worse by 0.1 in each.
    choice = choose(table_of([(3.0, 4, (1.0, 2.0), False), (5.0, 4, (1.1, 2.101), False)]))
    assert (choice.cutoff_radius, choice.ambiguous) == (3.0, False)


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
    assert choice.minimum == (3.0, 4)
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
