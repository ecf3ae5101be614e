"""LDOS at a few telling grid points, as a table for the report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.files.tables import Cell

PERCENTILES = {
    "few states (5th percentile of the grid)": 5,
    "median point": 50,
    "many states (95th percentile of the grid)": 95,
}


@dataclass(frozen=True)
class LdosSample:
    """The LDOS at one grid point, from several sources.

    Attributes
    ----------
    point
        Which one: a key of `PERCENTILES`.
    index
        Its indices on the grid.
    ldos
        Source (`reference_ldos` or `seed-N`) -> `[energy]`, 1/(eV Å³).
    """

    point: str
    index: tuple[int, int, int]
    ldos: Mapping[str, Sequence[float]]


def sampled_points(reference: NDArray[np.float32]) -> dict[str, tuple[int, int, int]]:
    """Choose the grid points by the number of states that they have in the window.

    Parameters
    ----------
    reference
        LDOS from DFT, `[x, y, z, energy]`, 1/(eV Å³).

    Returns
    -------
    dict
        Indices of a grid point for each key of `PERCENTILES`.
    """
    states = reference.sum(axis=3, dtype=np.float64).ravel()
    order = np.argsort(states, kind="stable")
    found = {}
    for label, percentile in PERCENTILES.items():
        point = order[round(percentile / 100 * (len(order) - 1))]
        x, y, z = (int(i) for i in np.unravel_index(point, reference.shape[:3]))
        found[label] = (x, y, z)
    return found


def sample_rows(
    snapshot: str, energy: NDArray[np.float64], samples: Sequence[LdosSample]
) -> Iterator[dict[str, Cell]]:
    """Rows of the table: source after source, point after point.

    Parameters
    ----------
    snapshot
        Name of the snapshot.
    energy
        Its energy axis, eV.
    samples
        Its LDOS at some points, all with the same sources.

    Yields
    ------
    dict
        Snapshot, source, point and its indices, energy in eV, LDOS in 1/(eV Å³).
    """
    for source in samples[0].ldos:
        for sample in samples:
            x, y, z = sample.index
            for one, value in zip(energy, sample.ldos[source], strict=True):
                yield {
                    "snapshot": snapshot,
                    "source": source,
                    "point": sample.point,
                    "x": x,
                    "y": y,
                    "z": z,
                    "energy_ev": float(one),
                    "ldos_per_ev_angstrom3": float(value),
                }
