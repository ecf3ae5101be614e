"""An ASE calculator on a fitted potential: energies, forces and stress, without any grid."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from surrogate_hpo.data.potentials import read_potential
from surrogate_hpo.formats.structures.calculated import calculated_structure


class PotentialCalculator(Calculator):
    """Energies, forces and stress of periodic structures from the file of the potential stage.

    ``energy`` and ``free_energy`` are both what the potential was fitted to: the total free energy
    A = E - TS of the electrons where it learnt from the runs' DFT, in eV per cell. ``forces``
    (eV/Å) and ``stress`` (eV/Å³, Voigt order, positive under tension) are its exact derivatives.
    With `spread`, `results` also holds ``energy_std`` (eV) and ``forces_std`` (eV/Å), standard
    deviations over fits to resampled snapshots: a sign of how well the training determines the
    potential there, no bound of its error. ``stress_warnings`` says where the training cannot have
    taught a stress.

    Parameters
    ----------
    path
        `potential.json` of the potential stage.
    spread
        Ask the members, too; takes about as much longer as there are members.
    threads
        CPU threads.

    Raises
    ------
    DataError
        If the file is no potential.

    Attributes
    ----------
    implemented_properties
        The properties that ASE may ask for.
    """

    implemented_properties: list[str] = [  # noqa: RUF012 - as ASE has it
        *("energy", "free_energy", "forces", "stress")
    ]

    def __init__(self, path: Path | str, *, spread: bool = False, threads: int = 1) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # ASE has few types
        self.potential = read_potential(path)
        self._spread, self._threads = spread, threads

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute everything; ASE calls this when a structure has changed.

        Parameters
        ----------
        atoms
            Periodic structure, Å.
        properties
            The properties wanted; all come at once.
        system_changes
            What has changed; ignored.

        Raises
        ------
        DataError
            If the structure is not periodic, atoms overlap, or an element is not known.
        """
        super().calculate(  # type: ignore[no-untyped-call]
            atoms, list(properties), list(system_changes)
        )
        bare = calculated_structure(
            self.atoms, "atoms.pbc = True, with a cell; for a molecule, one of much vacuum"
        )
        found = self.potential.predict(bare, spread=self._spread, threads=self._threads)
        results: dict[str, Any] = {
            "energy": found.energy,
            "free_energy": found.energy,
            "forces": found.forces,
            "stress": full_3x3_to_voigt_6_stress(found.stress),
        }
        results["stress_warnings"] = self.potential.stress_warnings
        if self._spread:
            results |= {"energy_std": found.energy_std, "forces_std": found.forces_std}
        self.results = results
