"""A large cell whose slabs are Slurm jobs: two are killed, and the rest of the work is kept."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from cluster import Run, Start, is_on_a_node, stage_processes, until
from slurm_lab import Lab
from small_surrogate import aluminium, written
from tiny_workflow import edit_config, new_folder

from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.stages.predict_large.bracket import predict_large_bracket
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings
from surrogate_hpo.stages.predict_large.slab import predict_large_slab
from surrogate_hpo.stages.predict_large.stage import predict_large

pytestmark = pytest.mark.slurm
SLABS = 3
SETTINGS = {
    "structure": "large.extxyz",
    "surrogate": "surrogate.pt",
    "slabs": SLABS,
    "grid": [12, 12, 12],
}
RESULTS = Path("results/predict_large")


@pytest.fixture
def large(tmp_path) -> Path:
    folder = new_folder(tmp_path / "run")
    aluminium(3).write(folder / "large.extxyz")
    written(folder, functional="pbe", core=True)
    edit_config(folder, "predict_large", **SETTINGS)
    return folder


def in_this_process(folder: Path) -> dict[str, object]:
    """What the same jobs give one after the other, undisturbed."""
    with contextlib.chdir(folder):
        common = {
            "settings": PredictLargeSettings(**SETTINGS),
            "seed": 0,
            "threads": 1,
            "structure": Path("large.extxyz"),
            "surrogate": Path("surrogate.pt"),
        }
        bracket, here = Path("undisturbed/bracket.json"), Path("undisturbed")
        predict_large_bracket(**common, bracket=bracket)
        slabs = [here / f"{number}.zarr.zip" for number in range(SLABS)]
        for number, path in enumerate(slabs):
            predict_large_slab(**common, bracket=bracket, slab=number, result=path)
        predict_large(
            **common, bracket=bracket, slabs=slabs, energies=here / "prediction.json",
            dos=here / "dos.csv", density=here / "density.zarr.zip",
        )  # fmt: skip
    return document(folder / "undisturbed/prediction.json")


def document(path: Path) -> dict[str, object]:
    content = json.loads(path.read_text())
    return {key: value for key, value in content.items() if key != "provenance"}


def hangs(run: Run, folder: Path, stage: str = "predict_large_slab") -> int:
    """Stop the first job of a stage that is at work; returns its number in Slurm."""
    until(lambda: stage_processes(folder, stage), "a job gets to work")
    process = stage_processes(folder, stage)[0]
    process.suspend()
    number = int(process.environ()["SLURM_JOB_ID"])
    assert stage in next(j for j in run.jobs() if j.number == number).rule
    return number


def test_slabs_that_are_killed_are_made_by_the_next_run_alone(lab: Lab, large: Path, start: Start):
    run = start(large, "predict_large", "--retries", "0")
    cancelled = hangs(run, large)
    lab.run("scancel", str(cancelled))
    text = run.fails()
    assert "predict_large_slab" in text
    assert not (large / RESULTS / "prediction.json").exists()
    (job,) = (job for job in run.jobs() if job.number == cancelled)
    assert job.state == "CANCELLED"
    until(lambda: not is_on_a_node(job), "the cancelled job is gone")
    done = {path.name: path.stat().st_mtime_ns for path in (large / RESULTS / "slabs").iterdir()}
    assert len(done) == SLABS - 1
    assert all(name.endswith(".zarr.zip") for name in done)  # nothing half-written

    again = start(large, "predict_large")
    hangs(again, large)
    stage_processes(large, "predict_large_slab")[0].kill()
    again.succeeds()
    slabs = list(again.jobs("rule_predict_large_slab"))
    assert [job.state for job in slabs] == ["FAILED", "COMPLETED"]
    assert len({job.rule for job in slabs}) == 1
    assert not again.jobs("rule_predict_large_bracket")
    for name, time in done.items():
        assert (large / RESULTS / "slabs" / name).stat().st_mtime_ns == time
    assert document(large / RESULTS / "prediction.json") == in_this_process(large)


def test_forces_through_a_slab_that_is_killed_are_made_again(large: Path, start: Start):
    edit_config(large, "predict_large", forces=True)
    run = start(large, "predict_large")
    hangs(run, large, "predict_large_pull")
    stage_processes(large, "predict_large_pull")[0].kill()
    run.succeeds()
    pulls = list(run.jobs("rule_predict_large_pull"))
    assert sorted(job.state for job in pulls) == ["COMPLETED"] * SLABS + ["FAILED"]
    assert len({job.rule for job in pulls}) == SLABS
    expected = predict_structure(
        read_surrogate(large / "surrogate.pt"),
        read(large / "large.extxyz"),
        Conditions(grid=(12, 12, 12)),
        large,
        forces="each",
    ).derivatives
    found = read(large / RESULTS / "structure.extxyz").get_forces()
    assert abs(expected.forces).max() > 0.1
    # Descriptors and networks are of single precision, and other points pass together.
    np.testing.assert_allclose(found, expected.forces, rtol=0, atol=1e-6)
