"""Where the density is negative, Quantum ESPRESSO's E_xc and ∫v_xc n are met to the last digits."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from scf import run_scf

from surrogate_hpo.dft.hgh import ALUMINIUM_LDA
from surrogate_hpo.formats.espresso.scf import save_folder
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.formats.upf.writer import hgh_upf
from surrogate_hpo.physics.total_energy import density_terms
from surrogate_hpo.physics.xc.core_density import core_density
from surrogate_hpo.units import BOHR_ANGSTROM

pytestmark = pytest.mark.qe
# Debian's quantum-espresso-data has these; another folder may be named.
POTENTIALS = Path(os.environ.get("ESPRESSO_PSEUDO", "/usr/share/espresso/pseudo"))
ULTRASOFT = "Li.pbesol-s-rrkjus_psl.0.2.1.UPF"
SETTINGS = {
    "kpoints": (1, 1, 1),
    "shift": (0, 0, 0),
    "electronic_temperature_kelvin": 8000.0,
    "convergence_rydberg": 1e-10,
    "mixing": 0.3,
}


def records(path: Path):
    """Records of a sequential unformatted Fortran file."""
    raw, at = path.read_bytes(), 0
    while at < len(raw):
        (size,) = struct.unpack_from("<i", raw, at)
        yield raw[at + 4 : at + 4 + size]
        at += size + 8


def espressos_density(save: Path, grid) -> torch.Tensor:
    """The density that pw.x leaves, augmentation included, 1/Å³."""
    head, _, waves, amplitudes = records(save / "charge-density.dat")
    assert struct.unpack("<3i", head)[::2] == (0, 1), "all wave vectors, one spin"
    field = np.zeros(grid, dtype=complex)
    field[tuple(np.frombuffer(waves, "<i4").reshape(-1, 3).T)] = np.frombuffer(amplitudes, "<c16")
    return torch.from_numpy(np.fft.ifftn(field).real * field.size / BOHR_ANGSTROM**3)


def compare(atoms: Atoms, folder: Path, pseudo_dir: Path, file: str, **settings):
    """Largest error of the terms of the density, meV/atom, and the total density."""
    element = atoms.get_chemical_symbols()[0]
    result = run_scf(
        atoms,
        directory=folder / "run",
        pseudo_dir=pseudo_dir,
        pseudopotentials={element: file},
        **SETTINGS | settings,
    )
    density = espressos_density(save_folder(folder / "run"), result.fft_grid)
    assert float(density.mean()) * result.volume == pytest.approx(result.electrons, abs=1e-6)
    potential = read_upf(pseudo_dir / file)
    cell, core = torch.from_numpy(result.cell), None
    if potential.core_correction:
        radial = (potential.radial_grid, potential.radial_weights, potential.core_density)
        core = core_density(
            *map(torch.from_numpy, radial),
            torch.from_numpy(result.positions),
            density.shape,
            cell,
            result.density_cutoff,
        )
    terms = density_terms(
        density, cell, result.functional, core_density=core, density_cutoff=result.density_cutoff
    )
    errors = {
        "hartree": terms.hartree_energy - result.hartree_energy,
        "exchange-correlation": terms.exchange_correlation_energy - result.xc_energy,
        "its potential": terms.exchange_correlation_potential_energy - result.xc_potential_energy,
    }
    total = density if core is None else density + core
    return {name: float(error) * 1000 / len(atoms) for name, error in errors.items()}, total


def negative_share(total: torch.Tensor) -> float:
    """Of points with a density below minus Quantum ESPRESSO's threshold for gradients."""
    return float((total * BOHR_ANGSTROM**3 < -1e-6).double().mean())


@pytest.mark.parametrize("functional", ["PBX PBC", "PSX PSC"], ids=["pbe", "pbesol"])
def test_a_norm_conserving_potential_with_a_core_in_a_cell_with_vacuum(tmp_path, functional):
    """A core too sharp for the plane waves is negative in the vacuum around the atoms."""
    text = hgh_upf(ALUMINIUM_LDA).replace("SLA PW NOGX NOGC", f"SLA PW {functional}")
    radii = text.split("<PP_R", 1)[1].split(">", 1)[1].split("</PP_R>")[0].split()
    values = "\n".join(f"{2.0 * np.exp(-((float(r) / 0.35) ** 2)):.12E}" for r in radii)
    section = f'<PP_NLCC type="real" size="{len(radii)}" columns="1">\n{values}\n</PP_NLCC>\n'
    text = text.replace('core_correction="F"', 'core_correction="T"')
    (tmp_path / "Al.UPF").write_text(text.replace("<PP_LOCAL", section + "<PP_LOCAL", 1))
    atoms = Atoms("Al2", [[0, 0, 0], [0.3, 0.1, 2.5]], cell=[4.0, 4.0, 8.0], pbc=True)
    settings = {"cutoff_rydberg": 8.0, "bands": 12}
    errors, total = compare(atoms, tmp_path, tmp_path, "Al.UPF", **settings)
    assert negative_share(total) > 0.1
    assert {name: e for name, e in errors.items() if abs(e) > 1e-3} == {}


def test_an_ultrasoft_potential_in_a_cell_with_vacuum(tmp_path):
    if not (POTENTIALS / ULTRASOFT).exists():
        pytest.skip(f"{ULTRASOFT} is not in {POTENTIALS} (Debian: quantum-espresso-data)")
    atoms = bulk("Li", "bcc", a=3.44, cubic=True)
    atoms.positions += np.random.default_rng(1).normal(0, 0.1, (2, 3))
    atoms.set_cell([3.44, 3.44, 9.0])
    settings = {"cutoff_rydberg": 14.0, "density_cutoff_rydberg": 100.0, "bands": 10}
    errors, total = compare(atoms, tmp_path, POTENTIALS, ULTRASOFT, **settings)
    assert negative_share(total) > 0.001
    assert {name: e for name, e in errors.items() if abs(e) > 1e-3} == {}
