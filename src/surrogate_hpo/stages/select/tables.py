"""Tables of a selection: a row per candidate, and the places of all structures."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from surrogate_hpo.files.tables import Cell
from surrogate_hpo.selection.choosing import Choice
from surrogate_hpo.selection.expected import Expected
from surrogate_hpo.selection.features import FloatArray
from surrogate_hpo.selection.options import AnyRule
from surrogate_hpo.selection.space import fit_space
from surrogate_hpo.stages.select.pool import class_of
from surrogate_hpo.stages.select.weeding import Weeded

# Columns of measures that have a unit.
_UNITS: dict[AnyRule, str] = {
    "spread": "spread_ev_per_atom",
    "energy_spread": "energy_spread_ev_per_atom",
    "dos_spread": "dos_spread_per_ev_per_atom",
    "density_spread": "density_spread_of_mean",
}


def columns_of(
    measures: Mapping[AnyRule, FloatArray],
    expected: Expected | None,
    error_bars: FloatArray | None,
) -> dict[str, FloatArray]:
    """Measures by the columns of the table.

    Parameters
    ----------
    measures
        By rule, [candidates].
    expected
        Errors that their distances let expect, eV/atom; None if there are none.
    error_bars
        Expected errors from the spread, eV/atom, [known structures and candidates]; None if there
        are none.

    Returns
    -------
    dict
        [candidates] each, without random numbers.
    """
    found = {_UNITS.get(rule, rule): one for rule, one in measures.items() if rule != "random"}
    if expected is not None:
        found["expected_error_ev_per_atom"] = expected.errors
    if error_bars is not None:
        candidates = len(next(iter(measures.values())))
        found["error_bar_ev_per_atom"] = error_bars[-candidates:]
    return found


def candidate_rows(
    weeded: Weeded, measures: Mapping[str, FloatArray], chosen: Mapping[int, int], made: Choice
) -> list[dict[str, Cell]]:
    """A row per candidate, with the measures of those that could be described.

    Parameters
    ----------
    weeded
        The pool.
    measures
        By column, of the candidates that could be described; NaN where one is not known.
    chosen
        Place in the choice, by number of the candidate.
    made
        The choice.

    Returns
    -------
    list of dict
        Measures are dimensionless where the column says no unit.
    """
    places = {number: place for place, number in enumerate(weeded.kept)}
    found = []
    for number, one in enumerate(weeded.candidates):
        order = chosen.get(number)
        place = places.get(number)
        found.append(
            {
                "candidate": one.name,
                "source": one.source,
                "class": one.group,
                "atoms": len(one.atoms),
                "status": "dropped"
                if number in weeded.reasons
                else "left"
                if order is None
                else "chosen",
                "order": None if order is None else order + 1,
                **{
                    column: None if place is None else _cell(values[place])
                    for column, values in measures.items()
                },
                "reason": weeded.reasons.get(number, "" if order is None else made.reasons[order]),
            }
        )
    return found


def _cell(value: float) -> Cell:
    """Nothing for what is not known."""
    return float(value) if math.isfinite(value) else None


def space_rows(weeded: Weeded, rows: Sequence[Mapping[str, Cell]]) -> list[dict[str, Cell]]:
    """Means of the first two principal components of all that is described.

    Parameters
    ----------
    weeded
        The pool.
    rows
        As `candidate_rows` gives them.

    Returns
    -------
    list of dict
        Dimensionless.
    """
    features, known, kept = weeded.features, weeded.known, weeded.kept
    means = features.mean_of(fit_space(features.rows).scores(features.rows, 2))
    means = np.pad(means, ((0, 0), (0, 2 - means.shape[1])))
    labels = [("training", f"training structure {n}", class_of(a)) for n, a in enumerate(known)]
    labels += [
        (str(rows[number]["status"]), str(rows[number]["candidate"]), str(rows[number]["class"]))
        for number in kept
    ]
    distances = [None] * len(known) + [rows[number]["nearest_neighbours"] for number in kept]
    return [
        {
            "status": status,
            "structure": name,
            "class": group,
            "first_component": float(first),
            "second_component": float(second),
            "nearest_neighbours": distance,
        }
        for (status, name, group), (first, second), distance in zip(
            labels, means, distances, strict=True
        )
    ]
