"""What the transfer stage finds of structures beyond the run, as a document."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from ase import Atoms

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.files.tables import Cell
from surrogate_hpo.formats.structures.labelled import LabelledFrame
from surrogate_hpo.predict.energies import (
    DFT,
    QUANTITIES,
    REFERENCE_LDOS,
    TOTAL,
    SnapshotEnergies,
)
from surrogate_hpo.predict.force_accuracies import force_accuracy
from surrogate_hpo.predict.snapshot_forces import SnapshotForces

FORCE_COLUMNS = {
    "rms_force_mev_per_angstrom": "rms_force_mev_per_angstrom",
    "force_rmse_mev_per_angstrom": "rmse_mev_per_angstrom",
    "force_mae_mev_per_angstrom": "mae_mev_per_angstrom",
    "force_correlation": "correlation",
    "force_spread_mev_per_angstrom": "spread_mev_per_angstrom",
}
"""Columns of the table, empty where forces are not known, with their names in `force_accuracy`."""


@dataclass(frozen=True)
class Transferred:
    """One structure: what is known of it, and what the networks say.

    Attributes
    ----------
    snapshot
        Its name in tables.
    source
        File and number of the frame.
    species
        Element of each atom.
    cell_angstrom
        Lattice vectors as rows.
    positions_angstrom
        Of each atom.
    temperature_kelvin
        Of the ions, K; None if it is not known.
    total_free_energy_ev
        A of DFT, eV per cell.
    energies_ev
        Of each network, eV per cell, by quantity.
    prediction_cpu_seconds
        CPU time of all networks together, descriptors and integrals included.
    dft_cpu_seconds
        That of DFT; None if the file does not tell.
    fraction_of_points_outside_of_training_range
        Grid points whose descriptors no training point resembles.
    warnings
        What speaks against trusting the prediction.
    total_free_energy_error_bar_ev
        Expected error of the mean of the networks, eV per cell; None if it is not known.
    forces
        Forces of DFT and of each network; None if they are not known.
    """

    snapshot: str
    source: str
    species: list[str]
    cell_angstrom: list[list[float]]
    positions_angstrom: list[list[float]]
    temperature_kelvin: float | None
    total_free_energy_ev: float
    energies_ev: Mapping[str, list[float]]
    prediction_cpu_seconds: float
    dft_cpu_seconds: float | None
    fraction_of_points_outside_of_training_range: float
    warnings: list[str]
    total_free_energy_error_bar_ev: float | None
    forces: SnapshotForces | None = None

    @classmethod
    def of(cls, snapshot: str, frame: LabelledFrame, predicted: Mapping[str, Any]) -> "Transferred":
        """Put together what the file says and what was predicted."""
        outside = "fraction_of_points_outside_of_training_range"
        return cls(
            snapshot=snapshot,
            source=frame.where,
            species=frame.atoms.get_chemical_symbols(),
            cell_angstrom=frame.atoms.cell.tolist(),
            positions_angstrom=frame.atoms.positions.tolist(),
            temperature_kelvin=frame.temperature,
            total_free_energy_ev=frame.total_free_energy,
            energies_ev=predicted["energies"],
            prediction_cpu_seconds=predicted["prediction_cpu_seconds"],
            dft_cpu_seconds=frame.dft_cpu_seconds,
            fraction_of_points_outside_of_training_range=predicted[outside],
            warnings=predicted["warnings"],
            total_free_energy_error_bar_ev=predicted["error_bar"],
            forces=_forces(predicted["forces"]),
        )

    @property
    def atoms(self) -> Atoms:
        """The structure, Å."""
        return Atoms(
            self.species, positions=self.positions_angstrom, cell=self.cell_angstrom, pbc=True
        )

    @property
    def error(self) -> float:
        """Of the mean of the networks' total free energies, meV/atom."""
        difference = fmean(self.energies_ev[TOTAL]) - self.total_free_energy_ev
        return 1000 * difference / len(self.species)

    @property
    def error_bar(self) -> float | None:
        """Expected size of the error, meV/atom."""
        bar = self.total_free_energy_error_bar_ev
        return None if bar is None else 1000 * bar / len(self.species)

    @property
    def in_words(self) -> str:
        """A line for the log."""
        bar = self.error_bar
        return (
            f"{self.snapshot} ({self.source}), {len(self.species)} atoms: {self.error:+.2f} "
            f"meV/atom ({'' if bar is None else f'{bar:.2f} expected, '}"
            f"{self._forces_in_words}"
            f"{self.prediction_cpu_seconds:.1f} CPU seconds)"
        )

    @property
    def _forces_in_words(self) -> str:
        found = self._force_errors()
        rmse = found.get("force_rmse_mev_per_angstrom")
        return "" if rmse is None else f"forces off by {rmse:.0f} meV/Å, "

    def as_row(self) -> dict[str, Cell]:
        """A row of the table: means over the networks."""
        return {
            "snapshot": self.snapshot,
            "source": self.source,
            "atoms": len(self.species),
            "temperature_kelvin": self.temperature_kelvin,
            f"{TOTAL}_dft_ev": self.total_free_energy_ev,
            **{f"{name}_ev": fmean(values) for name, values in self.energies_ev.items()},
            "error_mev_per_atom": self.error,
            "error_bar_mev_per_atom": self.error_bar,
            **dict.fromkeys(FORCE_COLUMNS),
            **self._force_errors(),
            "prediction_cpu_seconds": self.prediction_cpu_seconds,
            "dft_cpu_seconds": self.dft_cpu_seconds,
            "fraction_of_points_outside_of_training_range": (
                self.fraction_of_points_outside_of_training_range
            ),
        }

    def _force_errors(self) -> dict[str, Cell]:
        """Cells of the table that forces fill."""
        found = None if self.forces is None else force_accuracy([self.forces])
        return {} if found is None else {name: found[key] for name, key in FORCE_COLUMNS.items()}

    def rows(self) -> list[SnapshotEnergies]:
        """Energies by source, as of a held-out snapshot: of DFT only A is known, and no floor."""
        unknown = dict.fromkeys(QUANTITIES, float("nan"))
        networks = len(self.energies_ev[TOTAL])
        found = {
            DFT: unknown | {TOTAL: self.total_free_energy_ev},
            REFERENCE_LDOS: unknown,
            **{
                f"seed-{number}": {name: self.energies_ev[name][number] for name in QUANTITIES}
                for number in range(networks)
            },
        }
        nothing = np.empty(0)
        kelvin, atoms = self.temperature_kelvin, len(self.species)
        return [
            SnapshotEnergies(self.snapshot, source, atoms, energies, nothing, nothing, kelvin)
            for source, energies in found.items()
        ]


