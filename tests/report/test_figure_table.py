"""The tables behind the figures and how numbers are written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.style import scale_for
from surrogate_hpo.report.table import (
    FigureTable,
    format_number,
    format_value,
    format_with_spread,
    number_column,
)


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(DataError, match=r"differ in length(.|\n)*a: 2, b: 1"):
        FigureTable((number_column("a", "a", "", [1, 2]), number_column("b", "b", "", [1])))


def test_columns_of_the_same_name_are_refused():
    with pytest.raises(DataError, match="same name"):
        FigureTable((number_column("a", "a", "", [1]), number_column("a", "b", "", [2])))


def test_a_column_must_be_one_dimensional():
    with pytest.raises(DataError, match=r"scores(.|\n)*\(2, 1\)"):
        number_column("scores", "scores", "", [[1], [2]])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (-3, "−3"),
        (0.0, "0"),
        (0.0123456, "0.01235"),
        (-57.2, "−57.2"),
        (99999.6, "100000"),
        (2.5e-5, "2.5×10⁻⁵"),
        (float("nan"), "–"),
        (float("inf"), "not finite"),
        ("a-b", "a-b"),
    ],
)
def test_cells_are_written_for_people(value, text):
    assert format_value(value) == text


@given(st.floats(-1e300, 1e300))
def test_four_digits_are_within_half_a_unit_of_the_fourth(value):
    text = format_number(value).replace("−", "-")
    table = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    mantissa, _, exponent = text.partition("×10")
    read = float(f"{mantissa}e{exponent.translate(table) or 0}")
    assert read == pytest.approx(value, rel=5.1e-4, abs=5e-324)


@pytest.mark.parametrize(
    ("mean", "spread", "text"),
    [
        (3.3551, 0.0898, "3.36 ± 0.09"),
        (2.508, 0.6109, "2.5 ± 0.6"),
        (2.9, 0.14, "2.90 ± 0.14"),
        (31.4, 12.0, "31 ± 12"),
        (2.9, 0.0, "2.9"),
        (2.9, float("nan"), "2.9"),
    ],
)
def test_a_spread_sets_the_digits(mean, spread, text):
    assert format_with_spread(mean, spread) == text


@pytest.mark.parametrize(
    ("values", "scale"),
    [([1, 2, np.nan], "linear"), ([1, 1e4, np.inf], "log"), ([-5, 1e4], "symlog"), ([], "linear")],
)
def test_scale_follows_the_values(values, scale):
    assert scale_for(np.array(values, dtype=float)) == scale
