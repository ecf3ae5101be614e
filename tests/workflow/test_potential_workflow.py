"""`snakemake potential` on a finished run: one job more, off by default, and its files for LAMMPS."""

import csv
import json

import pytest
from lammps_atoms import in_lammps, lammps_installed
from tiny_workflow import edit_config, planned, snakemake

from surrogate_hpo import PotentialCalculator
from surrogate_hpo.formats.structures.structures import read_structure

pytestmark = [pytest.mark.workflow, pytest.mark.qe]


@pytest.fixture
def fitted(run):
    edit_config(run, "potential", cutoff_radii_angstrom=[4.0], twojmax=[2, 4], members=3)
    assert planned(run) == set()
    assert planned(run, "potential") == {"potential"}
    done = snakemake(run, "potential")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return run


def test_the_potential_is_fitted_to_the_runs_energies_and_forces(fitted):
    folder = fitted / "results/potential"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["chosen"]["structures"] == 6
    assert summary["chosen"]["force_components"] == 6 * 4 * 3
    test = summary["test"]
    assert test["structures"] == 2
    assert test["energy_mae_mev_per_atom"] < test["energy_baseline_mev_per_atom"]
    assert test["force_rmse_mev_per_angstrom"] < 0.5 * test["rms_force_mev_per_angstrom"]
    assert "same volume per atom" in summary["stress_left_out"]
    assert test["stress_rmse_gpa"] is None
    with (folder / "potential.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["snapshot"] for row in rows] == ["test-0000", "test-0001"]
    assert planned(fitted, "potential") == set()
    edit_config(fitted, "potential", prior="none")
    assert planned(fitted, "potential") == {"potential"}
    edit_config(fitted, "potential", prior="zbl", hyperparameters={"selection": "acsd"})
    assert planned(fitted, "potential") == {"ados_atoms", "potential"}
    edit_config(fitted, "potential", hyperparameters={"selection": "error"})
    edit_config(fitted, "report", potential=True)
    assert planned(fitted) == {"report"}
    atoms = read_structure(fitted / "results/snapshots/test-0000.extxyz")
    atoms.calc = PotentialCalculator(folder / "potential.json")
    dft = json.loads((fitted / "results/dft/test-0000.json").read_text())
    error = 1000 * (atoms.get_potential_energy() - dft["total_free_energy_ev"]) / len(atoms)
    assert error == pytest.approx(float(rows[0]["energy_error_mev_per_atom"]), abs=1e-6)
    if lammps_installed.args[0]:  # what it is skipped for
        return
    said = in_lammps(
        atoms,
        ["Al"],
        [
            f"variable potential_folder index {folder}/lammps",
            f"include {folder}/lammps/potential.in",
        ],
        columns="fx fy fz",
        thermo="step pe",
    )
    assert said.thermo[1] == pytest.approx(atoms.get_potential_energy(), abs=1e-8)
