"""What a stage does not import: each job of a small cell would spend more on it than on work."""

import subprocess
import sys

import pytest

from surrogate_hpo import cli

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


def test_a_job_reads_no_other_stage_for_a_list_that_nobody_sees(monkeypatch, capsys):
    read = []
    monkeypatch.setattr(cli, "_summary", lambda stage: read.append(stage) or "a summary")
    for arguments, expected in ((["descriptors", "--help"], {"descriptors"}), (["--help"], None)):
        read.clear()
        with pytest.raises(SystemExit):
            cli.main(arguments)
        assert set(read) == (expected or set(cli.VERBS) - {"profile"})
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in cli.VERBS)
