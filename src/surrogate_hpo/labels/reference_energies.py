"""Energies of a reference LDOS beside those of its calculation, without potentials."""

import math
from dataclasses import dataclass

import torch

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.result import DftResult, known
from surrogate_hpo.labels.ldos_guards import electron_weights
from surrogate_hpo.physics.ldos_integrals import density_from_ldos, dos_from_ldos
from surrogate_hpo.physics.reciprocal import hartree_energy
from surrogate_hpo.physics.total_energy import band_terms

# meV/atom, and meV of the Fermi energy: what a good LDOS has of k points, kernel and spacing.
SUSPICIOUS_ENERGY, SUSPICIOUS_FERMI = 5.0, 10.0
# Of the largest density of states below: less is a gap, in which no Fermi energy is the right one.
_GAP = 0.1
# Shifts seen in band and Fermi energy that agree to this are one of the axis.
_SAME_SHIFT = 0.25
_SHIFT_EV = 0.002
USUAL_CAUSES = (
    "the usual causes: an energy axis that is shifted or has another spacing (ldos.minimum_ev, "
    "spacing_ev), another kernel or width (ldos.kernel, width_ev) than the LDOS was made with, "
    "a cell of another volume, a sidecar of another calculation"
)


@dataclass(frozen=True)
class Differences:
    """LDOS minus calculation; NaN where the calculation does not tell, or has a gap.

    Attributes
    ----------
    band
        Of the band energy, meV/atom.
    hartree
        Of the Hartree energy, meV/atom.
    fermi
        Of the Fermi energy, meV.
    electrons_per_atom
        Valence electrons.
    """

    band: float
    hartree: float
    fermi: float
    electrons_per_atom: float

    @property
    def largest(self) -> float:
        """The largest one; 0 if nothing is known."""
        values = (self.band, self.hartree, self.fermi)
        return max((abs(value) for value in values if not math.isnan(value)), default=0.0)

    @property
    def suspicious(self) -> bool:
        """Whether one is larger than a good LDOS has it."""
        energies = (abs(self.band), abs(self.hartree))
        return any(e > SUSPICIOUS_ENERGY for e in energies) or abs(self.fermi) > SUSPICIOUS_FERMI

    @property
    def words(self) -> str:
        """The differences that are known."""
        told = {
            f"band energy {self.band:+.1f} meV/atom": self.band,
            f"Hartree energy {self.hartree:+.1f} meV/atom": self.hartree,
            f"Fermi energy {self.fermi:+.1f} meV": self.fermi,
        }
        known = [words for words, value in told.items() if not math.isnan(value)]
        return ", ".join(known) + " from the calculation's"

    @property
    def likely_cause(self) -> str:
        """A shift of the axis, which moves all levels alike, or the usual causes."""
        shift = self.fermi / 1000
        same = abs(self.band / self.electrons_per_atom - self.fermi) < _SAME_SHIFT * abs(self.fermi)
        if same and abs(shift) > _SHIFT_EV:
            return (
                f"all levels lie {shift:+.3f} eV off, as with an energy axis that is shifted: "
                f"see to ldos.minimum_ev and maximum_ev, which would be {-shift:+.3f} eV "
                "different, and to the zero of energy of the calculation"
            )
        if abs(self.hartree) > max(SUSPICIOUS_ENERGY, abs(self.band)):
            return (
                "the density is another one's: LDOS and sidecar are of different snapshots, "
                "the grid is another, or the LDOS lacks a part of the density"
            )
        return USUAL_CAUSES


def differences_from_dft(ldos: LdosData, result: DftResult) -> Differences:
    """Integrate a reference LDOS to its Fermi and band energy, and compare with the calculation.

    Parameters
    ----------
    ldos
        The LDOS, 1/(eV Å³).
    result
        The calculation.

    Returns
    -------
    Differences
        Band and Hartree energy in meV/atom; Fermi energy in meV, where the density of states has
        no gap there.
    """
    dos = dos_from_ldos(torch.from_numpy(ldos.values), ldos.volume_element)
    energy = torch.from_numpy(ldos.energy)
    terms = band_terms(
        dos,
        energy,
        result.electrons,
        result.electronic_temperature,
        broadening_variance=ldos.axis.broadening_variance,
    )
    atoms, fermi, hartree = len(result.species), math.nan, math.nan
    band = 1000 * (float(terms.band_energy) - known(result.band_energy)) / atoms
    if result.hartree_energy is not None:
        hartree = 1000 * (_hartree(ldos, result) - result.hartree_energy) / atoms
    there = float(dos[(energy - result.fermi_energy).abs().argmin()])
    if there > _GAP * float(dos[energy <= result.fermi_energy].max()):
        fermi = 1000 * (float(terms.fermi_energy) - result.fermi_energy)
    return Differences(band, hartree, fermi, result.electrons / atoms)


def _hartree(ldos: LdosData, result: DftResult) -> float:
    weights = electron_weights(torch.from_numpy(ldos.energy), ldos, result)
    density = density_from_ldos(torch.from_numpy(ldos.values), weights)
    cell = torch.from_numpy(ldos.cell)
    return float(hartree_energy(density, cell, density_cutoff=result.density_cutoff))
