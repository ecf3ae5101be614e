"""A large cell whose slabs are Slurm jobs: two are killed, and the rest of the work is kept."""

import contextlib
import json
from pathlib import Path

import pytest
from cluster import Run, Start, is_on_a_node, stage_processes, until
from slurm_lab import Lab
from small_surrogate import aluminium, written
from tiny_workflow import edit_config, new_folder

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


def hangs(run: Run, folder: Path) -> int:
    """Stop the first slab that is at work; returns its Slurm job."""
    until(lambda: stage_processes(folder, "predict_large_slab"), "a slab gets to work")
    process = stage_processes(folder, "predict_large_slab")[0]
    process.suspend()
    number = int(process.environ()["SLURM_JOB_ID"])
    assert "predict_large_slab" in next(j for j in run.jobs() if j.number == number).rule
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
