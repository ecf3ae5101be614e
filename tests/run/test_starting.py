"""What a stage does not import: each job of a small cell would spend more on it than on work."""

import subprocess
import sys

import pytest

# Seconds each; pandas comes with xarray.
HEAVY = ("torch", "xarray", "pandas", "matplotlib", "optuna", "numba", "zarr", "ase.io")
NEEDS = {
    "ldos": {"zarr"},
    "descriptors": {"numba", "zarr"},
    "dft": {"ase.io"},
    "snapshots": {"ase.io"},
}


@pytest.mark.parametrize("stage", NEEDS)
def test_a_stage_imports_only_what_it_needs(stage):
    code = (
        f"import sys, surrogate_hpo.cli, surrogate_hpo.stages.{stage}.stage; "
        f"print(*(name for name in {HEAVY} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= NEEDS[stage]
