"""The search stage on synthetic snapshots: workers, interruptions, and the same choice."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from audit_data import stores, write_snapshots
from gathered import gather_search, parts, run_search

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.run.chunk_results import read_chunks
from surrogate_hpo.stages.search.settings import SearchSettings
from surrogate_hpo.stages.search.worker import search_worker

# A worker in a process of its own, which kills itself at the n-th checkpoint.
WORKER = """
import os, pathlib, signal, sys
sys.path[:0] = [sys.argv[1], os.path.dirname(sys.argv[1])]
from test_search_stage import inputs, search_settings
from surrogate_hpo.training import resumable
from surrogate_hpo.stages.search.worker import search_worker
folder, worker, kill_at = pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
write, count = resumable.write_state, 0
def write_then_die(path, state):
    global count
    write(path, state)
    count += 1
    if count == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
resumable.write_state = write_then_die
search_worker(settings=search_settings(workers=2), seed=3, worker=worker, **inputs(folder),
    results=folder / f"out/parts/{worker}.json", state=folder / "out/state")
"""


def search_settings(**changes: object) -> SearchSettings:
    values = {
        "trials": 6,
        "initialisations": 2,
        "maximum_epochs": 3,
        "startup_trials": 2,
        "points": 600,
        "batch_size": [50, 100],
        "optimiser": ["adam"],
        "weight_decay": [0.0],
    }
    return SearchSettings.model_validate(values | changes)


def inputs(folder: Path) -> dict[str, object]:
    return {"naswot": folder / "naswot.json", **stores(folder)}


def prepared(folder: Path) -> Path:
    write_snapshots(folder)
    architecture = Architecture((8,), "tanh").to_dict()
    (folder / "naswot.json").write_text(json.dumps({"architecture": architecture}))
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    return prepared(tmp_path)


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> str:
    """The table of trials of two workers, one after the other."""
    folder = prepared(tmp_path_factory.mktemp("alone"))
    run_search(search_settings(workers=2), folder / "out", seed=3, **inputs(folder))
    return (folder / "out/trials.csv").read_text()


def gather(folder: Path) -> str:
    """The table of trials of what two workers have left."""
    gather_search(search_settings(workers=2), folder / "out", seed=3)
    return (folder / "out/trials.csv").read_text()


def start(folder: Path, worker: int, kill_at: int = 0) -> subprocess.Popen[bytes]:
    arguments = [Path(__file__).parent, folder, worker, kill_at]
    return subprocess.Popen([sys.executable, "-c", WORKER, *map(str, arguments)])


def test_a_killed_worker_goes_on_within_its_trial_and_the_table_is_that_of_one(folder, expected):
    # Nine checkpoints: trial 0, and the first initialisation of trial 1.
    assert start(folder, 0, kill_at=9).wait() == -signal.SIGKILL
    (checkpoint,) = folder.glob("out/state/*/checkpoints/*/*-0.pt")
    before = checkpoint.stat().st_mtime
    again = start(folder, 0, kill_at=4)
    assert again.wait() == -signal.SIGKILL
    assert checkpoint.stat().st_mtime == before, "the file of the dead is left alone"
    workers = [start(folder, number) for number in (0, 1)]
    assert [worker.wait() for worker in workers] == [0, 0]
    written = [list(read_chunks([path]).results) for path in parts(folder / "out", 2)]
    assert written == [["0", "2", "4"], ["1", "3", "5"]], "whoever ran them"
    assert gather(folder) == expected
    assert not list((folder / "out/state").iterdir())
    choice = json.loads((folder / "out/choice.json").read_text())
    rows = list(csv.DictReader(expected.splitlines()))
    values = {row["trial"]: float(row["value"]) for row in rows if row["state"] == "COMPLETE"}
    assert choice["value"] == min(values.values()) == values[str(choice["trial"])]


def test_one_worker_does_what_another_left_undone_and_the_gatherer_only_gathers(folder, expected):
    assert start(folder, 1, kill_at=5).wait() == -signal.SIGKILL
    with pytest.raises(
        DataError, match=r"(?s)what a chunk of a stage writes.*0\.json.*No such file"
    ):
        gather(folder)
    assert start(folder, 1).wait() == 0
    assert start(folder, 0).wait() == 0
    assert gather(folder) == expected
    (folder / "out/trials.csv").unlink()
    assert gather(folder) == expected, "without the study, which is deleted"
    parts(folder / "out", 2)[1].unlink()
    assert start(folder, 1).wait() == 0
    assert gather(folder) == expected, "a worker alone, anew"


def test_a_worker_that_is_not_there(folder):
    for worker in (2, -1):
        with pytest.raises(ConfigError, match=r"(?s)no such worker.*0 to 1"):
            search_worker(
                settings=search_settings(workers=2),
                seed=3,
                worker=worker,
                **inputs(folder),
                results=folder / "results.json",
                state=folder / "state",
            )


def test_the_number_of_workers_decides_numbers_and_the_time_of_grace_none():
    deciding = search_settings(workers=2).deciding()
    assert deciding != search_settings().deciding()
    assert deciding == search_settings(workers=2, grace_seconds=5.0).deciding()
