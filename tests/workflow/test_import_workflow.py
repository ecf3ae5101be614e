"""Round trip: the tiny case exported in MALA's form and imported again, by the whole workflow."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny_workflow import new_folder, planned, snakemake

from surrogate_hpo.formats.espresso.engine import WHEEL_VARIABLE

pytestmark = [pytest.mark.workflow, pytest.mark.qe]
COUNTS = {"training": 6, "validation": 2, "test": 2}
TABLES = (
    *("acsd/scores.csv", "naswot/scores.csv", "search/trials.csv"),
    *("evaluate/energies.csv", "evaluate/errors.csv", "evaluate/dos.csv"),
)


@pytest.fixture
def exported(finished, tmp_path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "surrogate_hpo", "export", tmp_path / "data", "--config", "config.yaml"],
        cwd=finished,
        check=True,
    )  # fmt: skip
    return tmp_path / "data"


def importing(folder: Path, data: Path, **dft: object) -> Path:
    """A folder whose config reads the exported snapshots and says nothing of pw.x."""
    path = new_folder(folder) / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["dft"] = {"pseudopotentials": settings["dft"]["pseudopotentials"], **dft}
    settings["snapshots"] = {"method": "finished"} | {
        split: [str(data / f"{split}-{number:04d}.info.json") for number in range(count)]
        for split, count in COUNTS.items()
    }
    path.write_text(yaml.safe_dump(settings))
    return folder


def choices(folder: Path) -> dict[str, object]:
    documents = {
        stage: json.loads((folder / f"results/{stage}/choice.json").read_text())
        for stage in ("acsd", "naswot", "search")
    }
    # The inputs' checksums differ: the stores say where they come from.
    return {stage: {**d, "provenance": None} for stage, d in documents.items()}


def told(table: Path) -> list[dict]:
    """Rows of a table without the temperature of the ions, which MALA's form does not tell."""
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    return [{k: v for k, v in row.items() if k != "temperature_kelvin"} for row in rows]


@pytest.mark.longest
def test_exported_and_imported_again_every_number_is_the_same(
    finished, exported, tmp_path, monkeypatch
):
    before = {p: p.read_bytes() for p in exported.iterdir()}
    folder = importing(tmp_path / "import", exported)
    monkeypatch.setenv(WHEEL_VARIABLE, "/no/such/python")
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert choices(folder) == choices(finished)
    for table in TABLES:
        ours, theirs = (f / "results" / table for f in (folder, finished))
        assert told(ours) == told(theirs), table
    assert "finished calculations" in (folder / "results/report/report.html").read_text()
    assert {p: p.read_bytes() for p in exported.iterdir()} == before
    assert planned(folder) == set()
    # A file of the user's that changes reruns what depends on it.
    changed = exported / "test-0000.out.npy"
    np.save(changed, 1.001 * np.load(changed))
    assert planned(folder, "results/ldos/test-0000.zarr.zip") == {"ldos"}


def test_without_what_only_we_write_the_config_must_say_it_and_the_choices_stay(
    finished, exported, tmp_path
):
    for path in exported.glob("*.info.json"):
        document = json.loads(path.read_text())
        del document["surrogate_hpo"]
        path.write_text(json.dumps(document))
    folder = importing(tmp_path / "asked", exported)
    done = subprocess.run(
        [sys.executable, "-m", "surrogate_hpo", "check", "config.yaml"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "dft.functional in the config" in done.stderr
    folder = importing(tmp_path / "bare", exported, functional="lda_pw92")
    done = snakemake(folder, "results/acsd/choice.json", "results/ldos/test-0000.zarr.zip")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    chosen = json.loads((folder / "results/acsd/choice.json").read_text())
    assert {**chosen, "provenance": None} == choices(finished)["acsd"]


def test_a_calculation_that_is_not_there_is_named_before_any_job(tmp_path):
    done = snakemake(importing(tmp_path / "none", tmp_path / "nowhere"), "--dry-run")
    assert done.returncode != 0
    assert "the finished calculation does not exist" in done.stdout + done.stderr
    assert "nowhere/" in done.stdout + done.stderr
