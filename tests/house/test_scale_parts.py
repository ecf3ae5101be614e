"""The parts of the benchmark of large cells: stored one by one, taken up again, put together."""

import argparse
import importlib.util
import json
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "benchmarks" / "scale_parts.py"
SPECIFICATION = importlib.util.spec_from_file_location("scale_parts", SOURCE)
parts = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(parts)


def row(atoms, seconds, energy=-1.0):
    return {
        "atoms": atoms,
        "seconds_per_atom": seconds,
        "microseconds_per_point": 10 * seconds,
        "peak_gibibytes": 0.5,
        "scratch_bytes_per_point": 0.0,
        "energy_ev_per_atom": energy,
    }


def test_a_run_that_was_killed_goes_on(tmp_path):
    path = tmp_path / "parts.json"

    def killed():
        raise KeyboardInterrupt

    first = parts.Parts(path, {"spacing": 0.4})
    assert first("size 256", lambda: row(256, 1.0))["atoms"] == 256
    with pytest.raises(KeyboardInterrupt):
        first("size 2048", killed)
    again = parts.Parts(path, {"spacing": 0.4})
    assert again("size 256", killed) == row(256, 1.0)
    assert again("size 2048", lambda: row(2048, 1.1))["seconds_per_atom"] == 1.1
    assert set(json.loads(path.read_text())["rows"]) == {"size 256", "size 2048"}
    assert parts.Parts(path, {"spacing": 0.2}).rows == {}


def test_every_number_of_the_issue_follows_from_the_parts():
    options = argparse.Namespace(
        atoms=[256, 16384], rounds=2, spacing=0.2, before="c543e93", pwx_atoms=32
    )
    rows = {"size 256": row(256, 2.0)}
    first = parts.document_of(rows, options)
    assert "peak_gibibytes_256" in first
    assert not any(key.startswith("cost_ratio") for key in first)
    rows |= {
        "size 16384": row(16384, 2.1),
        "before 0": row(256, 6.0, -1.001),
        "now 0": row(256, 2.0),
        "before 1": row(256, 4.0),
        "lammps and torch": {
            "lammps_microseconds_per_point": 300.0,
            "torch_microseconds_per_point": 100.0,
        },
        "size 32": row(32, 3.0),
        "pwx 32": {"pwx_cpu_seconds": 60.0, "pwx_grid": [10, 10, 20]},
    }
    found = parts.document_of(rows, options)
    assert found["cost_ratio_16384_to_256"] == pytest.approx(1.05)
    assert found["peak_gibibytes_16384"] == 0.5
    assert found["scratch_bytes_per_point"] == 0.0
    assert found["speedup_per_point"] == pytest.approx(3.0)  # only of turns that are complete
    assert found["energy_difference_mev_per_atom"] == pytest.approx(1.0)
    assert found["speedup_over_lammps_and_torch"] == pytest.approx(20.0)
    assert found["speedup_over_pwx"] == pytest.approx(60 / (30e-6 * 2000))
