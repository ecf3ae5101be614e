"""Self-consistent calculations with Quantum ESPRESSO through ASE's calculator."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from ase import Atoms
from ase.calculators.espresso import Espresso, EspressoProfile

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError, EngineError
from surrogate_hpo.io.espresso_engine import Engine, find_engine, run_engine
from surrogate_hpo.io.espresso_input import PREFIX, ScfSettings
from surrogate_hpo.io.espresso_xml import read_espresso_xml
from surrogate_hpo.io.full_disk import looking_for_space


class _Profile(EspressoProfile):
    """ASE's profile with our way of starting programs and of explaining their failures."""

    def __init__(self, engine: Engine, pseudo_dir: Path) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            command=shlex.join(engine.arguments), pseudo_dir=pseudo_dir
        )
        self._engine = engine

    def run(
        self,
        directory: Path,
        inputfile: str | None,
        outputfile: str,
        errorfile: str | None = None,
        append: bool = False,  # noqa: ARG002
    ) -> None:
        """Run pw.x; the arguments are those of ASE's own method."""
        run_engine(
            self._engine,
            self.get_calculator_command(inputfile),  # type: ignore[no-untyped-call]
            directory=Path(directory),
            output=outputfile,
            errors=errorfile or f"{PREFIX}.err",
        )


def save_folder(directory: Path) -> Path:
    """Name the folder with wavefunctions and XML that `run_espresso` leaves in its folder.

    Parameters
    ----------
    directory
        The folder of the run.

    Returns
    -------
    pathlib.Path
        `<directory>/espresso.save`.
    """
    return directory / f"{PREFIX}.save"


def run_espresso(
    atoms: Atoms,
    settings: ScfSettings,
    *,
    directory: Path,
    pseudo_dir: Path,
    pseudopotentials: Mapping[str, str],
    command: str | None = None,
) -> DftResult:
    """Run a self-consistent calculation with Fermi-Dirac occupations and without symmetry.

    Parameters
    ----------
    atoms
        Periodic cell, Å. Only elements, positions and cell are used.
    settings
        Cutoffs, mesh, bands, temperature, convergence.
    directory
        Scratch folder; made if missing, kept in any case.
    pseudo_dir
        Folder of the pseudopotential files.
    pseudopotentials
        File name for each element.
    command
        Command that ends in pw.x; None searches PATH, then the qepy wheel.

    Returns
    -------
    DftResult
        Everything that the XML file holds; wavefunctions are in `save_folder(directory)`.

    Raises
    ------
    ConfigError
        An element without pseudopotential.
    EngineError
        pw.x is missing, failed, was killed or did not converge; quotes its own message.
    """
    _check_elements(atoms, pseudopotentials)
    profile = _Profile(find_engine(command), pseudo_dir.resolve())
    directory.mkdir(parents=True, exist_ok=True)
    # A leftover of an earlier run must not be taken for this one's result.
    xml = save_folder(directory) / "data-file-schema.xml"
    xml.unlink(missing_ok=True)
    # Bare copy: magnetic moments or constraints of the given atoms would change the input.
    bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
    bare.calc = Espresso(
        profile=profile,
        directory=directory,
        pseudopotentials=dict(pseudopotentials),
        kpts=settings.kpoints,
        koffset=settings.shift,
        input_data=settings.namelists(),
    )
    with looking_for_space(directory):
        bare.get_potential_energy()
        return _converged(read_espresso_xml(xml), directory)


def _check_elements(atoms: Atoms, pseudopotentials: Mapping[str, str]) -> None:
    missing = sorted(set(atoms.symbols) - set(pseudopotentials))
    if missing:
        raise ConfigError(
            f"no pseudopotential is given for {', '.join(missing)}",
            expected=f"one file name for each of {', '.join(sorted(set(atoms.symbols)))}",
            got=f"files for {', '.join(sorted(pseudopotentials)) or 'no element'}",
        )


def _converged(result: DftResult, directory: Path) -> DftResult:
    if not result.converged:
        raise EngineError(
            "the self-consistent calculation did not converge",
            where=f"{directory} (kept)",
            got=f"accuracy {result.scf_accuracy:.1e} eV after {result.scf_steps} steps",
            remedy="raise maximum_steps, lower the mixing or add empty bands",
        )
    return result