_KEYS = tuple(field.name for field in fields(Transferred) if field.name != "forces")


def _forces(document: Mapping[str, Any] | None) -> SnapshotForces | None:
    return None if document is None else SnapshotForces.from_document(document)


def _entry(one: Transferred) -> dict[str, Any]:
    forces = None if one.forces is None else one.forces.as_document()
    return asdict(one) | {"atoms": len(one.species), "forces": forces}


def write_transferred(
    path: Path, structures: Sequence[Transferred], provenance: Mapping[str, Any]
) -> None:
    """Write what was found as JSON, atomically, with what made it."""
    write_document(
        path, {"structures": [_entry(one) for one in structures], "provenance": provenance}
    )


def read_transferred(path: Path) -> list[Transferred]:
    """Read `results/transfer/energies.json`.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    list of Transferred
        All digits as they were written.

    Raises
    ------
    DataError
        If the file is missing, damaged, or another document.
    """
    content = read_document(path, keys=("structures", "provenance"))
    try:
        return [
            # Documents of older versions have no forces.
            Transferred(**{key: one[key] for key in _KEYS}, forces=_forces(one.get("forces")))
            for one in content["structures"]
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            "the file is not what `transfer` writes",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            remedy="delete it and run the workflow again; it is remade",
        ) from error
