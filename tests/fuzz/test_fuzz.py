"""Damaged files of every form: accepted, or an error that says what and where; nothing else."""

import os
import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parent / "fuzz_run.py"


def test_no_damage_ends_in_a_traceback_a_hang_or_a_full_memory(record_property):
    done = subprocess.run(
        [sys.executable, str(FUZZ), "--mutations", "200", "--jobs", "2"],
        capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    record_property("outcomes", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) > 20, "a line for each reader"
