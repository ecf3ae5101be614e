"""Finished runs of Quantum ESPRESSO: an XML file with wavefunctions, or with cubes of pp.x."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.dft.finished import DftSupplement, LdosRequest
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.cubes.ldos import is_ldos_cube, read_ldos_axis, read_ldos_cubes
from surrogate_hpo.formats.espresso.checks import check_orbitals
from surrogate_hpo.formats.espresso.xml_file import read_espresso_xml
from surrogate_hpo.formats.finished.calculation import agree_on_axis, agree_on_setting
from surrogate_hpo.formats.structures.structures import checked_structure
from surrogate_hpo.units import RYDBERG_EV

XML_NAME = "data-file-schema.xml"
# Energies and broadening are printed with four decimals.
_PRINTED = 1.1e-4


def xml_files(folder: Path) -> list[Path]:
    """XML files of the calculations in a folder: its own, or those of the `.save` folders in it."""
    own = folder / XML_NAME
    return [own] if own.is_file() else sorted(folder.glob(f"*.save/{XML_NAME}"))


@dataclass(frozen=True)
class EspressoCalculation:
    """A run of pw.x, by its XML file; see `FinishedCalculation`.

    Attributes
    ----------
    description
        `<prefix>.save/data-file-schema.xml`, or a copy of it beside the cubes.
    """

    description: Path

    @property
    def _folder(self) -> Path:
        return self.description.parent

    def _wavefunction_files(self) -> list[Path]:
        return sorted(
            (p for p in self._folder.glob("wfc*.dat") if re.fullmatch(r"wfc\d+\.dat", p.name)),
            key=lambda path: int(path.stem[3:]),
        )

    def _cubes(self) -> list[Path]:
        """Cube files beside the XML, or beside the `.save` folder that it lies in."""
        folders = [self._folder]
        if self._folder.suffix == ".save":
            folders.append(self._folder.parent)
        return next((sorted(f.glob("*.cube")) for f in folders if any(f.glob("*.cube"))), [])

    def _ldos_cubes(self) -> list[Path]:
        """Other cubes, of a density for example, may lie among those of the LDOS."""
        return [path for path in self._cubes() if is_ldos_cube(path)]

    def files(self, request: LdosRequest) -> list[Path]:
        """XML with wavefunctions or cubes; without either, only the XML."""
        wavefunctions = self._wavefunction_files()
        # Which cubes are of an LDOS is looked at only where it decides what is read.
        if wavefunctions and (request.sums_orbitals or not self._ldos_cubes()):
            return [self.description, *wavefunctions]
        return [self.description, *self._cubes()]

    def structure(self) -> Atoms:
        """Atoms of the XML file."""
        result = read_espresso_xml(self.description)
        atoms = Atoms(result.species, positions=result.positions, cell=result.cell, pbc=True)
        return checked_structure(atoms, str(self.description))

    def result(self, supplement: DftSupplement) -> DftResult:
        """All numbers of the XML file, which must not contradict the config."""
        result, where = read_espresso_xml(self.description), str(self.description)
        if not result.converged:
            raise DataError(
                "the self-consistent calculation did not converge",
                where=where,
                remedy="run pw.x again with more steps; leave this calculation out until then",
            )
        if result.smearing != "fd":
            raise DataError(
                "the occupations are not of Fermi-Dirac statistics, so they have no temperature",
                where=where,
                expected="smearing = 'fermi-dirac'",
                got=repr(result.smearing),
                remedy="run pw.x again with Fermi-Dirac smearing",
            )
        for key, found, tolerance in (
            ("density_cutoff_rydberg", result.density_cutoff / RYDBERG_EV, 1e-3),
            ("electronic_temperature_kelvin", result.electronic_temperature, 1.0),
            ("functional", result.functional, 0.0),
        ):
            agree_on_setting(f"dft.{key}", getattr(supplement, key), found, tolerance, where=where)
        return result

    def wavefunctions(self, request: LdosRequest) -> Path | None:
        """The folder of the wavefunctions, if the LDOS is to be summed from them."""
        wavefunctions, cubes = self._wavefunction_files(), self._ldos_cubes()
        if not wavefunctions and not cubes:
            hdf5 = any(self._folder.glob("wfc*.hdf5"))
            raise DataError(
                "the finished calculation has neither wavefunctions nor an LDOS",
                where=str(self._folder),
                expected="wfc1.dat, wfc2.dat, ... beside the XML file, or cubes of pp.x "
                "(plot_num = 3) there or beside the .save folder",
                got="wavefunctions in HDF5, which are not read" if hdf5 else "only the XML file",
                remedy="let pp.x write the LDOS as cubes (plot_num = 3, iflag = 3, "
                "output_format = 6), or run pw.x again with wavefunctions kept",
            )
        return self._folder if wavefunctions and (request.sums_orbitals or not cubes) else None

    def check(self, request: LdosRequest, result: DftResult) -> None:
        """Count the wavefunction files, or read the first lines of the cubes."""
        if self.wavefunctions(request) is None:
            self._check_axis(request, result)
            return
        check_orbitals(result, where=str(self._folder))
        found = [path.name for path in self._wavefunction_files()]
        expected = [f"wfc{number + 1}.dat" for number in range(len(result.k_points))]
        if found != expected:
            raise DataError(
                "there is not one wavefunction file for each k point",
                where=str(self._folder),
                expected=f"{len(expected)} files, wfc1.dat to {expected[-1]}",
                got=f"{len(found)}",
                remedy="copy all of the .save folder, or run pw.x again",
            )

    def _check_axis(self, request: LdosRequest, result: DftResult) -> None:
        told = request.kernel if request.kernel_is_given else None
        axis = read_ldos_axis(self._ldos_cubes(), smearing=result.smearing, kernel=told)
        agree_on_axis(request, axis, tolerance=_PRINTED, where=str(self._folder))

    def ldos(self, request: LdosRequest, result: DftResult) -> NDArray[np.float32]:
        """Read the cubes."""
        self._check_axis(request, result)
        return read_ldos_cubes(self._ldos_cubes(), result=result).ldos
