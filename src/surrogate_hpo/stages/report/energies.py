"""The tables that stages have written, as figures take them: columns, and energies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.predict.energies import BASELINE, DFT, REFERENCE_LDOS
from surrogate_hpo.report.errors import SnapshotEnergies

Row = Mapping[str, str]


def numbers(rows: Sequence[Row], column: str) -> NDArray[np.float64]:
    """One column as float64; an empty cell becomes NaN."""
    return np.array([float(row[column] or "nan") for row in rows])


def flags(rows: Sequence[Row], column: str) -> list[bool]:
    """One column of True and False."""
    return [row[column] == "True" for row in rows]


FloatArray = NDArray[np.float64]
SEED = "seed-"


@dataclass(frozen=True)
class EnergyTable:
    """Rows of `energies.csv`: one per snapshot and source.

    Attributes
    ----------
    rows
        As text; an empty cell is not known.
    """

    rows: Sequence[Mapping[str, str]]

    @property
    def seeds(self) -> list[str]:
        """What the predictions of the initialisations are called."""
        return list(dict.fromkeys(r["source"] for r in self.rows if r["source"].startswith(SEED)))

    def per_atom(self, source: str, quantity: str) -> FloatArray:
        """The quantity of all snapshots from one source in eV/atom; NaN where it is not known."""
        rows = [row for row in self.rows if row["source"] == source]
        return np.array([float(r[f"{quantity}_ev"] or "nan") / float(r["atoms"]) for r in rows])

    def quantity(self, name: str) -> SnapshotEnergies:
        """One quantity from all sources."""
        return SnapshotEnergies(
            snapshot=tuple(row["snapshot"] for row in self.rows if row["source"] == DFT),
            dft=self.per_atom(DFT, name),
            surrogate=np.array([self.per_atom(seed, name) for seed in self.seeds]),
            floor=self.per_atom(REFERENCE_LDOS, name),
            baseline=self.per_atom(BASELINE, name),
        )

    @property
    def classes(self) -> list[tuple[str, str]]:
        """Number of atoms and temperature of each snapshot, as they are written."""
        return [
            (row["atoms"], row["temperature_kelvin"]) for row in self.rows if row["source"] == DFT
        ]

    def fermi_energies(self, snapshot: str) -> dict[str, float]:
        """Fermi energy in eV by source; NaN where it is not known."""
        return {
            row["source"]: float(row["fermi_energy_ev"] or "nan")
            for row in self.rows
            if row["snapshot"] == snapshot
        }


def read_energies(path: Path) -> EnergyTable:
    """Read the table of the evaluate stage.

    Parameters
    ----------
    path
        CSV.

    Returns
    -------
    EnergyTable
        The table.

    Raises
    ------
    DataError
        If it is missing, lacks a column, or holds no prediction.
    """
    table = EnergyTable(
        read_table(path, columns=("snapshot", "source", "atoms", "temperature_kelvin"))
    )
    if not table.seeds:
        raise DataError("the table of energies holds no prediction", where=str(path))
    return table
