"""Shared fixtures: one tiny calculation with Quantum ESPRESSO for all tests that need one."""

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from hypothesis import settings
from scf import run_scf
from tiny_workflow import new_folder, snakemake

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.formats.espresso.engine import WHEEL_VARIABLE, find_engine
from surrogate_hpo.formats.espresso.scf import save_folder

# A busy machine must not fail a law; CI looks at the same examples every time.
settings.register_profile("house", deadline=None)
settings.register_profile("ci", parent=settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")

# The tests start some thousand processes, each of which would compile the package anew, and parse
# it for the digests of its code.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

REPOSITORY = Path(__file__).resolve().parent.parent
PSEUDOPOTENTIALS = REPOSITORY / "pseudopotentials"


@dataclass(frozen=True)
class TinyRun:
    """A finished calculation: its folder, `.save` folder, atoms and numbers."""

    directory: Path
    save: Path
    atoms: Atoms
    result: DftResult


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that two processes end at the same time."""
    items.sort(
        key=lambda item: [item.get_closest_marker(name) is None for name in ("longest", "workflow")]
    )


@pytest.fixture(scope="session", autouse=True)
def _espresso_in_checkout() -> None:
    """Let tests run from any folder: name the checkout's own wheel if nothing else is there."""
    python = REPOSITORY / ".venv-qe/bin/python"
    if python.exists():
        os.environ.setdefault(WHEEL_VARIABLE, str(python))


@pytest.fixture(scope="session")
def displaced_aluminium() -> Atoms:
    """Four aluminium atoms, Einstein displacements of 298 K."""
    return thermal_displacements(
        bulk("Al", "fcc", a=4.05, cubic=True),
        temperature=298.0,
        debye_waller_b=0.86,
        reference_temperature=300.0,
        seed=0,
    )


@pytest.fixture(scope="session")
def tiny_settings() -> dict:
    """Keyword settings of `run_scf` for half a second of pw.x."""
    return {
        "pseudo_dir": PSEUDOPOTENTIALS,
        "pseudopotentials": {"Al": "Al.hgh-lda.UPF"},
        "cutoff_rydberg": 8.0,
        "kpoints": (2, 2, 2),
        "shift": (1, 1, 1),
        "electronic_temperature_kelvin": 5000.0,
        "bands": 16,
    }


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, displaced_aluminium, tiny_settings) -> TinyRun:
    """Run pw.x once: 8 Ry, shifted 2×2×2, 5000 K."""
    find_engine()
    directory = tmp_path_factory.mktemp("tiny_run")
    result = run_scf(displaced_aluminium, directory=directory, **tiny_settings)
    assert np.isfinite(result.total_free_energy)
    return TinyRun(directory, save_folder(directory), displaced_aluminium, result)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A finished run of the tiny case; tests that change it take a copy.

    Processes that share the tests (pytest -n) share this folder, too: the first to come makes it.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "finished-run"
    with (shared / "finished-run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "results/report/report.html").exists():
            shutil.rmtree(folder, ignore_errors=True)
            new_folder(folder)
            done = snakemake(folder)
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """A private copy of the finished run; `cp -a` keeps the times that Snakemake compares."""
    subprocess.run(["cp", "-a", str(finished), str(tmp_path / "run")], check=True)
    return tmp_path / "run"


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A folder to run stages in, with a config that can be edited."""
    values = yaml.safe_load((REPOSITORY / "config" / "tiny.yaml").read_text())
    values["dft"]["pseudopotentials"] = {"Al": "Al.UPF"}
    shutil.copy(PSEUDOPOTENTIALS / "Al.hgh-lda.UPF", tmp_path / "Al.UPF")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    return tmp_path
