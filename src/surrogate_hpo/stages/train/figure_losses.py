"""Validation loss of each network, and how much of it all points of a snapshot share."""

from collections.abc import Mapping, Sequence

import numpy as np

from surrogate_hpo.report.table import FigureTable, number_column


def validation_losses_table(networks: Sequence[Sequence[Mapping[str, str]]]) -> FigureTable:
    """Average the losses of the validation snapshots over their points.

    Parameters
    ----------
    networks
        Per network a row per validation snapshot, as text: ``points``, ``loss`` and ``common``,
        in units of the scaled LDOS.

    Returns
    -------
    FigureTable
        A row per network: ``seed``, ``snapshots``, ``loss``, ``common``, ``rest`` and
        ``common_share``.
    """
    loss, common = (
        np.array([_mean(rows, name) for rows in networks], float) for name in ("loss", "common")
    )
    share = np.divide(common, loss, out=np.full_like(loss, np.nan), where=loss > 0)
    return FigureTable(
        (
            number_column("seed", "seed", "", np.arange(len(networks))),
            number_column("snapshots", "validation snapshots", "", [len(r) for r in networks]),
            number_column("loss", "validation loss", "", loss),
            number_column("common", "common to a snapshot", "", common),
            number_column("rest", "from point to point", "", loss - common),
            number_column("common_share", "common share", "", share, digits=3),
        )
    )


def _mean(rows: Sequence[Mapping[str, str]], name: str) -> float:
    points = [float(row["points"]) for row in rows]
    return float(np.average([float(row[name]) for row in rows], weights=points))
