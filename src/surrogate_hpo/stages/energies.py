"""Energies of one snapshot from one source, in a form to tabulate and compare."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.dft.result import DftResult, known

DFT = "dft"
REFERENCE_LDOS = "reference_ldos"
REFERENCES = (DFT, REFERENCE_LDOS)
FERMI_ENERGY = "fermi_energy"
# Name of a quantity -> the field of a DFT result that it is compared with.
QUANTITIES = {
    "total_free_energy": "total_free_energy",
    "band_energy": "band_energy",
    "entropy_term": "entropy_contribution",
    "hartree_energy": "hartree_energy",
    "exchange_correlation_energy": "xc_energy",
    "exchange_correlation_potential_energy": "xc_potential_energy",
    "ewald_energy": "ewald_energy",
    FERMI_ENERGY: "fermi_energy",
}


@dataclass(frozen=True)
class SnapshotEnergies:
    """Energies of one snapshot from one source.

    Attributes
    ----------
    snapshot
        Name of the snapshot.
    source
        `dft`, `reference_ldos`, `seed-N` or `training_mean`.
    atoms
        Number of atoms.
    energies
        eV per cell, a value for each of `QUANTITIES`; NaN if not known.
    energy_axis
        eV; empty without an LDOS.
    dos
        1/eV at these energies.
    """

    snapshot: str
    source: str
    atoms: int
    energies: Mapping[str, float]
    energy_axis: NDArray[np.float64]
    dos: NDArray[np.float64]

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


def reference_energies(snapshot: str, result: DftResult) -> SnapshotEnergies:
    """The energies of the DFT run itself; NaN where it does not tell."""
    return SnapshotEnergies(
        snapshot=snapshot,
        source=DFT,
        atoms=len(result.species),
        energies={name: known(getattr(result, key)) for name, key in QUANTITIES.items()},
        energy_axis=np.empty(0),
        dos=np.empty(0),
    )


def mean_energies(training: Sequence[SnapshotEnergies]) -> SnapshotEnergies:
    """The training mean per atom, as a snapshot of one atom: the baseline's prediction."""
    return SnapshotEnergies(
        snapshot="all training snapshots",
        source="training_mean",
        atoms=1,
        energies={n: float(np.mean([r.comparable(n) for r in training])) for n in QUANTITIES},
        energy_axis=np.empty(0),
        dos=np.empty(0),
    )
