"""Total free energy against Quantum ESPRESSO's own terms, from its density and from the LDOS."""

import numpy as np
import pytest
import torch
from ase.build import bulk
from occupied_density import occupied_density
from scf import run_scf

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.hgh import ALUMINIUM_LDA
from surrogate_hpo.dft.ldos import ldos_from_bands
from surrogate_hpo.dft.ldos_axis import LdosAxis, kernel_variance
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.formats.espresso.scf import save_folder
from surrogate_hpo.formats.espresso.wavefunctions import orbital_densities
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.formats.upf.writer import hgh_upf
from surrogate_hpo.physics.ewald import ewald_energy
from surrogate_hpo.physics.total_energy import (
    BandTerms,
    density_terms,
    energy_terms_from_ldos,
    total_energy_terms,
)
from surrogate_hpo.physics.xc.core_density import core_density
from surrogate_hpo.predict.ldos_energies import energies_of
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

pytestmark = pytest.mark.qe
MEV_PER_ATOM = 1000 / 4
QE_STRINGS = {
    "lda_pz": "SLA PZ NOGX NOGC",
    "lda_pw92": "SLA PW NOGX NOGC",
    "pbe": "SLA PW PBX PBC",
    "pbesol": "SLA PW PSX PSC",
}


def potential_text(functional: str, *, core: bool) -> str:
    """The shipped potential with another functional, and an invented Gaussian core density."""
    text = hgh_upf(ALUMINIUM_LDA).replace(QE_STRINGS["lda_pw92"], QE_STRINGS[functional])
    assert QE_STRINGS[functional] in text
    if not core:
        return text
    radii = text.split("<PP_R", 1)[1].split(">", 1)[1].split("</PP_R>")[0].split()
    values = "\n".join(f"{0.08 * np.exp(-((float(r) / 0.9) ** 2)):.12E}" for r in radii)
    section = f'<PP_NLCC type="real" size="{len(radii)}" columns="1">\n{values}\n</PP_NLCC>\n'
    corrected = text.replace('core_correction="F"', 'core_correction="T"')
    assert corrected != text
    return corrected.replace("<PP_LOCAL", section + "<PP_LOCAL", 1)


def sheared_aluminium():
    atoms = bulk("Al", "fcc", a=4.05, cubic=True)
    atoms.set_cell(atoms.cell.array @ [[1, 0.03, 0], [0, 1, 0.05], [0.02, 0, 1]], scale_atoms=True)
    return thermal_displacements(
        atoms, temperature=298, debye_waller_b=0.86, reference_temperature=300, seed=3
    )


@pytest.mark.parametrize(
    ("functional", "core"),
    [("lda_pz", False), ("lda_pw92", True), ("pbe", True), ("pbesol", False)],
)
def test_every_term_from_espressos_own_density_and_eigenvalues(
    tmp_path, tiny_settings, functional, core
):
    (tmp_path / "Al.UPF").write_text(potential_text(functional, core=core))
    settings = tiny_settings | {
        "pseudo_dir": tmp_path,
        "pseudopotentials": {"Al": "Al.UPF"},
        "convergence_rydberg": 1e-12,
    }
    atoms = sheared_aluminium()
    result = run_scf(atoms, directory=tmp_path / "run", **settings)
    density = torch.from_numpy(
        occupied_density(
            orbital_densities=orbital_densities(save_folder(tmp_path / "run"), result),
            occupations=result.occupations,
            k_weights=result.k_weights,
        )
    )
    cell, positions = torch.from_numpy(result.cell), torch.from_numpy(result.positions)
    potential = read_upf(tmp_path / "Al.UPF")
    assert potential.core_correction is core
    core_part = (
        core_density(
            *map(
                torch.from_numpy,
                (potential.radial_grid, potential.radial_weights, potential.core_density),
            ),
            positions,
            density.shape,
            cell,
            result.density_cutoff,
        )
        if core
        else None
    )
    terms = total_energy_terms(
        band_sum(result),
        density_terms(
            density, cell, functional, core_density=core_part, density_cutoff=result.density_cutoff
        ),
        ewald_energy(positions, torch.full((4,), 3.0, dtype=torch.float64), cell),
    ).as_floats()
    expected = {
        "fermi_energy": result.fermi_energy,
        "band_energy": result.band_energy,
        "entropy_term": result.entropy_contribution,
        "hartree_energy": result.hartree_energy,
        "exchange_correlation_energy": result.xc_energy,
        "exchange_correlation_potential_energy": result.xc_potential_energy,
        "ewald_energy": result.ewald_energy,
        "total_free_energy": result.total_free_energy,
    }
    errors = {k: (terms[k] - v) * MEV_PER_ATOM for k, v in expected.items()}
    assert {k: round(e, 4) for k, e in errors.items() if abs(e) > 0.05} == {}


