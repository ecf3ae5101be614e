"""The surrogate of a finished run: what `evaluate` found, in a folder without the run."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ase.io import read, write

pytestmark = [pytest.mark.workflow, pytest.mark.qe]
QUANTITIES = ("total_free_energy_ev", "band_energy_ev", "hartree_energy_ev", "fermi_energy_ev")


@pytest.fixture(scope="module")
def alone(finished, tmp_path_factory) -> Path:
    """A folder with the surrogate, a test snapshot, and a supercell eight times as large."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copy(finished / "results/surrogate/surrogate.pt", folder)
    cell = read(finished / "results/snapshots/test-0000.extxyz")
    cell.info.clear()
    write(folder / "structures.xyz", [cell, cell.repeat(2)], format="extxyz")
    done = subprocess.run(
        [sys.executable, "-m", "surrogate_hpo", "predict", "surrogate.pt", "structures.xyz",
         "--index", ":", "--output", "out"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_the_energies_of_a_snapshot_are_those_of_evaluate(finished, alone):
    with (finished / "results/evaluate/energies.csv").open() as handle:
        rows = [row for row in csv.DictReader(handle) if row["snapshot"] == "test-0000"]
    expected = [row for row in rows if row["source"].startswith("seed-")]
    found = json.loads((alone / "0000/prediction.json").read_text())
    assert len(expected) == 2
    for quantity in QUANTITIES:
        for value, row in zip(found[quantity]["per_seed"], expected, strict=True):
            assert value == pytest.approx(float(row[quantity]), abs=1e-6)


def test_a_cell_eight_times_as_large_has_the_energy_of_its_cells(alone):
    cell, large = (
        json.loads((alone / f"{number:04d}/prediction.json").read_text()) for number in (0, 1)
    )
    assert large["atoms"] == 8 * cell["atoms"]
    assert large["grid"] == [2 * points for points in cell["grid"]]
    for ours, theirs in zip(
        large["total_free_energy_ev_per_atom"]["per_seed"],
        cell["total_free_energy_ev_per_atom"]["per_seed"],
        strict=True,
    ):
        assert ours == pytest.approx(theirs, abs=1e-4)  # 0.1 meV
