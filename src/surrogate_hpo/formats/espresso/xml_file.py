"""Quantum ESPRESSO's data-file-schema.xml: every number a calculation leaves behind."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.bounded_xml import read_xml
from surrogate_hpo.formats.espresso.checks import check_sense
from surrogate_hpo.formats.upf.reader import functional_name
from surrogate_hpo.limits import NUMBER_CHARACTERS
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV, RYDBERG_EV

FloatArray = NDArray[np.float64]

# Largest |sum of the terms - total energy| of a converged run, in eV per atom.
_ENERGY_SUM_TOLERANCE = 1e-3


def read_espresso_xml(path: Path) -> DftResult:
    """Read `<prefix>.save/data-file-schema.xml` of a self-consistent calculation.

    Parameters
    ----------
    path
        The XML file (pw.x 6.4 or later).

    Returns
    -------
    DftResult
        All numbers in eV, Å; `converged` may be false.

    Raises
    ------
    DataError
        The file is missing, damaged or incomplete, the calculation is spin-polarised or without
        smearing, the functional is not supported, or the energy terms do not add up to the total.
    """
    reader = _Reader(path)
    _refuse_spin(reader)
    _refuse_fixed_occupations(reader)
    result = DftResult(
        **_energies(reader),
        **_bands(reader),
        **_basis(reader),
        **_structure(reader),
        **_settings(reader),
        **_derivatives(reader),
    )
    check_sense(result, where=str(path))
    error = abs(result.energy_sum_error) / len(result.species)
    if result.converged and error > _ENERGY_SUM_TOLERANCE:
        raise DataError(
            "the energy terms do not add up to the total energy",
            where=str(path),
            expected=f"a difference below {_ENERGY_SUM_TOLERANCE} eV/atom",
            got=f"{error:.2e} eV/atom",
            remedy="lower dft.convergence_rydberg (pw.x's conv_thr) by a factor of 100, or leave "
            "it out; in runs of your own leave out fields, dispersion and +U terms, too",
        )
    return result


def _refuse_spin(reader: "_Reader") -> None:
    for flag in ("lsda", "noncolin", "spinorbit"):
        if reader.flag(f"output/band_structure/{flag}"):
            raise DataError(
                "the calculation is spin-polarised",
                where=f"{reader.path}, {flag}",
                expected="nspin = 1",
                remedy="run pw.x without spin polarisation",
            )


def _refuse_fixed_occupations(reader: "_Reader") -> None:
    """Such runs are finished and whole, but lack Fermi energy, entropy and smearing."""
    kind = (reader.root.findtext("output/band_structure/occupations_kind") or "").strip()
    if kind.startswith(("fixed", "tetrahedra", "from_input")):
        raise DataError(
            "the occupations are not of Fermi-Dirac statistics, so they have no temperature",
            where=str(reader.path),
            expected="occupations = 'smearing', smearing = 'fermi-dirac'",
            got=f"{kind} occupations",
            remedy="run pw.x again with Fermi-Dirac smearing",
        )


def _energies(reader: "_Reader") -> dict[str, Any]:
    names = {
        "total_free_energy": "total_energy/etot",
        "band_energy": "total_energy/eband",
        "entropy_contribution": "total_energy/demet",
        "hartree_energy": "total_energy/ehart",
        "xc_energy": "total_energy/etxc",
        "xc_potential_energy": "total_energy/vtxc",
        "ewald_energy": "total_energy/ewald",
        "fermi_energy": "band_structure/fermi_energy",
        "scf_accuracy": "convergence_info/scf_conv/scf_error",
    }
    return {name: reader.number(f"output/{tag}") * HARTREE_EV for name, tag in names.items()}


def _derivatives(reader: "_Reader") -> dict[str, Any]:
    """Forces and stress, where the run was asked for them."""
    forces, stress = (reader.root.find(f"output/{name}") for name in ("forces", "stress"))
    atoms = int(reader.measure(reader.element("output/atomic_structure"), "nat"))
    return {
        "forces": None
        if forces is None
        else reader.numbers(forces, 3 * atoms).reshape(-1, 3) * (HARTREE_EV / BOHR_ANGSTROM),
        # The file holds -(1/V) dA/dstrain: under tension QE's stress is negative.
        "stress": None
        if stress is None
        else -reader.numbers(stress, 9).reshape(3, 3) * (HARTREE_EV / BOHR_ANGSTROM**3),
    }


def _bands(reader: "_Reader") -> dict[str, Any]:
    bands = int(reader.number("output/band_structure/nbnd"))
    points = reader.root.findall("output/band_structure/ks_energies")
    if len(points) != int(reader.number("output/band_structure/nks")):
        raise DataError(
            "k points are missing in Quantum ESPRESSO's XML file",
            where=str(reader.path),
            expected=f"{reader.text('output/band_structure/nks')} elements ks_energies",
            got=str(len(points)),
        )
    structure = reader.element("output/atomic_structure")
    lattice = reader.measure(structure, "alat") * BOHR_ANGSTROM
    if not 0 < lattice < np.inf:
        raise DataError("the lattice constant makes no sense", where=f"{reader.path}, alat")

    def table(name: str, size: int) -> FloatArray:
        return np.array([reader.numbers(reader.child(k, name), size) for k in points])

    return {
        "electrons": reader.number("output/band_structure/nelec"),
        "eigenvalues": table("eigenvalues", bands) * HARTREE_EV,
        "occupations": table("occupations", bands),
        "k_points": table("k_point", 3) * 2 * np.pi / lattice,
        "k_weights": np.array(
            [reader.measure(reader.child(k, "k_point"), "weight") for k in points]
        ),
    }


def _basis(reader: "_Reader") -> dict[str, Any]:
    fft_grid = reader.element("output/basis_set/fft_grid")
    density_cutoff = reader.number("output/basis_set/ecutrho") * HARTREE_EV
    return {
        "fft_grid": tuple(int(reader.measure(fft_grid, f"nr{axis}")) for axis in (1, 2, 3)),
        "wavefunction_cutoff": reader.number("output/basis_set/ecutwfc") * HARTREE_EV,
        "density_cutoff": density_cutoff,
        "density_cutoff_rydberg": density_cutoff / RYDBERG_EV,
    }


def _structure(reader: "_Reader") -> dict[str, Any]:
    cell = [reader.element(f"output/atomic_structure/cell/a{axis}") for axis in (1, 2, 3)]
    atoms = reader.root.findall("output/atomic_structure/atomic_positions/atom")
    count = int(reader.measure(reader.element("output/atomic_structure"), "nat"))
    if len(atoms) != count:
        raise DataError(
            "atoms are missing in Quantum ESPRESSO's XML file",
            where=str(reader.path),
            expected=str(count),
            got=str(len(atoms)),
        )
    files = {
        reader.symbol(species.get("name", "")): (species.findtext("pseudo_file") or "").strip()
        for species in reader.root.findall("output/atomic_species/species")
    }
    return {
        "cell": np.array([reader.numbers(a, 3) for a in cell]) * BOHR_ANGSTROM,
        "positions": np.array([reader.numbers(a, 3) for a in atoms]) * BOHR_ANGSTROM,
        "species": tuple(reader.symbol(atom.get("name", "")) for atom in atoms),
        "pseudopotentials": files,
    }


def _settings(reader: "_Reader") -> dict[str, Any]:
    info = "output/convergence_info/scf_conv"
    flags = [reader.flag(f"output/algorithmic_info/{name}") for name in ("uspp", "paw")]
    smearing = reader.element("output/band_structure/smearing")
    return {
        "functional": functional_name(reader.text("output/dft/functional"), where=str(reader.path)),
        "norm_conserving": not any(flags),
        "symmetry_operations": int(reader.number("output/symmetries/nsym")),
        "smearing": (smearing.text or "").strip().lower(),
        "smearing_width": reader.measure(smearing, "degauss") * HARTREE_EV,
        "converged": reader.flag(f"{info}/convergence_achieved"),
        "scf_steps": int(reader.number(f"{info}/n_scf_steps")),
        "version": reader.attribute(reader.element("general_info/creator"), "VERSION"),
    }


class _Reader:
    """Looks up elements below <output>, and names the file and the element when one is amiss."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.root = read_xml(path)
        except OSError as error:
            raise DataError(
                "Quantum ESPRESSO's XML file cannot be read",
                where=str(path),
                got=error.strerror,
                remedy="give the data-file-schema.xml inside <prefix>.save",
            ) from error
        except (ET.ParseError, ValueError) as error:
            raise DataError(
                "Quantum ESPRESSO's XML file is damaged or cut off",
                where=str(path),
                got=str(error),
                remedy="run pw.x again",
            ) from error

    def element(self, name: str) -> ET.Element:
        found = self.root.find(name)
        if found is None:
            raise DataError(
                "Quantum ESPRESSO's XML file lacks an element",
                where=str(self.path),
                expected=name,
                remedy="give the file of a finished scf calculation of pw.x 6.4 or later",
            )
        return found

    def child(self, parent: ET.Element, name: str) -> ET.Element:
        found = parent.find(name)
        if found is None:
            raise DataError(
                "Quantum ESPRESSO's XML file lacks an element",
                where=f"{self.path}, {parent.tag}",
                expected=name,
            )
        return found

    def symbol(self, label: str) -> str:
        # Species may be labelled Al1 or Fe_up.
        match = re.match(r"[A-Za-z]{1,2}", label)
        symbol = match.group(0).capitalize() if match else ""
        if symbol not in chemical_symbols:
            raise DataError("not a chemical species", where=str(self.path), got=repr(label))
        return symbol

    def attribute(self, element: ET.Element, key: str) -> str:
        value = element.get(key)
        if value is None:
            raise DataError(
                "Quantum ESPRESSO's XML file lacks an attribute",
                where=str(self.path),
                expected=f"{key} of {element.tag}",
            )
        return value

    def measure(self, element: ET.Element, key: str) -> float:
        holder = ET.Element(f"{element.tag}.{key}")
        holder.text = self.attribute(element, key)
        return float(self.numbers(holder, size=1)[0])

    def text(self, name: str) -> str:
        return (self.element(name).text or "").strip()

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def number(self, name: str) -> float:
        return float(self.numbers(self.element(name), size=1)[0])

    def numbers(self, element: ET.Element, size: int) -> FloatArray:
        text = element.text or ""
        # Before it is cut into words, which need fifty bytes each.
        text = text if len(text) <= (size + 10) * NUMBER_CHARACTERS else ""
        words = text.split()
        try:
            values = np.array(words, dtype=np.float64)
        except ValueError:
            values = np.empty(0)
        if len(values) != size or not np.isfinite(values).all():
            raise DataError(
                "damaged numbers in Quantum ESPRESSO's XML file",
                where=f"{self.path}, {element.tag}",
                expected=f"{size} finite numbers",
                got=" ".join(words)[:80],
            )
        return values
