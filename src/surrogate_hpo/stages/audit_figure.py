"""From the tables of an audit to its figure; the report draws it again from the same tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

ALL = "all"
"""The group of all architectures, beside those of one activation."""


def figure_arguments(
    rows: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Arguments of the figure, from the rows of both tables as made here or read back.

    Parameters
    ----------
    rows
        Of `scores.csv`.
    groups
        Of `agreement.csv`.

    Returns
    -------
    dict
        Keywords of :func:`surrogate_hpo.figures.score_agreement.score_agreement`.
    """

    def numbers(table: Sequence[Mapping[str, Any]], key: str) -> list[float]:
        return [math.nan if row[key] == "" else float(row[key]) for row in table]

    overall = [row for row in groups if row["group"] == ALL]
    return {
        "score": [row["score"] for row in rows],
        "architecture": [row["architecture"] for row in rows],
        "activation": [row["activation"] for row in rows],
        "value": numbers(rows, "value"),
        "error": numbers(rows, "error_mean"),
        "labels": {row["score"]: row["label"] for row in overall},
        "tau": {
            row["score"]: (tau, low, high)
            for row, tau, low, high in zip(
                overall,
                *(numbers(overall, key) for key in ("tau", "tau_low", "tau_high")),
                strict=True,
            )
        },
    }
