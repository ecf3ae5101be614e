"""The numbers that a finished DFT calculation leaves behind."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

FloatArray = NDArray[np.float64]


def known(value: float | None) -> float:
    """The number, or NaN for one that is not known: no sum or mean of it is a number either."""
    return math.nan if value is None else value


@dataclass(frozen=True)
class DftResult:
    """A finished self-consistent calculation without spin polarisation.

    The energies obey A = E_band - T S - E_H + E_xc - ∫v_xc n + E_Ewald (double counting form),
    with A the total *free* energy, Quantum ESPRESSO's `etot`. Data of other origin may not tell
    all of this: what is not known is None, a table of bands is empty, and neither is ever zero.

    Attributes
    ----------
    total_free_energy
        A in eV per cell, as all energies here.
    band_energy
        E_band, the sum of occupied eigenvalues.
    entropy_contribution
        -T S of the smeared occupations.
    hartree_energy
        E_H.
    xc_energy
        E_xc, core density included.
    xc_potential_energy
        ∫v_xc n, valence density only.
    ewald_energy
        Ion-ion energy.
    fermi_energy
        E_F in eV.
    electrons
        Number of electrons per cell.
    eigenvalues
        eps_kb in eV, shape (k, bands); (0, 0) if not known.
    occupations
        f_kb between 0 and 1, shape (k, bands); (0, 0) if not known.
    k_weights
        Weights with the spin factor: they sum to 2; shape (k,); (0,) if not known.
    k_points
        Cartesian, in 1/Å, 2 pi included, shape (k, 3); (0, 3) if not known.
    fft_grid
        Points of the dense real-space grid along the three cell vectors.
    wavefunction_cutoff
        ecutwfc in eV.
    density_cutoff
        ecutrho in eV.
    density_cutoff_rydberg
        ecutrho in Ry, numerically |G|² in 1/bohr².
    cell
        Cell vectors as rows, Å, shape (3, 3).
    positions
        Cartesian positions, Å, shape (atoms, 3).
    species
        Chemical symbol of each atom.
    functional
        `lda_pz`, `lda_pw92`, `pbe` or `pbesol`.
    pseudopotentials
        File name for each species.
    norm_conserving
        Whether all pseudopotentials are norm-conserving.
    symmetry_operations
        Number of symmetries the k points were reduced by (1 with nosym; time reversal not counted).
    smearing
        Name as in the XML file, `fd` for Fermi-Dirac.
    smearing_width
        degauss in eV: k_B T for Fermi-Dirac.
    converged
        Whether self-consistency was reached.
    scf_steps
        Iterations.
    scf_accuracy
        Estimated error in eV.
    version
        Version of pw.x.
    forces
        -dA/dR in eV/Å, shape (atoms, 3); None if not known.
    stress
        (1/V) dA/dstrain in eV/Å³, shape (3, 3), ASE's sign: positive under tension; None if not
        known.
    """

    total_free_energy: float | None
    band_energy: float | None
    entropy_contribution: float | None
    hartree_energy: float | None
    xc_energy: float | None
    xc_potential_energy: float | None
    ewald_energy: float | None
    fermi_energy: float
    electrons: float
    eigenvalues: FloatArray
    occupations: FloatArray
    k_weights: FloatArray
    k_points: FloatArray
    fft_grid: tuple[int, int, int]
    wavefunction_cutoff: float | None
    density_cutoff: float
    density_cutoff_rydberg: float
    cell: FloatArray
    positions: FloatArray
    species: tuple[str, ...]
    functional: str
    pseudopotentials: dict[str, str]
    norm_conserving: bool | None
    symmetry_operations: int | None
    smearing: str
    smearing_width: float
    converged: bool | None
    scf_steps: int | None
    scf_accuracy: float | None
    version: str | None
    forces: FloatArray | None = None
    stress: FloatArray | None = None

    @property
    def energy_sum_error(self) -> float:
        """Sum of the terms minus the total free energy, in eV per cell; NaN if one is unknown."""
        terms = {
            "band_energy": 1.0,
            "entropy_contribution": 1.0,
            "hartree_energy": -1.0,
            "xc_energy": 1.0,
            "xc_potential_energy": -1.0,
            "ewald_energy": 1.0,
            "total_free_energy": -1.0,
        }
        return sum(sign * known(getattr(self, name)) for name, sign in terms.items())

    @property
    def knows_bands(self) -> bool:
        """Whether eigenvalues, occupations and k points are known."""
        return self.eigenvalues.size > 0

    @property
    def gap(self) -> float:
        """From the highest state below the Fermi energy to the lowest above it, eV; NaN if unknown.

        Where it is many k_B T wide, the Fermi energy may lie anywhere in it.
        """
        below = self.eigenvalues[self.eigenvalues <= self.fermi_energy]
        above = self.eigenvalues[self.eigenvalues > self.fermi_energy]
        return float(above.min() - below.max()) if below.size and above.size else math.nan

    @property
    def electronic_temperature(self) -> float:
        """Temperature of the Fermi-Dirac occupations in K."""
        return self.smearing_width / BOLTZMANN_EV_PER_KELVIN

    @property
    def volume(self) -> float:
        """Volume of the cell in Å³."""
        return float(abs(np.linalg.det(self.cell)))
