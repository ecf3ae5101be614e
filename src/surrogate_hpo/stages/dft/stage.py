"""Density functional theory: a Quantum ESPRESSO run per snapshot, or what a finished one left."""

import logging
import shutil
from pathlib import Path
from typing import Annotated

from ase import Atoms

from surrogate_hpo.data.dft_results import write_dft_result
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import CalculationError, ConfigError
from surrogate_hpo.formats.espresso.input_file import ScfSettings
from surrogate_hpo.formats.espresso.scf import run_espresso, save_folder
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.formats.upf.reader import Pseudopotential, read_upf
from surrogate_hpo.labels.dft_guards import (
    check_bands,
    check_kinds,
    check_one_functional,
    check_potentials,
)
from surrogate_hpo.run.interface import Argument, FinishedPath, Input, Output, Structure
from surrogate_hpo.run.left_out import leave_out
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.dft.settings import DftSettings

logger = logging.getLogger(__name__)


def dft(
    *,
    settings: DftSettings,
    seed: int,
    structure: Structure,
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    dft: Annotated[Path, Output("JSON: all energy terms in eV, E_F, electrons, grid, version")],
    save: Annotated[
        Path | None,
        Output("folder: QE's XML and wavefunctions, temporary; not with --finished", folder=True),
    ] = None,
    finished: FinishedPath = None,
    may_fail: Annotated[
        bool, Argument("of a round's snapshot: a calculation that fails is a result, and left out")
    ] = False,
) -> None:
    """Run pw.x and keep every energy term that it prints, or read what a finished run left.

    A run that did not converge, crashed or was killed is an error that quotes Quantum
    ESPRESSO's own message; its files stay in the folder that the message names. With `may_fail`
    the first two are a result instead: the snapshot is left out of all that follows.
    """
    if (finished is None) == (save is None):
        raise ConfigError(
            "pw.x is run, or a finished calculation is read",
            where="--save, --finished",
            expected="one of the two",
            got="both" if save else "neither",
        )
    inputs = [structure, *pseudopotentials]
    if finished is not None:
        calculation = open_finished(finished)
        result = calculation.result(settings.supplement())
        where = str(calculation.description)
        check_potentials(result, _potentials(pseudopotentials), where=where)
        check_bands(result, where=where)
        inputs.append(calculation.description)
    elif save is not None:
        try:
            result = _run(settings, structure, pseudopotentials, dft, save)
        except CalculationError as error:
            if not may_fail:
                raise
            logger.warning("left out, its DFT failed: %s", error)
            what = [line for line in str(error).splitlines() if not line.startswith("  remedy:")]
            leave_out(dft, f"DFT failed: {'; '.join(what)}")
            save.mkdir(parents=True, exist_ok=True)
            return
    write_dft_result(dft, result, provenance("dft", settings, seed, inputs))


def _run(
    settings: DftSettings, structure: Path, pseudopotentials: list[Path], dft: Path, save: Path
) -> DftResult:
    work = dft.parent / f"{dft.stem}.work"
    shutil.rmtree(work, ignore_errors=True)
    files = dict(zip(_potentials(pseudopotentials), pseudopotentials, strict=True))
    atoms = read_structure(structure)
    result = run_espresso(
        atoms,
        _scf_settings(settings, atoms),
        directory=work,
        pseudopotentials=files,
        command=settings.command,
    )
    check_bands(result, where=str(structure))
    logger.info(
        "total free energy %.6f eV, %d SCF steps", result.total_free_energy, result.scf_steps
    )
    shutil.rmtree(save, ignore_errors=True)
    save_folder(work).rename(save)
    shutil.rmtree(work)
    return result


def _scf_settings(settings: DftSettings, atoms: Atoms) -> ScfSettings:
    run = settings.run(len(atoms), atoms.cell[:])
    return ScfSettings(
        cutoff_rydberg=run.cutoff_rydberg,
        density_cutoff_rydberg=settings.density_cutoff_rydberg,
        kpoints=run.kpoints,
        shift=(settings.kpoints_shift[0], settings.kpoints_shift[1], settings.kpoints_shift[2]),
        bands=run.bands,
        electronic_temperature_kelvin=run.electronic_temperature_kelvin,
        convergence_rydberg=run.convergence_rydberg,
        mixing=settings.mixing,
        maximum_steps=settings.maximum_steps,
        forces_and_stress=settings.forces_and_stress,
    )


def _potentials(paths: list[Path]) -> dict[str, Pseudopotential]:
    """Potential per element, in the order of the files: one each, of one functional."""
    potentials: dict[str, Pseudopotential] = {}
    for path in paths:
        potential = read_upf(path)
        if potential.element in potentials:
            raise ConfigError(
                f"two pseudopotentials for {potential.element}",
                where="dft.pseudopotentials",
                got=f"the second one is {path}",
            )
        potentials[potential.element] = potential
    check_one_functional(potentials)
    check_kinds(potentials)
    return potentials
