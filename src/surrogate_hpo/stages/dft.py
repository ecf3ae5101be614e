"""Density functional theory: one self-consistent Quantum ESPRESSO run per snapshot."""

import logging
import shutil
from pathlib import Path
from typing import Annotated

from surrogate_hpo.config.dft import DftSettings
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.io.dft_results import write_dft_result
from surrogate_hpo.io.espresso import run_espresso, save_folder
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.structures import read_structure
from surrogate_hpo.io.upf import Pseudopotential, read_upf
from surrogate_hpo.stages.guards import check_bands, check_one_functional
from surrogate_hpo.stages.interface import Input, Output, Structure

logger = logging.getLogger(__name__)


def dft(
    *,
    settings: DftSettings,
    seed: int,
    structure: Structure,
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    dft: Annotated[Path, Output("JSON: all energy terms in eV, E_F, electrons, grid, version")],
    save: Annotated[Path, Output("folder: QE's XML and wavefunctions, temporary")],
) -> None:
    """Run pw.x and keep every energy term that it prints.

    A run that did not converge, crashed or was killed is an error that quotes Quantum
    ESPRESSO's own message; its files stay in the folder that the message names.
    """
    work = dft.parent / f"{dft.stem}.work"
    shutil.rmtree(work, ignore_errors=True)
    files = _collect(pseudopotentials, work / "pseudo")
    result = run_espresso(
        read_structure(structure),
        directory=work,
        pseudo_dir=work / "pseudo",
        pseudopotentials=files,
        cutoff_rydberg=settings.cutoff_rydberg,
        density_cutoff_rydberg=settings.density_cutoff_rydberg,
        kpoints=(settings.kpoints[0], settings.kpoints[1], settings.kpoints[2]),
        shift=(settings.kpoints_shift[0], settings.kpoints_shift[1], settings.kpoints_shift[2]),
        bands=settings.bands,
        electronic_temperature_kelvin=settings.electronic_temperature_kelvin,
        convergence_rydberg=settings.convergence_rydberg,
        mixing=settings.mixing,
        maximum_steps=settings.maximum_steps,
        command=settings.command,
    )
    check_bands(result, where=str(structure))
    logger.info(
        "total free energy %.6f eV, %d SCF steps", result.total_free_energy, result.scf_steps
    )
    shutil.rmtree(save, ignore_errors=True)
    save_folder(work).rename(save)
    write_dft_result(dft, result, provenance("dft", settings, seed, [structure, *pseudopotentials]))
    shutil.rmtree(work)


def _collect(paths: list[Path], folder: Path) -> dict[str, str]:
    """Copy the potentials into one folder, as pw.x wants them; file name per element."""
    folder.mkdir(parents=True)
    files: dict[str, str] = {}
    potentials: dict[str, Pseudopotential] = {}
    for path in paths:
        potential = read_upf(path)
        if potential.element in files:
            raise ConfigError(
                f"two pseudopotentials for {potential.element}",
                where="dft.pseudopotentials",
                got=f"{files[potential.element]}, {path.name}",
            )
        potentials[potential.element] = potential
        files[potential.element] = path.name
        shutil.copy(path, folder / path.name)
    check_one_functional(potentials)
    return files
