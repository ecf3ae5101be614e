"""What the run's own surrogate says, with and without the density of states by atom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from surrogate_hpo.files.documents import read_document
from surrogate_hpo.files.tables import Cell, read_table
from surrogate_hpo.predict.energies import DFT, TOTAL, SnapshotEnergies
from surrogate_hpo.stages.ados.judged import LINEAR, TERMS

SEED = "seed-"
SURROGATE = "surrogate"
_FILLED = ("band_energy", "entropy_term")


@dataclass(frozen=True)
class OwnSurrogate:
    """Energies and errors of the run's surrogate, as the evaluate stage wrote them.

    Attributes
    ----------
    rows
        Of the table of energies, by snapshot and source.
    errors
        Its summary.
    """

    rows: Mapping[str, Mapping[str, Mapping[str, str]]]
    errors: Mapping[str, Any]

    @classmethod
    def read(cls, energies: Path, summary: Path) -> "OwnSurrogate":
        """Read the table and the summary of the evaluate stage."""
        columns = ("snapshot", "source", "atoms", *(f"{n}_ev" for n in (TOTAL, *TERMS)))
        found: dict[str, dict[str, Mapping[str, str]]] = {}
        for row in read_table(energies, columns=columns):
            found.setdefault(row["snapshot"], {})[row["source"]] = row
        return cls(found, read_document(summary, keys=TERMS))

    def mean(self, snapshot: str, quantity: str) -> float:
        """Mean over its networks, eV; NaN for a snapshot that it has not judged."""
        own = self.rows.get(snapshot, {})
        values = [
            float(row[f"{quantity}_ev"] or "nan")
            for source, row in own.items()
            if source.startswith(SEED)
        ]
        return float(np.mean(values)) if values else float("nan")

    def total_of_dft(self, snapshot: str) -> float:
        """Total free energy of DFT, eV; NaN if it is not known."""
        own = self.rows.get(snapshot, {}).get(DFT)
        return float("nan") if own is None else float(own[f"{TOTAL}_ev"] or "nan")

    def terms(self) -> dict[str, Any]:
        """Its errors of what a density of states gives."""
        return {name: self.errors[name] for name in TERMS}


def exchanged(
    own: OwnSurrogate, rows: Sequence[SnapshotEnergies], networks: Sequence[str]
) -> list[dict[str, Cell]]:
    """Total free energies with the band energy and entropy term of other densities of states.

    The density, and all that follows from it, stays that of the surrogate's LDOS at its own Fermi
    energy, at which it holds the electrons; each density of states is filled at its own.

    Parameters
    ----------
    own
        The surrogate.
    rows
        Energies of all structures from the densities of states by atom.
    networks
        What their networks are called; the mean counts.

    Returns
    -------
    list of dict
        Per snapshot whose total free energy is known: errors in meV/atom of the surrogate, and
        with the terms of the networks and of the linear map.
    """
    found: list[dict[str, Cell]] = []
    for name in dict.fromkeys(row.snapshot for row in rows):
        mine = {row.source: row for row in rows if row.snapshot == name}
        truth, total = own.total_of_dft(name), own.mean(name, TOTAL)
        if not np.isfinite([truth, total]).all():
            continue
        atoms = mine[LINEAR].atoms
        without = total - sum(own.mean(name, term) for term in _FILLED)
        by_networks = float(np.mean([_filled(mine[source]) for source in networks]))
        found.append(
            {
                "snapshot": name,
                "atoms": atoms,
                "temperature_kelvin": mine[LINEAR].temperature,
                "surrogate_error_mev_per_atom": 1000 * (total - truth) / atoms,
                "with_networks_error_mev_per_atom": 1000 * (without + by_networks - truth) / atoms,
                "with_linear_error_mev_per_atom": 1000
                * (without + _filled(mine[LINEAR]) - truth)
                / atoms,
            }
        )
    return found


def _filled(row: SnapshotEnergies) -> float:
    return float(sum(row.energies[term] for term in _FILLED))


def exchange_errors(rows: Sequence[Mapping[str, Cell]]) -> list[dict[str, Cell]]:
    """Mean absolute errors of `exchanged` per number of atoms and temperature, meV/atom."""
    kinds = dict.fromkeys((row["atoms"], row["temperature_kelvin"]) for row in rows)
    found: list[dict[str, Cell]] = []
    for kind in kinds:
        members = [row for row in rows if (row["atoms"], row["temperature_kelvin"]) == kind]
        errors: dict[str, Cell] = {
            f"{name}_mae_mev_per_atom": float(
                np.mean([abs(float(row[f"{name}_error_mev_per_atom"] or 0)) for row in members])
            )
            for name in ("surrogate", "with_networks", "with_linear")
        }
        atoms, temperature = kind
        found.append(
            {"atoms": atoms, "temperature_kelvin": temperature, "snapshots": len(members)} | errors
        )
    return found
