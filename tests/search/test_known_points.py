"""Points that a search begins with: fitted into its space, and those of the shipped tables."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.contest.transfer.rate_rule import fit_rate_rule
from surrogate_hpo.contest.transfer.warm_start import best_points
from surrogate_hpo.data.trained_tables import read_trained_table
from surrogate_hpo.search.known_points import (
    KNOWN_POINTS,
    OPTIMISER,
    RATE_EXPONENT,
    SCHEDULE,
    known_points,
)
from surrogate_hpo.search.space import Choices, Interval

TABLES = Path(__file__).resolve().parents[2] / "benchmarks/data/tables"
KNOWN = [
    {"learning_rate": 2e-2, "batch_size": 250, "input_scaling": "whitened"},
    {"learning_rate": 5e-3, "batch_size": 500, "input_scaling": "standardised"},
]


def space(**changes):
    return {
        "learning_rate": Interval(1e-3, 1e-2, logarithmic=True),
        "batch_size": Choices((1000, 250)),
        "optimiser": Choices((OPTIMISER, "adam")),
        "schedule": Choices((SCHEDULE,)),
        "input_scaling": Choices(("standardised", "whitened")),
        "patience": Choices((8, 4)),
    } | changes


def test_a_point_is_moved_into_the_space():
    first, second = known_points(space(), 2, KNOWN)
    assert first == {
        "learning_rate": 1e-2,  # the end of the interval
        "batch_size": 250,
        "optimiser": OPTIMISER,
        "schedule": SCHEDULE,
        "input_scaling": "whitened",
        "patience": 8,  # the first option
    }
    # Twice the batch, and a higher rate.
    assert (second["learning_rate"], second["batch_size"]) == (7.68e-3, 1000)


@pytest.mark.parametrize(
    "changes",
    [{"optimiser": Choices(("adam",))}, {"schedule": Choices(("constant",))}],
)
def test_points_of_another_optimiser_or_schedule_are_none(changes):
    assert known_points(space(**changes), 2, KNOWN) == []


def test_a_point_whose_option_is_not_listed_is_left_out():
    (only,) = known_points(space(input_scaling=Choices(("standardised",))), 2, KNOWN)
    assert (only["learning_rate"], only["batch_size"]) == (7.68e-3, 1000)


def test_points_that_become_the_same_count_once():
    narrow = {"learning_rate": Interval(1e-2, 1.5e-2), "batch_size": Choices((250,))}
    same = [KNOWN[0], KNOWN[0] | {"batch_size": 200}]
    assert len(known_points(space(**narrow), 2, same)) == 1
    assert known_points(space(), 0, KNOWN) == []


@given(
    st.floats(1e-5, 1e-1),
    st.floats(1.01, 50),
    st.lists(st.integers(1, 5000), min_size=1, max_size=4, unique=True),
)
def test_every_point_lies_in_the_space(low, factor, batches):
    here = space(
        learning_rate=Interval(low, low * factor, logarithmic=True),
        batch_size=Choices(tuple(batches)),
    )
    for point in known_points(here, 5, KNOWN):
        assert set(point) == set(here)
        assert all(point[key] in here[key] for key in here)


def test_the_known_points_are_those_of_the_shipped_tables():
    tables = [read_trained_table(p, p.with_suffix(".json")) for p in sorted(TABLES.glob("*.csv"))]
    assert len(tables) == 3
    dimensions = {key: tables[0].space[key] for key in KNOWN_POINTS[0]}
    best = best_points(tables, dimensions, len(KNOWN_POINTS))
    rounded = [one | {"learning_rate": float(f"{one['learning_rate']:.3g}")} for one in best]
    assert tuple(rounded) == KNOWN_POINTS
    assert fit_rate_rule(tables).exponents["batch_size"] == pytest.approx(RATE_EXPONENT, abs=0.005)
