"""An ASE calculator on a potential in memory."""

from collections.abc import Sequence
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from surrogate_hpo.formats.structures.calculated import calculated_structure
from surrogate_hpo.potential.model import Potential


class FittedCalculator(Calculator):
    """Energies, forces and stress of periodic structures from a fitted potential.

    What the properties are is told by `surrogate_hpo.PotentialCalculator`, which reads a potential
    from its file.

    Parameters
    ----------
    potential
        Fitted.
    spread
        Ask the members, too.
    threads
        CPU threads.

    Attributes
    ----------
    implemented_properties
        The properties that ASE may ask for.
    """

    implemented_properties: list[str] = [  # noqa: RUF012 - as ASE has it
        *("energy", "free_energy", "forces", "stress")
    ]

    def __init__(self, potential: Potential, *, spread: bool = False, threads: int = 1) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # ASE has few types
        self.potential = potential
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
