"""A Slurm for the session, and one finished run of the tiny case that all others start from."""

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Run, Start, starting, visible_gpus
from slurm_lab import Lab, LabError
from tiny_workflow import new_folder

from surrogate_hpo.run.graph import HELPERS, STAGES

pytest.register_assert_rewrite("environment_modules", "job_faults", "search_workers")
RULES = (*STAGES, *HELPERS)

# No stage runs on these GPUs, which are null devices: `use_gpu` stays false and only the request
# is made, so that Slurm chooses the partition, counts the GPU and names it to the job.
ON_GPUS = ("search_worker", "train", "evaluate_snapshot")
GPU_REQUESTS = ["--set-resources", *(f"{rule}:gpu=1" for rule in ON_GPUS)]
# More kinds of short jobs in bundles, as config.yaml of the profile says for small cells.
BUNDLES = [
    "--groups", "snapshots=structures", "dft=densities", "ldos=densities", "descriptors=grids",
    "evaluate=tables", "report=tables",
    "--group-components", "structures=7", "densities=6", "grids=7",
]  # fmt: skip


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The Slurm; one that was up before is used and stays."""
    lab = Lab()
    with Path(f"{lab.folder}.lock").open("w") as lock:
        # There is one lab per machine, and one session may not end it under another.
        fcntl.flock(lock, fcntl.LOCK_EX)
        was_up = lab.is_up()
        if not was_up:
            try:
                lab.start()
            except (LabError, OSError) as error:
                pytest.skip(f"no Slurm for tests: {error}")
        before = dict(os.environ)
        os.environ.update(lab.environment())
        yield lab
        os.environ.clear()
        os.environ.update(before)
        if not was_up:
            lab.stop()


@pytest.fixture(scope="session")
def gpus_seen() -> dict[str, set[str]]:
    """Which GPUs the processes of each rule of the finished run were shown."""
    return {}


@pytest.fixture(scope="session")
def finished(lab, tmp_path_factory, gpus_seen) -> Path:
    """The tiny case from end to end on Slurm, undisturbed."""
    folder = new_folder(tmp_path_factory.mktemp("slurm") / "finished")
    run = Run(lab, folder, *GPU_REQUESTS, *BUNDLES)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.3):
            visible_gpus(folder, gpus_seen)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run.succeeds()
    finally:
        over.set()
        watcher.join()
        run.close()
    return folder


@pytest.fixture
def start(lab) -> Iterator[Start]:
    """Starts runs and ends those that are left."""
    with starting(lab) as start:
        yield start
