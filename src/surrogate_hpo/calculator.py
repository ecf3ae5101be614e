"""An ASE calculator on a surrogate file: energies, forces and stress without DFT."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.calculated import calculated_structure
from surrogate_hpo.predict.contents import Conditions, Derivatives
from surrogate_hpo.predict.descriptor_chain import ForceScope
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.predict.prediction_forces import stress_warnings
from surrogate_hpo.stages.descriptors.settings import Engine, Precision

_WITHOUT = ("stresses", "energies", "magmom", "magmoms", "dipole", "charges")
_DERIVATIVES = {"forces", "stress"}


class SurrogateCalculator(Calculator):
    """Energies, forces and stress of periodic structures from a surrogate file.

    ``energy`` and ``free_energy`` are both the total free energy A = E - TS of the electrons at
    the electronic temperature, as in ASE's calculator for Quantum ESPRESSO; no extrapolation to
    zero temperature is made. `results` also holds the terms of A and the Fermi energy, and
    ``free_energy_error_bar``, the expected error of A (None if it could not be calibrated),
    ``free_energy_std``, the standard deviation over the networks (None for one network), and the
    ``warnings`` of :func:`surrogate_hpo.predict.prediction.predict_structure`. Values are means
    over the networks, in eV per cell. How far the descriptors leave the training range is in
    ``fraction_of_points_outside`` and ``largest_excess``, the latter in standard deviations.

    ``forces`` (eV/Å) and ``stress`` (eV/Å³, Voigt order, positive under tension) are the exact
    derivatives of that energy on the grid of the structure. They are computed, both of them, once
    one is asked for, which takes some three times as long again as the energy. With
    `force_spread`, ``forces_std`` and ``stress_std`` are their standard deviations over the
    networks, and ``forces_error_bar`` the expected errors of the forces (None if they could not be
    calibrated); ``stress_warnings`` says where the training cannot have taught a stress. The
    networks stay in memory between structures.

    Parameters
    ----------
    path
        The file that the surrogate stage writes.
    electronic_temperature
        In K; by default that of the training.
    engine
        Engine of the descriptors.
    precision
        Of their arithmetic: "float64" or, faster, "float32".
    threads
        CPU threads.
    use_gpu
        Compute descriptors (engine `torch`) and networks on a CUDA device.
    block_points
        Grid points in memory at a time.
    scratch
        Folder for a temporary file, if forces are asked for, of 4 bytes per grid point and
        component of the descriptors; by default the folder of the system for temporary files.
    grid
        Number of grid points along each lattice vector; by default they follow from the cell.
        Where a cell changes shape step by step, give those of the first cell: the energy jumps
        where the number of points does, and stress is its derivative with that number kept.
    force_spread
        Compute forces and stress of each network, for their spread and expected errors.

    Raises
    ------
    ConfigError
        If an option makes no sense.
    DataError
        If the file is not a surrogate, or the folder does not exist.

    Attributes
    ----------
    implemented_properties
        The properties that ASE may ask for.
    """

    implemented_properties: list[str] = [  # noqa: RUF012 - as ASE has it
        *("energy", "free_energy", "forces", "stress")
    ]

    def __init__(
        self,
        path: Path | str,
        *,
        electronic_temperature: float | None = None,
        engine: Engine = "native",
        precision: Precision = "float64",
        threads: int = 1,
        use_gpu: bool = False,
        block_points: int = 16384,
        scratch: Path | str | None = None,
        grid: tuple[int, int, int] | None = None,
        force_spread: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # ASE has few types
        self.surrogate = read_surrogate(Path(path))
        self._conditions = Conditions(
            engine=engine,
            precision=precision,
            threads=threads,
            use_gpu=use_gpu,
            block_points=block_points,
            electronic_temperature=electronic_temperature,
            grid=grid,
        )
        self._scope: ForceScope = "each" if force_spread else "mean"
        self._scratch = Path(tempfile.gettempdir() if scratch is None else scratch)
        if not self._scratch.is_dir():
            raise DataError(
                "the folder for the scratch file does not exist",
                where=str(self._scratch),
                remedy='make it, or give another one: scratch="..."',
            )

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energies; ASE calls this when a structure has changed.

        Parameters
        ----------
        atoms
            Periodic structure, Å.
        properties
            The properties wanted; energies come at once, and so do forces and stress.
        system_changes
            What has changed; ignored.

        Raises
        ------
        DataError
            If the structure is not periodic, atoms overlap, or the surrogate does not know it.
        """
        super().calculate(  # type: ignore[no-untyped-call]
            atoms, list(properties), list(system_changes)
        )
        bare = calculated_structure(self.atoms, "atoms.pbc = True, with a cell")
        scope = self._scope if _DERIVATIVES.intersection(properties) else None
        found = predict_structure(
            self.surrogate, bare, self._conditions, self._scratch, forces=scope
        )
        self.results = _results(found.energies) | {
            "free_energy_error_bar": found.error_bar,
            "warnings": found.warnings,
            "fraction_of_points_outside": found.extrapolation.fraction_of_points,
            "largest_excess": found.extrapolation.largest_excess,
        }
        if found.derivatives is not None:
            self.results |= _derivatives(found.derivatives)
            self.results["stress_warnings"] = stress_warnings(self.surrogate)

    def get_property(
        self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True
    ) -> Any:  # noqa: ANN401 - ASE's
        """Get a result as ASE does, but say why some do not exist.

        Parameters
        ----------
        name
            The property.
        atoms
            The structure; by default the last one.
        allow_calculation
            Whether it may be computed.

        Returns
        -------
        Any
            Its value.

        Raises
        ------
        PropertyNotImplementedError
            For energies of single atoms, moments and charges.
        """
        if name in _WITHOUT:
            raise PropertyNotImplementedError(
                f"the surrogate gives energies, forces and stress of a structure, no {name}"
            )
        return super().get_property(  # type: ignore[no-untyped-call]
            name, atoms, allow_calculation
        )


def _derivatives(found: Derivatives) -> dict[str, Any]:
    results: dict[str, Any] = {
        "forces": found.forces,
        "stress": full_3x3_to_voigt_6_stress(found.stress),
    }
    if found.forces_std is not None and found.stress_std is not None:
        results["forces_std"] = found.forces_std
        results["stress_std"] = full_3x3_to_voigt_6_stress(found.stress_std)
    if found.forces_per_network is not None:
        results["forces_error_bar"] = found.forces_error_bar
    return results


def _results(energies: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    mean = {name: fmean(values) for name, values in energies.items()}
    free = energies["total_free_energy"]
    return mean | {
        "energy": mean["total_free_energy"],
        "free_energy": mean["total_free_energy"],
        "free_energy_std": stdev(free) if len(free) > 1 else None,
    }
