"""Tables of a selection: a row per candidate, and the places of all structures."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from surrogate_hpo.files.tables import Cell
from surrogate_hpo.selection.choosing import Choice
from surrogate_hpo.selection.features import Features, FloatArray
from surrogate_hpo.selection.options import RuleName
from surrogate_hpo.selection.space import fit_space
from surrogate_hpo.stages.select.pool import Candidate, class_of

UNITS: dict[RuleName, str] = {"spread": "spread_ev_per_atom"}


def candidate_rows(
    candidates: Sequence[Candidate],
    kept: Sequence[int],
    measures: Mapping[RuleName, FloatArray],
    chosen: Mapping[int, int],
    reasons: Mapping[int, str],
    made: Choice,
) -> list[dict[str, Cell]]:
    """A row per candidate, with the measures of those that could be described.

    Parameters
    ----------
    candidates
        All of them.
    kept
        Numbers of those that could be described, in the order of the measures.
    measures
        By rule, [kept].
    chosen
        Place in the choice, by number of the candidate.
    reasons
        Why a candidate was dropped, by its number.
    made
        The choice.

    Returns
    -------
    list of dict
        Dimensionless measures, but for `spread_ev_per_atom`.
    """
    places = {number: place for place, number in enumerate(kept)}
    found = []
    for number, one in enumerate(candidates):
        order = chosen.get(number)
        place = places.get(number)
        found.append(
            {
                "candidate": one.name,
                "source": one.source,
                "class": one.group,
                "atoms": len(one.atoms),
                "status": "dropped" if number in reasons else "left" if order is None else "chosen",
                "order": None if order is None else order + 1,
                **{
                    UNITS.get(rule, rule): None if place is None else float(values[place])
                    for rule, values in measures.items()
                    if rule != "random"
                },
                "reason": reasons.get(number, "" if order is None else made.reasons[order]),
            }
        )
    return found


def space_rows(
    features: Features,
    known: Sequence[Atoms],
    candidates: Sequence[Candidate],
    kept: Sequence[int],
    rows: Sequence[Mapping[str, Cell]],
) -> list[dict[str, Cell]]:
    """Means of the first two principal components of all that is described.

    Parameters
    ----------
    features
        Of known structures, then of candidates.
    known
        Training structures.
    candidates
        All of them.
    kept
        Numbers of those that could be described.
    rows
        As `candidate_rows` gives them.

    Returns
    -------
    list of dict
        Dimensionless.
    """
    means = features.mean_of(fit_space(features.rows).scores(features.rows, 2))
    means = np.pad(means, ((0, 0), (0, 2 - means.shape[1])))
    labels = [("training", f"training structure {n}", class_of(a)) for n, a in enumerate(known)]
    labels += [
        (str(rows[number]["status"]), candidates[number].name, candidates[number].group)
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
