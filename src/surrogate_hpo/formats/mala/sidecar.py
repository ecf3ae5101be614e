"""`NAME.info.json` of MALA: what is told of the calculation behind a snapshot.

Energies eV per cell, lengths Å, temperature K; cutoffs and degauss Ry. A snapshot that this
package exported carries, besides, a section `surrogate_hpo` with all that MALA has no key for;
MALA passes over it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from surrogate_hpo import limits
from surrogate_hpo.data.dft_results import result_from_document
from surrogate_hpo.dft.finished import DftSupplement
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.formats.espresso.checks import check_sense
from surrogate_hpo.formats.finished.calculation import agree_on_setting
from surrogate_hpo.formats.mala.sidecar_keys import OWN, SidecarKeys
from surrogate_hpo.formats.structures.structures import checked_structure
from surrogate_hpo.limits import require_size
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN, RYDBERG_EV

_CELL_TOLERANCE = 1e-3
# pw.x prints degauss with four decimals, from where MALA takes it: half of the last one, in K.
_ROUNDED_KELVIN = 0.5e-4 * RYDBERG_EV / BOLTZMANN_EV_PER_KELVIN + 0.1
_OWN_TOLERANCE = 1e-6
# MALA and ASE keep all digits of positions; what differs by more was edited.
_ATOMS_TOLERANCE = 1e-5
_TERMS = (
    *("one_electron_contribution", "hartree_contribution", "xc_contribution"),
    *("ewald_contribution", "entropy_contribution_dft_calculation"),
)
_SUM_TOLERANCE = 1e-3


class Sidecar(SidecarKeys):
    """A sidecar file, read."""

    @property
    def grid(self) -> tuple[int, int, int]:
        """Points along the three cell vectors."""
        grid = self.needed("grid_dimensions")
        if not (
            isinstance(grid, list) and len(grid) == 3 and all(n in range(1, 10**6) for n in grid)
        ):
            raise self.fault("three numbers of points", "grid_dimensions", grid)
        return int(grid[0]), int(grid[1]), int(grid[2])

    def cell(self) -> NDArray[np.float64]:
        """Cell vectors as rows, Å, which voxel and atoms must agree on."""
        cell = self.array(self.needed("atoms").get("cell"), (3, 3), "atoms.cell")
        if (voxel := self.mapping("voxel")) is not None:
            edges = self.array(voxel.get("array"), (3, 3), "voxel.array")
            spanned = edges * np.array(self.grid)[:, None]
            if np.abs(spanned - cell).max() > _CELL_TOLERANCE:
                raise DataError(
                    "voxel and grid of the snapshot span another cell than that of its atoms",
                    where=str(self.path),
                    expected=f"{cell.round(4).tolist()} Å, atoms.cell",
                    got=f"{spanned.round(4).tolist()} Å, voxel times {self.grid}",
                    remedy="the files of two calculations were mixed, or the grid's axes swapped: "
                    "write the sidecar again from the run's own output",
                )
        return cell

    def structure(self) -> Atoms:
        """The atoms, Å."""
        atoms = self.needed("atoms")
        positions = self.array(atoms.get("positions"), (-1, 3), "atoms.positions")
        numbers = self.array(atoms.get("numbers"), (len(positions),), "atoms.numbers")
        known = range(1, len(chemical_symbols))
        if not all(number in known for number in numbers):
            raise self.fault("atomic numbers", "atoms.numbers", numbers.tolist())
        pbc = self.array(atoms.get("pbc", [True] * 3), (3,), "atoms.pbc").astype(bool)
        built = Atoms(numbers.astype(int), positions=positions, cell=self.cell(), pbc=pbc)
        return checked_structure(built, str(self.path))

    def result(self, supplement: DftSupplement) -> DftResult:
        """The numbers of the calculation, with what only the config knows."""
        own = self.own("dft")
        found = self._own_result(own, supplement) if own else self._stated_result(supplement)
        check_sense(found, where=str(self.path))
        return found

    def _stated_result(self, supplement: DftSupplement) -> DftResult:
        atoms = self.structure()
        self._check_sum(len(atoms))
        temperature = self._temperature(supplement)
        cutoff = self._density_cutoff(supplement)
        waves = self.optional("ecutwfc")
        pseudopotentials = self.mapping("pseudopotentials") or {}
        return DftResult(
            total_free_energy=self.optional("total_energy_dft_calculation"),
            band_energy=self.optional("band_energy_dft_calculation"),
            entropy_contribution=self.optional("entropy_contribution_dft_calculation"),
            hartree_energy=self.optional("hartree_contribution"),
            xc_energy=self.optional("xc_contribution"),
            xc_potential_energy=None,
            ewald_energy=self.optional("ewald_contribution"),
            fermi_energy=self.number("fermi_energy_dft"),
            electrons=self.number("number_of_electrons_exact"),
            eigenvalues=np.empty((0, 0)),
            occupations=np.empty((0, 0)),
            k_weights=np.empty(0),
            k_points=np.empty((0, 3)),
            fft_grid=self.grid,
            wavefunction_cutoff=None if waves is None else waves * RYDBERG_EV,
            density_cutoff=cutoff * RYDBERG_EV,
            density_cutoff_rydberg=cutoff,
            cell=self.cell(),
            positions=atoms.positions,
            species=tuple(chemical_symbols[number] for number in atoms.numbers),
            functional=self._functional(supplement),
            pseudopotentials={str(k): str(v) for k, v in pseudopotentials.items()},
            norm_conserving=None,
            symmetry_operations=None,
            smearing="fd",
            smearing_width=BOLTZMANN_EV_PER_KELVIN * temperature,
            converged=None,
            scf_steps=None,
            scf_accuracy=None,
            version=None,
        )

    def _own_result(self, own: Mapping[str, Any], supplement: DftSupplement) -> DftResult:
        """The exact result of an exported snapshot, unless somebody edited what MALA reads."""
        where = f"{self.path}, {OWN}.dft"
        result = result_from_document(own, where=where)
        waves = result.wavefunction_cutoff
        pairs = {
            "total_energy_dft_calculation": result.total_free_energy,
            "band_energy_dft_calculation": result.band_energy,
            "entropy_contribution_dft_calculation": result.entropy_contribution,
            "hartree_contribution": result.hartree_energy,
            "xc_contribution": result.xc_energy,
            "ewald_contribution": result.ewald_energy,
            "number_of_electrons_exact": result.electrons,
            "fermi_energy_dft": result.fermi_energy,
            "temperature": result.electronic_temperature,
            "ecutrho": result.density_cutoff_rydberg,
            "ecutwfc": None if waves is None else waves / RYDBERG_EV,
        }
        for key, value in pairs.items():
            stated = self.optional(key)
            if value is not None and (
                stated is None or abs(stated - value) > _OWN_TOLERANCE * max(1.0, abs(value))
            ):
                raise self.fault(f"{value!r}, as in {OWN}.dft", key, stated)
        if result.fft_grid != self.grid:
            raise self.fault(f"{result.fft_grid}, as in {OWN}.dft", "grid_dimensions", self.grid)
        self._same_atoms(result)
        for key, setting, found, tolerance in (
            ("functional", supplement.functional, result.functional, 0.0),
            (
                "density_cutoff_rydberg",
                supplement.density_cutoff_rydberg,
                result.density_cutoff_rydberg,
                1e-3,
            ),
            (
                "electronic_temperature_kelvin",
                supplement.electronic_temperature_kelvin,
                result.electronic_temperature,
                1.0,
            ),
        ):
            agree_on_setting(f"dft.{key}", setting, found, tolerance, where=where)
        return result

    def _same_atoms(self, result: DftResult) -> None:
        """Descriptors are made of the atoms that MALA reads, energies of those of the result."""
        atoms = self.structure()
        if (found := tuple(atoms.symbols)) != result.species:
            raise self._other_atoms("elements", "numbers", str(result.species), str(found))
        for what, key, own, read in (
            ("cell", "cell", result.cell, atoms.cell[:]),
            ("positions", "positions", result.positions, atoms.positions),
        ):
            if (largest := float(np.abs(own - read).max())) > _ATOMS_TOLERANCE:
                limit = f"the {what} of {OWN}.dft within {_ATOMS_TOLERANCE:g} Å"
                raise self._other_atoms(what, key, limit, f"up to {largest:.3g} Å from it")

    def _other_atoms(self, what: str, key: str, expected: str, got: str) -> DataError:
        return DataError(
            "atoms of the sidecar were edited: "
            f"not the {what} of the calculation they were exported from",
            where=f"{self.path}, key atoms.{key}",
            expected=expected,
            got=got,
            remedy="export the snapshot again, or fetch the file again: LDOS and energies belong "
            "to the atoms of then; atoms moved by hand need a calculation of their own",
        )

    def _check_sum(self, atoms: int) -> None:
        """Where all terms of the total energy are told, they must add up to it."""
        total = self.optional("total_energy_dft_calculation")
        terms = [self.optional(key) for key in _TERMS]
        told = [term for term in terms if term is not None]
        if total is None or len(told) < len(terms):
            return
        error = abs(sum(told) - total) / atoms
        if error > _SUM_TOLERANCE:
            raise DataError(
                "the energy terms of the sidecar do not add up to its total energy",
                where=str(self.path),
                expected=f"{total:.6f} eV within {_SUM_TOLERANCE} eV/atom",
                got=f"{sum(told):.6f} eV, the sum of {', '.join(_TERMS)}",
                remedy="write the sidecar again from the output of the calculation",
            )

    def _functional(self, supplement: DftSupplement) -> str:
        if supplement.functional is None:
            raise self._unsaid("the exchange-correlation functional", "dft.functional", "lda_pz")
        return supplement.functional

    def _density_cutoff(self, supplement: DftSupplement) -> float:
        stated, key = self.optional("ecutrho"), "dft.density_cutoff_rydberg"
        if stated is None:
            if supplement.density_cutoff_rydberg is None:
                raise self._unsaid("the plane-wave cutoff of the density", key, "160")
            return supplement.density_cutoff_rydberg
        if stated <= 0:
            raise self.fault("more than 0 Ry", "ecutrho", stated)
        agree_on_setting(key, supplement.density_cutoff_rydberg, stated, 1e-3, where=str(self.path))
        return stated

    def _temperature(self, supplement: DftSupplement) -> float:
        """The config's, if the file's is the same rounded; K."""
        stated, key = self.optional("temperature"), "dft.electronic_temperature_kelvin"
        exact = supplement.electronic_temperature_kelvin
        if stated is None and exact is None:
            raise self._unsaid("the electronic temperature", key, "298")
        if stated is not None and stated <= 0:
            raise self.fault("more than 0 K", "temperature", stated)
        if stated is not None:
            agree_on_setting(key, exact, stated, _ROUNDED_KELVIN, where=str(self.path))
        return exact if exact is not None else float(stated or 0)

    def _unsaid(self, what: str, key: str, example: str) -> ConfigError:
        return ConfigError(
            f"the finished calculation does not say {what}, and it is not guessed",
            where=str(self.path),
            expected=f"{key} in the config, for example {key.split('.')[1]}: {example}",
            remedy="look it up in the input of the calculation",
        )


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Parameters
    ----------
    path
        `NAME.info.json`.

    Returns
    -------
    Sidecar
        Its content, checked when it is asked for.

    Raises
    ------
    DataError
        The file is missing or no JSON object.
    """
    require_size(path, limits.JSON_BYTES, "sidecar")
    try:
        document = limits.parse_json(path.read_text(encoding="utf-8"), str(path))
    except (OSError, ValueError) as error:
        raise DataError(
            "the sidecar of the snapshot cannot be read", where=str(path), got=str(error)
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("atoms", {}), dict):
        raise DataError(
            "the sidecar of the snapshot is not a JSON object with its atoms", where=str(path)
        )
    return Sidecar(path, document)
