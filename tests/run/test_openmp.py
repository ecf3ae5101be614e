"""What OpenMP's threads do while they wait."""

import os
import subprocess
import sys

import pytest

VERB = ["-m", "surrogate_hpo", "search_worker", "--help"]
API = ["-c", "import surrogate_hpo.networks.training"]
CHILD = [
    "-c",
    "import surrogate_hpo, subprocess, sys; "
    "subprocess.run([sys.executable, '-c', 'import torch'], check=True)",
]


@pytest.mark.parametrize("arguments", [VERB, API, CHILD], ids=["verb", "api", "child"])
def test_they_do_not_spin(arguments):
    # torch prints what its OpenMP was told.
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("OMP_WAIT", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment | {"OMP_DISPLAY_ENV": "TRUE"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr


def test_what_the_user_says_counts():
    code = "import os, surrogate_hpo; print(os.environ['OMP_WAIT_POLICY'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"OMP_WAIT_POLICY": "ACTIVE"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ACTIVE\n"