def band_sum(result) -> BandTerms:
    """Band energy and entropy from the eigenvalues, occupations recomputed from E_F and T."""
    x = (result.eigenvalues - result.fermi_energy) / result.smearing_width
    f = 1 / (1 + np.exp(x))
    s = -(f * np.log(f) + (1 - f) * np.log1p(-f))
    weights = result.k_weights[:, None]
    return BandTerms(
        torch.tensor(result.fermi_energy, dtype=torch.float64),
        torch.tensor((weights * f * result.eigenvalues).sum(), dtype=torch.float64),
        torch.tensor(-result.smearing_width * (weights * s).sum(), dtype=torch.float64),
    )


def ldos_of(result, save, energy, kernel, width) -> LdosData:
    values = ldos_from_bands(
        orbital_densities=orbital_densities(save, result),
        eigenvalues=result.eigenvalues,
        k_weights=result.k_weights,
        energy=energy,
        kernel=kernel,
        width=width,
    )
    return LdosData(values, LdosAxis(energy, kernel, width), result.cell, result.electrons)


@pytest.fixture(scope="module")
def fixture_runs(tmp_path_factory, tiny_settings):
    """SCIENCE fixture: 4 atoms, 8 Ry, 3x3x3, 5000 K; three snapshots."""
    runs = []
    for seed in range(3):
        folder = tmp_path_factory.mktemp(f"fixture{seed}")
        atoms = thermal_displacements(
            bulk("Al", "fcc", a=4.05, cubic=True),
            temperature=298,
            debye_waller_b=0.86,
            reference_temperature=300,
            seed=seed,
        )
        settings = tiny_settings | {"kpoints": (3, 3, 3), "shift": (0, 0, 0), "bands": 20}
        runs.append((atoms, run_scf(atoms, directory=folder, **settings), save_folder(folder)))
    return runs


def errors_from_ldos(runs, tiny_settings, kernel, width, spacing) -> np.ndarray:
    potentials = {"Al": read_upf(tiny_settings["pseudo_dir"] / "Al.hgh-lda.UPF")}
    energy = np.arange(-5, 13 + spacing / 2, spacing)
    errors = []
    for atoms, result, save in runs:
        data = ldos_of(result, save, energy, kernel, width)
        found = energies_of("x", "reference_ldos", data, data.values, atoms, result, potentials)
        errors.append(
            (found.energies["total_free_energy"] - result.total_free_energy) * MEV_PER_ATOM
        )
    return np.array(errors)


def test_total_free_energy_from_a_coarse_corrected_ldos(fixture_runs, tiny_settings):
    errors = errors_from_ldos(fixture_runs, tiny_settings, "gaussian", 0.5, 0.5)
    assert abs(errors.mean()) <= 1.0, errors
    assert errors.std() <= 1.0, errors


@pytest.mark.parametrize("kernel", ["fermi_dirac", "methfessel_paxton_1"])
def test_other_kernels_give_the_same_energy(fixture_runs, tiny_settings, kernel):
    width = 0.2 if kernel == "fermi_dirac" else 0.4
    assert abs(errors_from_ldos(fixture_runs, tiny_settings, kernel, width, 0.1).mean()) <= 1.0


def test_without_the_correction_the_broadening_biases_the_energy(fixture_runs, tiny_settings):
    """The error would be about -D(E_F) s²/2, not small: so the correction is not decoration."""
    _, result, save = fixture_runs[0]
    energy = np.arange(-5, 13.05, 0.1)
    data = ldos_of(result, save, energy, "fermi_dirac", 0.2)
    arguments = {
        "cell": torch.from_numpy(result.cell),
        "positions": torch.from_numpy(result.positions),
        "charges": torch.full((4,), 3.0, dtype=torch.float64),
        "electrons": result.electrons,
        "temperature": result.smearing_width / BOLTZMANN_EV_PER_KELVIN,
        "functional": result.functional,
        "density_cutoff": result.density_cutoff,
    }
    ldos, axis = torch.from_numpy(data.values), torch.from_numpy(energy)
    plain = energy_terms_from_ldos(ldos, axis, **arguments).as_floats()
    error = (plain["total_free_energy"] - result.total_free_energy) * MEV_PER_ATOM
    variance = kernel_variance("fermi_dirac", 0.2)
    dos = ldos.double().sum((0, 1, 2)).numpy() * result.volume / np.prod(result.fft_grid)
    # At 5000 K the density of states at the Fermi energy is an average over the width of -f'.
    x = (energy - result.fermi_energy) / (2 * result.smearing_width)
    thermal_dos = (dos / np.cosh(x) ** 2).sum() * 0.1 / (4 * result.smearing_width)
    assert error == pytest.approx(-thermal_dos * variance / 2 * MEV_PER_ATOM, rel=0.1)
    assert error < -15
