"""What moves candidates: energies and forces of a potential or of a surrogate, for ASE."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from surrogate_hpo.data.potentials import read_potential
from surrogate_hpo.potential.model import Potential

# Energy in eV and forces in eV/Å of a structure.
Forces = Callable[[Atoms], tuple[float, Any]]


class Driver(Calculator):
    """Energy and forces of a model in memory.

    Parameters
    ----------
    forces
        The model.

    Attributes
    ----------
    implemented_properties
        The properties that ASE may ask for.
    """

    implemented_properties: list[str] = ["energy", "forces"]  # noqa: RUF012 - as ASE has it

    def __init__(self, forces: Forces) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # ASE has few types
        self._forces = forces

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Ask the model; ASE calls this when a structure has moved."""
        super().calculate(  # type: ignore[no-untyped-call]
            atoms, list(properties), list(system_changes)
        )
        moving: Any = self.atoms
        energy, forces = self._forces(moving)
        results: dict[str, Any] = {"energy": energy, "forces": forces}
        self.results = results


def forces_of(potential: Potential) -> Forces:
    """Energy and forces of a potential."""

    def found(atoms: Atoms) -> tuple[float, Any]:
        said = potential.predict(atoms)
        return said.energy, said.forces

    return found


def read_forces(file: Path, scratch: Path) -> Forces:
    """Energies and forces of the file of a potential, or else of a surrogate.

    Parameters
    ----------
    file
        `potential.json`, or a surrogate file under a name that does not end in `.json`.
    scratch
        Folder for temporary files of a surrogate.

    Returns
    -------
    Forces
        Of a surrogate the means over its networks.

    Raises
    ------
    DataError
        If the file is neither.
    """
    if file.suffix == ".json":
        return forces_of(read_potential(file))
    # Prediction loads PyTorch, which a potential does not need.
    from surrogate_hpo.data.surrogates import read_surrogate  # noqa: PLC0415
    from surrogate_hpo.predict.contents import Conditions  # noqa: PLC0415
    from surrogate_hpo.predict.energies import TOTAL  # noqa: PLC0415
    from surrogate_hpo.predict.prediction import predict_structure  # noqa: PLC0415

    surrogate = read_surrogate(file)

    def found(atoms: Atoms) -> tuple[float, Any]:
        said = predict_structure(surrogate, atoms, Conditions(), scratch, forces="mean")
        energies = said.energies[TOTAL]
        assert said.derivatives is not None  # noqa: S101 - asked for
        return sum(energies) / len(energies), said.derivatives.forces

    return found
