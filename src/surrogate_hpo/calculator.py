"""An ASE calculator on a surrogate file: energies of a structure without DFT."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes

from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import checked_structure
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.predict.prediction_energies import Conditions
from surrogate_hpo.stages.descriptors.settings import Engine

_WITHOUT = ("forces", "stress", "stresses", "energies", "magmom", "magmoms", "dipole", "charges")


class SurrogateCalculator(Calculator):
    """Energies of periodic structures from a surrogate file.

    ``energy`` and ``free_energy`` are both the total free energy A = E - TS of the electrons at
    the electronic temperature, as in ASE's calculator for Quantum ESPRESSO; no extrapolation to
    zero temperature is made. `results` also holds the terms of A and the Fermi energy, and
    ``free_energy_error_bar``, the expected error of A (None if it could not be calibrated),
    ``free_energy_std``, the standard deviation over the networks (None for one network), and the
    ``warnings`` of :func:`surrogate_hpo.predict.prediction.predict_structure`. Values are means
    over the networks, in eV per cell.

    There are no forces and no stress: the energy is not differentiated.

    Parameters
    ----------
    path
        The file that the surrogate stage writes.
    electronic_temperature
        In K; by default that of the training.
    engine
        Engine of the descriptors.
    threads
        CPU threads.
    use_gpu
        Compute descriptors (engine `torch`) and networks on a CUDA device.
    block_points
        Grid points in memory at a time.
    scratch
        Folder for a temporary file of 4 bytes per grid point, energy and network; by default the
        folder of the system for temporary files.

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

    implemented_properties: list[str] = ["energy", "free_energy"]  # noqa: RUF012 - as ASE has it

    def __init__(
        self,
        path: Path | str,
        *,
        electronic_temperature: float | None = None,
        engine: Engine = "native",
        threads: int = 1,
        use_gpu: bool = False,
        block_points: int = 16384,
        scratch: Path | str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # ASE has few types
        self.surrogate = read_surrogate(Path(path))
        self._conditions = Conditions(
            engine=engine,
            threads=threads,
            use_gpu=use_gpu,
            block_points=block_points,
            electronic_temperature=electronic_temperature,
        )
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
            The properties wanted; all that are available are computed at once.
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
        structure: Atoms | None = self.atoms
        if structure is None or not structure.pbc.all():
            raise DataError(
                "the structure is not periodic in three dimensions",
                expected="pbc True along each cell vector",
                got="no structure" if structure is None else str(structure.pbc.tolist()),
                remedy="atoms.pbc = True, with a cell",
            )
        bare = checked_structure(structure, "the structure that the calculator was given")
        found = predict_structure(self.surrogate, bare, self._conditions, self._scratch)
        self.results = _results(found.energies) | {
            "free_energy_error_bar": found.error_bar,
            "warnings": found.warnings,
        }

    def get_property(
        self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True
    ) -> Any:  # noqa: ANN401 - ASE's
        """Get a result as ASE does, but say why there are no forces.

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
            For forces and everything else that the calculator does not have.
        """
        if name in _WITHOUT:
            raise PropertyNotImplementedError(
                f"the surrogate gives energies only, no {name}: they are not differentiated"
            )
        return super().get_property(  # type: ignore[no-untyped-call]
            name, atoms, allow_calculation
        )


def _results(energies: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    mean = {name: fmean(values) for name, values in energies.items()}
    free = energies["total_free_energy"]
    return mean | {
        "energy": mean["total_free_energy"],
        "free_energy": mean["total_free_energy"],
        "free_energy_std": stdev(free) if len(free) > 1 else None,
    }
