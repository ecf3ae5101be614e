"""LDOS at a few telling grid points, as a table for the report."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.io.datasets import flat
from surrogate_hpo.io.ldos_store import LdosData
from surrogate_hpo.io.tables import Cell

PERCENTILES = {
    "few states (5th percentile of the grid)": 5,
    "median point": 50,
    "many states (95th percentile of the grid)": 95,
}


def sample_rows(
    snapshot: str, source: str, reference: LdosData, values: NDArray[np.float32]
) -> Iterator[dict[str, Cell]]:
    """Rows of the table: the LDOS of one source at three points of the grid.

    Parameters
    ----------
    snapshot
        Name of the snapshot.
    source
        `reference_ldos` or `seed-N`.
    reference
        Its LDOS from DFT; points are told apart by the number of states that it has there.
    values
        The source's LDOS, `[x, y, z, energy]`, 1/(eV Å³).

    Yields
    ------
    dict
        Snapshot, source, point and its indices, energy in eV, LDOS in 1/(eV Å³).
    """
    order = np.argsort(flat(reference.values).sum(axis=1, dtype=np.float64), kind="stable")
    for label, percentile in PERCENTILES.items():
        point = order[round(percentile / 100 * (len(order) - 1))]
        x, y, z = (int(i) for i in np.unravel_index(point, reference.values.shape[:3]))
        for energy, value in zip(reference.energy, values[x, y, z], strict=True):
            yield {
                "snapshot": snapshot,
                "source": source,
                "point": label,
                "x": x,
                "y": y,
                "z": z,
                "energy_ev": float(energy),
                "ldos_per_ev_angstrom3": float(value),
            }
