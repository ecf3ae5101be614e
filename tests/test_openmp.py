"""What OpenMP's threads do while they wait."""

import os
import subprocess
import sys


def test_they_do_not_spin():
    # The verb loads torch, which prints what its OpenMP was told.
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("OMP_WAIT", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-m", "surrogate_hpo", "search", "--help"],
        env=environment | {"OMP_DISPLAY_ENV": "TRUE"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr
