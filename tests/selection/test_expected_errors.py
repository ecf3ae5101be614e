"""Errors that distances let expect: exact where the error is a function of the distance."""

import numpy as np
import pytest

from surrogate_hpo.errors import DataError
from surrogate_hpo.selection.choosing import choose, measures_of, pool_of
from surrogate_hpo.selection.expected import calibrated, expected_errors
from surrogate_hpo.selection.features import Features


def test_errors_that_follow_a_line_are_found_everywhere_and_their_sign_does_not_matter():
    distances = np.array([0.4, 0.1, 0.9, 0.6])
    found = calibrated(distances, -0.03 * distances)
    asked = np.linspace(0.1, 5, 37)
    assert found.of(asked) == pytest.approx(0.03 * asked)
    assert found.of(0.0) == pytest.approx(0.003)  # nothing is promised below the nearest
    assert found.beyond([0.9, 0.91]).tolist() == [False, True]


@pytest.mark.parametrize("function", [np.square, np.sqrt, np.exp])
def test_a_rising_function_is_met_at_every_known_distance(function):
    distances = np.random.default_rng(1).uniform(0.1, 2, 40)
    found = calibrated(distances, function(distances))
    assert found.of(distances) == pytest.approx(function(distances))
    between = np.linspace(distances.min(), distances.max(), 500)
    assert found.of(between) == pytest.approx(function(between), rel=0.25)
    assert (np.diff(found.of(np.linspace(0, 9, 400))) >= 0).all()


def test_errors_without_order_have_their_mean_and_the_mean_is_kept_in_any_case():
    distances = np.arange(1.0, 9.0)
    falling = calibrated(distances, distances[::-1])
    assert falling.of(distances) == pytest.approx(4.5)
    generator = np.random.default_rng(2)
    apart = generator.uniform(0, 1, 60)
    errors = generator.normal(0, 0.1 + apart)
    found = calibrated(apart, errors)
    assert found.of(apart).mean() == pytest.approx(np.abs(errors).mean())
    # A pair with one distance counts twice, with its mean.
    twins = calibrated([1.0, 1.0, 2.0, 3.0], [0.0, 2.0, 4.0, 1.0])
    assert twins.of([1.0, 2.0, 3.0]) == pytest.approx([1.0, 2.5, 2.5])


def test_the_width_of_errors_is_found_from_many_of_them():
    generator = np.random.default_rng(3)
    distances = generator.uniform(0, 1, 20000)
    errors = generator.normal(0, 0.01 + 0.05 * distances**2)
    asked = np.linspace(0.1, 0.9, 9)
    truth = np.sqrt(2 / np.pi) * (0.01 + 0.05 * asked**2)
    assert calibrated(distances, errors).of(asked) == pytest.approx(truth, rel=0.15)


def blocks(seed: int, number: int, width: float) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(0, width, (3, 4)) for _ in range(number)]


def test_candidates_have_the_error_of_held_out_structures_at_their_distance():
    known, candidates, held_out = blocks(1, 6, 1.0), blocks(2, 9, 2.0), blocks(3, 30, 3.0)
    features = Features.of([*known, *candidates])
    pool = pool_of(features, range(6, 15), range(6), seed=0)
    # Errors that are the distances themselves come back as the distances of the candidates.
    everything = Features.of([*known, *candidates, *held_out])
    joint = pool_of(everything, range(6, 45), range(6), seed=0)
    distances = measures_of(joint, ["nearest_neighbours"])["nearest_neighbours"]
    found = expected_errors(pool, Features.of(held_out), distances[9:])
    inside = distances[:9] >= distances[9:].min()
    assert found.errors[inside] == pytest.approx(distances[:9][inside])
    assert found.beyond.tolist() == (distances[:9] > distances[9:].max()).tolist()
    # So the order is that of the rule: it is a number with a unit, no rule of its own.
    made = choose(everything, range(6, 15), range(6), rule="nearest_neighbours", number=1, seed=0)
    assert made.chosen[0] == 6 + int(found.errors.argmax())


def test_too_few_errors_or_none_known_are_explained():
    with pytest.raises(DataError, match="3 or more held-out structures"):
        calibrated([1.0, 2.0], [0.1, 0.2])
    with pytest.raises(DataError, match="not all of them finite"):
        calibrated([1.0, 2.0, 3.0], [0.1, np.nan, 0.2])
    with pytest.raises(DataError, match="3 distances and 2 errors"):
        calibrated([1.0, 2.0, 3.0], [0.1, 0.2])
    features = Features.of(blocks(4, 5, 1.0))
    with pytest.raises(DataError, match="there are none"):
        expected_errors(pool_of(features, range(5), [], seed=0), features, np.ones(5))
