"""A snapshot of data in MALA's form with a density that follows its atoms, made without any DFT."""

import json
from pathlib import Path

import numpy as np
from ase.build import bulk

from surrogate_hpo.config.dft import DftSettings
from surrogate_hpo.config.ldos import LdosSettings
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.dft.kernels import kernel
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

ELECTRONS, TEMPERATURE, WIDTH = 12.0, 5000.0, 0.5
LDOS = LdosSettings(
    kernel="gaussian", width_ev=WIDTH, minimum_ev=-6.0, maximum_ev=13.0, spacing_ev=0.25
).request()
DFT = DftSettings(pseudopotentials={"Al": "Al.UPF"}, functional="lda_pw92").supplement()
FERMI_ENERGY = 6.0


def displaced_cell():
    """Four aluminium atoms off their sites."""
    atoms = bulk("Al", "fcc", a=4.05, cubic=True)
    atoms.positions += np.random.default_rng(4).normal(0, 0.12, (4, 3))
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


def sidecar_document(atoms, shape):
    """What MALA's DataConverter writes, as far as it is read here."""
    return {
        "fermi_energy_dft": FERMI_ENERGY,
        "temperature": TEMPERATURE,
        "number_of_electrons_exact": ELECTRONS,
        "band_energy_dft_calculation": 20.0,
        "total_energy_dft_calculation": -220.0,
        "grid_dimensions": list(shape),
        "ecutwfc": 8.0,
        "ecutrho": 32.0,
        "degauss": 0.0317,
        "pseudopotentials": {"Al": "Al.UPF"},
        "entropy_contribution_dft_calculation": -0.1,
        "one_electron_contribution": -20.9,
        "hartree_contribution": 1.0,
        "xc_contribution": -60.0,
        "ewald_contribution": -140.0,
        "voxel": {"array": (atoms.cell[:] / np.array(shape)[:, None]).tolist()},
        "atoms": {
            "numbers": atoms.numbers.tolist(),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell[:].tolist(),
            "pbc": [True, True, True],
        },
    }


def ldos_values(atoms, shape):
    """Levels from -2 to 12 eV, evenly, such that the electrons are there at the Fermi energy."""
    energy = LDOS.energy
    levels = np.arange(-2, 12.01, 0.1)
    broadened = kernel("gaussian", (energy[:, None] - levels) / WIDTH) / WIDTH
    kt = BOLTZMANN_EV_PER_KELVIN * TEMPERATURE
    occupation = 1 / (np.exp((levels - FERMI_ENERGY) / kt) + 1)
    weights = broadened.sum(axis=1) / occupation.sum()
    return (smeared_density(atoms, shape)[..., None] * weights).astype(np.float32)


def write_snapshot(folder: Path, name: str = "a", shape=(10, 10, 10), **changes) -> Path:
    """Write `NAME.info.json` and `NAME.out.npy`; changes are of the sidecar."""
    atoms = displaced_cell()
    np.save(folder / f"{name}.out.npy", ldos_values(atoms, shape))
    path = folder / f"{name}.info.json"
    path.write_text(json.dumps(sidecar_document(atoms, shape) | changes))
    return path


def edit_sidecar(path: Path, **changes) -> None:
    """Change keys of a sidecar."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def result_of(path: Path) -> DftResult:
    """The result of a snapshot, with the settings of this module."""
    from surrogate_hpo.io.finished.opening import open_finished

    return open_finished(path).result(DFT)
