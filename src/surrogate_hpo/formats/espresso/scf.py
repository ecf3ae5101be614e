"""Self-consistent calculations with Quantum ESPRESSO through ASE's calculator."""

import logging
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ase import Atoms
from ase.calculators.espresso import Espresso, EspressoProfile

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import CalculationError, ConfigError, DataError, PhysicsError
from surrogate_hpo.files.full_disk import looking_for_space
from surrogate_hpo.formats.espresso.engine import Engine, find_engine, run_engine
from surrogate_hpo.formats.espresso.input_file import PREFIX, ScfSettings
from surrogate_hpo.formats.espresso.xml_file import read_espresso_xml
from surrogate_hpo.formats.upf.reader import read_upf

logger = logging.getLogger(__name__)

# Seen from the folder of the run: pw.x keeps 256 characters of this path, and writes it into its
# XML file as it stands, where an & of a folder above would be damage.
_PSEUDO_FOLDER = "pseudo"
# Of all electrons; they are a sum of z_valence, which files give with up to 15 digits.
_ELECTRON_TOLERANCE = 1e-3


class _Profile(EspressoProfile):
    """ASE's profile with our way of starting programs and of explaining their failures."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            command=shlex.join(engine.arguments), pseudo_dir=f"./{_PSEUDO_FOLDER}"
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
    pseudopotentials: Mapping[str, Path],
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
    pseudopotentials
        UPF file for each element; copied into the folder under the element's name.
    command
        Command that ends in pw.x; None searches PATH, then the qepy wheel.

    Returns
    -------
    DftResult
        Everything that the XML file holds, and the names of the potentials as given; wavefunctions
        are in `save_folder(directory)`.

    Raises
    ------
    ConfigError
        An element without pseudopotential.
    DataError
        A pseudopotential cannot be read.
    CalculationError
        pw.x stopped with an error of its own or did not converge; quotes its message.
    EngineError
        It is missing, was killed or ended early.
    PhysicsError
        It calculated with another number of electrons than the pseudopotentials have.
    """
    _check_elements(atoms, pseudopotentials)
    engine = find_engine(command)
    logger.info("Quantum ESPRESSO: %s", shlex.join(engine.arguments))
    profile = _Profile(engine)
    used = {element: pseudopotentials[element] for element in sorted(set(atoms.symbols))}
    files = _collect(used, directory / _PSEUDO_FOLDER)
    # A leftover of an earlier run must not be taken for this one's result.
    xml = save_folder(directory) / "data-file-schema.xml"
    xml.unlink(missing_ok=True)
    # Bare copy: magnetic moments or constraints of the given atoms would change the input.
    bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
    bare.calc = Espresso(
        profile=profile,
        directory=directory,
        pseudopotentials=files,
        kpts=settings.kpoints,
        koffset=settings.shift,
        input_data=settings.namelists(),
    )
    with looking_for_space(directory):
        bare.get_potential_energy()
        result = _converged(read_espresso_xml(xml), directory)
    _check_electrons(result, used, directory)
    return replace(result, pseudopotentials={e: path.name for e, path in used.items()})


def _collect(paths: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """Copy the potentials into one folder under names that no two share and pw.x can read.

    Users' files may have one name in several folders, or blanks, commas and more than the 80
    characters that pw.x keeps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = {element: f"{element}.UPF" for element in paths}
    for element, path in paths.items():
        try:
            shutil.copyfile(path, folder / names[element])
        except FileNotFoundError as error:
            raise DataError(
                "the pseudopotential file does not exist",
                where=str(path),
                expected=f"the UPF file of {element}",
            ) from error
    return names


def _check_electrons(result: DftResult, paths: Mapping[str, Path], directory: Path) -> None:
    """What pw.x took for the potentials must be what was given."""
    valence = {element: read_upf(path).z_valence for element, path in paths.items()}
    expected = sum(valence[symbol] for symbol in result.species)
    if abs(expected - result.electrons) > _ELECTRON_TOLERANCE:
        listed = ", ".join(f"{element} {z:g} ({paths[element]})" for element, z in valence.items())
        raise PhysicsError(
            "pw.x calculated with other electrons than the pseudopotentials have",
            where=f"{directory} (kept)",
            expected=f"{expected:g} valence electrons: {listed}",
            got=f"{result.electrons:g}",
            remedy="see which files its output names",
        )


def _check_elements(atoms: Atoms, pseudopotentials: Mapping[str, Path]) -> None:
    missing = sorted(set(atoms.symbols) - set(pseudopotentials))
    if missing:
        raise ConfigError(
            f"no pseudopotential is given for {', '.join(missing)}",
            expected=f"one file name for each of {', '.join(sorted(set(atoms.symbols)))}",
            got=f"files for {', '.join(sorted(pseudopotentials)) or 'no element'}",
        )


def _converged(result: DftResult, directory: Path) -> DftResult:
    if not result.converged:
        raise CalculationError(
            "the self-consistent calculation did not converge",
            where=f"{directory} (kept)",
            got=f"accuracy {result.scf_accuracy:.1e} eV after {result.scf_steps} steps",
            remedy="raise maximum_steps, lower the mixing or add empty bands",
        )
    return result
