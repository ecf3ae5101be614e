"""Self-consistent calculations with Quantum ESPRESSO through ASE's calculator."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.espresso import Espresso, EspressoProfile

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError, EngineError
from surrogate_hpo.io.espresso_engine import Engine, find_engine, run_engine
from surrogate_hpo.io.espresso_xml import read_espresso_xml
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN, RYDBERG_EV

PREFIX = "espresso"
# Set by the arguments of run_espresso, or needed by what reads the files afterwards.
_RESERVED = {
    *("calculation", "prefix", "outdir", "pseudo_dir", "wf_collect", "ecutwfc", "ecutrho"),
    *("nbnd", "occupations", "smearing", "degauss", "nosym", "nspin", "noncolin", "lspinorb"),
    *("conv_thr", "mixing_beta", "electron_maxstep", "disk_io"),
}


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
    *,
    directory: Path,
    pseudo_dir: Path,
    pseudopotentials: Mapping[str, str],
    cutoff_rydberg: float,
    kpoints: tuple[int, int, int],
    electronic_temperature_kelvin: float,
    bands: int,
    shift: tuple[int, int, int] = (0, 0, 0),
    density_cutoff_rydberg: float | None = None,
    convergence_rydberg: float = 1e-9,
    mixing: float = 0.5,
    maximum_steps: int = 100,
    extra: Mapping[str, Mapping[str, Any]] | None = None,
    command: str | None = None,
) -> DftResult:
    """Run a self-consistent calculation with Fermi-Dirac occupations and without symmetry.

    Parameters
    ----------
    atoms
        Periodic cell, Å. Only elements, positions and cell are used.
    directory
        Scratch folder; made if missing, kept in any case.
    pseudo_dir
        Folder of the pseudopotential files.
    pseudopotentials
        File name for each element.
    cutoff_rydberg
        Plane-wave cutoff (ecutwfc), Ry.
    kpoints
        Monkhorst-Pack mesh.
    electronic_temperature_kelvin
        T; degauss = k_B T.
    bands
        Number of Kohn-Sham states (nbnd).
    shift
        0 or 1 for each direction: shift the mesh by half a step.
    density_cutoff_rydberg
        Cutoff of the density (ecutrho), Ry; four times `cutoff_rydberg` by default.
    convergence_rydberg
        Threshold of self-consistency for the cell (conv_thr), Ry.
    mixing
        Share of the new density (mixing_beta).
    maximum_steps
        Iterations before giving up (electron_maxstep).
    extra
        Further entries by namelist, such as `{"electrons": {"diagonalization": "cg"}}`.
    command
        Command that ends in pw.x; None searches PATH, then the qepy wheel.

    Returns
    -------
    DftResult
        Everything that the XML file holds; wavefunctions are in `save_folder(directory)`.

    Raises
    ------
    ConfigError
        An element without pseudopotential, a non-positive setting, or an entry in `extra` that an
        argument sets.
    EngineError
        pw.x is missing, failed, was killed or did not converge; quotes its own message.
    """
    _check(atoms, pseudopotentials, extra or {})
    _check_positive(
        electronic_temperature_kelvin=electronic_temperature_kelvin,
        cutoff_rydberg=cutoff_rydberg,
        convergence_rydberg=convergence_rydberg,
        mixing=mixing,
        bands=bands,
        maximum_steps=maximum_steps,
        kpoints=min(kpoints),
    )
    directory.mkdir(parents=True, exist_ok=True)
    # A leftover of an earlier run must not be taken for this one's result.
    xml = save_folder(directory) / "data-file-schema.xml"
    xml.unlink(missing_ok=True)
    _calculate(
        atoms,
        profile=_Profile(find_engine(command), pseudo_dir.resolve()),
        directory=directory,
        pseudopotentials=dict(pseudopotentials),
        kpts=kpoints,
        koffset=shift,
        input_data=_input_data(
            cutoff_rydberg=cutoff_rydberg,
            density_cutoff_rydberg=density_cutoff_rydberg or 4 * cutoff_rydberg,
            temperature=electronic_temperature_kelvin,
            bands=bands,
            electrons={
                "conv_thr": convergence_rydberg,
                "mixing_beta": mixing,
                "electron_maxstep": maximum_steps,
            },
            extra=extra or {},
        ),
    )
    result = read_espresso_xml(xml)
    if not result.converged:
        raise EngineError(
            "the self-consistent calculation did not converge",
            where=f"{directory} (kept)",
            got=f"accuracy {result.scf_accuracy:.1e} eV after {result.scf_steps} steps",
            remedy="raise maximum_steps, lower the mixing or add empty bands",
        )
    return result


def _input_data(
    *,
    cutoff_rydberg: float,
    density_cutoff_rydberg: float,
    temperature: float,
    bands: int,
    electrons: dict[str, Any],
    extra: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    data: dict[str, dict[str, Any]] = {
        "control": {"calculation": "scf", "prefix": PREFIX, "outdir": ".", "disk_io": "low"},
        "system": {
            "ecutwfc": cutoff_rydberg,
            "ecutrho": density_cutoff_rydberg,
            "nbnd": bands,
            "occupations": "smearing",
            "smearing": "fermi-dirac",
            "degauss": BOLTZMANN_EV_PER_KELVIN * temperature / RYDBERG_EV,
            "nosym": True,
        },
        "electrons": electrons,
    }
    for namelist, entries in extra.items():
        data.setdefault(namelist.lower(), {}).update(entries)
    return data


def _calculate(atoms: Atoms, **parameters: object) -> None:
    # Bare copy: magnetic moments or constraints of the given atoms would change the input.
    bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
    bare.calc = Espresso(**parameters)
    bare.get_potential_energy()


def _check(
    atoms: Atoms,
    pseudopotentials: Mapping[str, str],
    extra: Mapping[str, Mapping[str, Any]],
) -> None:
    missing = sorted(set(atoms.symbols) - set(pseudopotentials))
    if missing:
        raise ConfigError(
            f"no pseudopotential is given for {', '.join(missing)}",
            expected=f"one file name for each of {', '.join(sorted(set(atoms.symbols)))}",
            got=f"files for {', '.join(sorted(pseudopotentials)) or 'no element'}",
        )
    for namelist, entries in extra.items():
        taken = sorted(_RESERVED & {key.lower() for key in entries})
        if taken:
            raise ConfigError(
                "an extra entry is already set by the workflow",
                where=f"extra, {namelist}",
                got=", ".join(taken),
                remedy="use the named setting instead",
            )


def _check_positive(**settings: float) -> None:
    for name, value in settings.items():
        if not value > 0:
            raise ConfigError("the setting must be positive", where=name, got=str(value))
