"""Energies of one snapshot from one source, in a form to tabulate and compare."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.dft.result import DftResult, known
from surrogate_hpo.physics.accuracy import Baseline, BaselineKind, class_baseline

DFT = "dft"
REFERENCE_LDOS = "reference_ldos"
BASELINE = "baseline"
REFERENCES = (DFT, REFERENCE_LDOS)
TOTAL = "total_free_energy"
FERMI_ENERGY = "fermi_energy"
# Name of a quantity -> the field of a DFT result that it is compared with.
QUANTITIES = {
    TOTAL: "total_free_energy",
    "band_energy": "band_energy",
    "entropy_term": "entropy_contribution",
    "hartree_energy": "hartree_energy",
    "exchange_correlation_energy": "xc_energy",
    "exchange_correlation_potential_energy": "xc_potential_energy",
    "ewald_energy": "ewald_energy",
    FERMI_ENERGY: "fermi_energy",
}


class SnapshotClass(NamedTuple):
    """Snapshots whose energies can be compared with each other.

    Attributes
    ----------
    atoms
        Number of atoms per cell.
    temperature
        Of the ions, K; None if it is not known.
    """

    atoms: int
    temperature: float | None


@dataclass(frozen=True)
class SnapshotEnergies:
    """Energies of one snapshot from one source.

    Attributes
    ----------
    snapshot
        Name of the snapshot.
    source
        `dft`, `reference_ldos`, `seed-N` or `baseline`.
    atoms
        Number of atoms.
    energies
        eV per cell, a value for each of `QUANTITIES`; NaN if not known.
    energy_axis
        eV; empty without an LDOS.
    dos
        1/eV at these energies.
    temperature
        Of the ions, K; None if it is not known.
    """

    snapshot: str
    source: str
    atoms: int
    energies: Mapping[str, float]
    energy_axis: NDArray[np.float64]
    dos: NDArray[np.float64]
    temperature: float | None = None

    @property
    def kind(self) -> SnapshotClass:
        """The class that the snapshot belongs to."""
        return SnapshotClass(self.atoms, self.temperature)

    def comparable(self, quantity: str) -> float:
        """The quantity in eV per atom; the Fermi energy in eV."""
        value = self.energies[quantity]
        return value if quantity == FERMI_ENERGY else value / self.atoms

    def as_row(self) -> dict[str, str | int | float | bool | None]:
        """A row of the table of energies."""
        energies = {f"{name}_ev": value for name, value in self.energies.items()}
        return {
            "snapshot": self.snapshot,
            "source": self.source,
            "atoms": self.atoms,
            "temperature_kelvin": self.temperature,
            **energies,
        }

    def dos_rows(self) -> Iterator[dict[str, str | int | float | bool | None]]:
        """Rows of the table of densities of states."""
        for energy, value in zip(self.energy_axis, self.dos, strict=True):
            yield {
                "snapshot": self.snapshot,
                "source": self.source,
                "energy_ev": float(energy),
                "dos_per_ev": float(value),
            }


def reference_energies(
    snapshot: str, result: DftResult, temperature: float | None = None
) -> SnapshotEnergies:
    """The energies of the DFT run itself; NaN where it does not tell."""
    return SnapshotEnergies(
        snapshot=snapshot,
        source=DFT,
        atoms=len(result.species),
        energies={name: known(getattr(result, key)) for name, key in QUANTITIES.items()},
        energy_axis=np.empty(0),
        dos=np.empty(0),
        temperature=temperature,
    )


def baseline_energies(
    reference: Sequence[SnapshotEnergies], training: Sequence[SnapshotEnergies]
) -> tuple[list[SnapshotEnergies], BaselineKind]:
    """What a constant per class predicts for held-out snapshots, and what the constants are.

    Parameters
    ----------
    reference
        Energies of the held-out snapshots from DFT.
    training
        Those of the training snapshots.

    Returns
    -------
    list of SnapshotEnergies, str
        One per held-out snapshot, and the kind of `Baseline` of the total free energy.
    """
    found = {quantity: baseline_of(reference, training, quantity) for quantity in QUANTITIES}
    rows = [
        replace(
            row,
            source=BASELINE,
            energies={
                quantity: value if quantity == FERMI_ENERGY else value * row.atoms
                for quantity, value in values.items()
            },
        )
        for index, row in enumerate(reference)
        for values in [{name: float(one.values[index]) for name, one in found.items()}]
    ]
    return rows, found["total_free_energy"].kind


def baseline_of(
    reference: Sequence[SnapshotEnergies], training: Sequence[SnapshotEnergies], quantity: str
) -> Baseline:
    """The baseline of one quantity, in eV per atom, of the Fermi energy in eV.

    Parameters
    ----------
    reference
        Energies of the held-out snapshots from DFT; NaN where they are not known.
    training
        Those of the training snapshots.
    quantity
        One of `QUANTITIES`.

    Returns
    -------
    Baseline
        Of a kind that may differ between quantities: not all are known of all snapshots.
    """
    by_class: dict[Hashable, list[float]] = {}
    for row in training:
        by_class.setdefault(row.kind, []).append(row.comparable(quantity))
    return class_baseline(
        [row.comparable(quantity) for row in reference],
        [row.kind for row in reference],
        by_class,
    )
