"""A snapshot of data in MALA's form with a density that follows its atoms, made without any DFT."""

import json
from pathlib import Path

import numpy as np
import torch
from ase.build import bulk

from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.dft.ldos_axis import kernel
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.physics.ewald import ewald_energy
from surrogate_hpo.physics.reciprocal import hartree_energy
from surrogate_hpo.stages.dft.settings import DftSettings
from surrogate_hpo.stages.ldos.settings import LdosSettings
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN, RYDBERG_EV

ELECTRONS, TEMPERATURE, WIDTH = 12.0, 5000.0, 0.5
LDOS = LdosSettings(
    kernel="gaussian", width_ev=WIDTH, minimum_ev=-6.0, maximum_ev=13.0, spacing_ev=0.25
).request()
DFT = DftSettings(pseudopotentials={"Al": "Al.UPF"}, functional="lda_pw92").supplement()
FERMI_ENERGY = 6.0


def displaced_cell(seed: int = 4):
    """Four aluminium atoms off their sites."""
    atoms = bulk("Al", "fcc", a=4.05, cubic=True)
    atoms.positions += np.random.default_rng(seed).normal(0, 0.12, (4, 3))
    return atoms


def smeared_density(atoms, shape):
    """Periodic Gaussians of 0.6 Å at the atoms, normalised to the electrons."""
    points = grid_points(shape, atoms.cell[:]).reshape(*shape, 3)
    images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    density = np.zeros(shape)
    for position in atoms.positions:
        for shift in images @ atoms.cell[:]:
            density += np.exp(-((points - position - shift) ** 2).sum(-1) / (2 * 0.6**2))
    return density * ELECTRONS / density.sum() * np.prod(shape) / atoms.cell.volume


def ewald_of(atoms):
    """Of ions of three charges, eV."""
    charges = torch.full((len(atoms),), 3.0, dtype=torch.float64)
    cell = torch.from_numpy(atoms.cell[:].copy())
    return float(ewald_energy(torch.from_numpy(atoms.positions), charges, cell))


def hartree_of(atoms, shape):
    """Of the smeared density, on all wave vectors of the calculation, eV."""
    density = torch.from_numpy(smeared_density(atoms, shape))
    cell = torch.from_numpy(atoms.cell[:].copy())
    return float(hartree_energy(density, cell, density_cutoff=32 * RYDBERG_EV))


def sidecar_document(atoms, shape):
    """What MALA's DataConverter writes, as far as it is read here."""
    ewald, hartree = ewald_of(atoms), hartree_of(atoms, shape)
    return {
        "fermi_energy_dft": FERMI_ENERGY,
        "temperature": TEMPERATURE,
        "number_of_electrons_exact": ELECTRONS,
        "band_energy_dft_calculation": band_energy(),
        "total_energy_dft_calculation": -220.0,
        "grid_dimensions": list(shape),
        "ecutwfc": 8.0,
        "ecutrho": 32.0,
        "degauss": 0.0317,
        "pseudopotentials": {"Al": "Al.UPF"},
        "entropy_contribution_dft_calculation": -0.1,
        "one_electron_contribution": -20.9,
        "hartree_contribution": hartree,
        "xc_contribution": -220.0 + 20.9 - hartree + 0.1 - ewald,
        "ewald_contribution": ewald,
        "voxel": {"array": (atoms.cell[:] / np.array(shape)[:, None]).tolist()},
        "atoms": {
            "numbers": atoms.numbers.tolist(),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell[:].tolist(),
            "pbc": [True, True, True],
        },
    }


def occupied_levels():
    """Levels from -2 to 12 eV, evenly, and their occupations."""
    levels = np.arange(-2, 12.01, 0.1)
    kt = BOLTZMANN_EV_PER_KELVIN * TEMPERATURE
    return levels, 1 / (np.exp((levels - FERMI_ENERGY) / kt) + 1)


def band_energy():
    """Sum of the occupied levels, eV."""
    levels, occupation = occupied_levels()
    return float(ELECTRONS * (levels @ occupation) / occupation.sum())


def ldos_values(atoms, shape):
    """An LDOS of these levels such that the electrons are there at the Fermi energy."""
    energy = LDOS.energy
    levels, occupation = occupied_levels()
    broadened = kernel("gaussian", (energy[:, None] - levels) / WIDTH) / WIDTH
    weights = broadened.sum(axis=1) / occupation.sum()
    return (smeared_density(atoms, shape)[..., None] * weights).astype(np.float32)


def write_snapshot(
    folder: Path, name: str = "a", shape=(10, 10, 10), atoms=None, **changes
) -> Path:
    """Write `NAME.info.json` and `NAME.out.npy`; changes are of the sidecar."""
    atoms = displaced_cell() if atoms is None else atoms
    np.save(folder / f"{name}.out.npy", ldos_values(atoms, shape))
    path = folder / f"{name}.info.json"
    path.write_text(json.dumps(sidecar_document(atoms, shape) | changes))
    return path


def edit_sidecar(path: Path, **changes) -> None:
    """Change keys of a sidecar."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def result_of(path: Path) -> DftResult:
    """The result of a snapshot, with the settings of this module."""
    from surrogate_hpo.formats.finished.opening import open_finished

    return open_finished(path).result(DFT)
