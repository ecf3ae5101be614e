"""Programs from environment modules, loaded before Snakemake is started, reach the jobs."""

import os
import subprocess
from pathlib import Path

import pytest
from cluster import Start, command, jobs_of, without
from slurm_lab import Lab

from surrogate_hpo.formats.espresso.engine import WHEEL_VARIABLE, find_engine

# Where Debian's environment-modules and Lmod keep what a shell has to source.
INITS = [Path("/usr/share/modules/init/bash"), Path("/usr/share/lmod/lmod/init/bash")]


def make_module(place: Path) -> Path:
    """A module `quantum-espresso/7.2` whose pw.x notes who called it."""
    programs = place / "software" / "bin"
    programs.mkdir(parents=True)
    arguments = " ".join(find_engine().arguments)
    pw = programs / "pw.x"
    pw.write_text(
        f'#!/bin/sh\necho "$SLURM_JOB_ID $LOADEDMODULES" >> {place}/calls\nexec {arguments} "$@"\n'
    )
    pw.chmod(0o755)
    folder = place / "modulefiles" / "quantum-espresso"
    folder.mkdir(parents=True)
    (folder / "7.2").write_text(f"#%Module1.0\nprepend-path PATH {programs}\n")
    return folder.parent


def a_loaded_module_brings_quantum_espresso_to_the_jobs(
    lab: Lab, finished: Path, place: Path, start: Start
) -> None:
    """The jobs find the pw.x that the shell found which started Snakemake."""
    init = next((path for path in INITS if path.exists()), None)
    if init is None:
        pytest.skip("no environment modules here: apt-get install environment-modules")
    modules = make_module(place)
    folder = without(finished, place / "run")
    target = folder / "results/dft/test-0000.json"
    before = target.read_text()
    target.unlink()
    line = command(folder, "results/dft/test-0000.json")
    done = subprocess.run(
        ["bash", "-c", f'. {init}; module use {modules}; module load quantum-espresso; "$@"', "-", *line],
        env={name: value for name, value in os.environ.items() if name != WHEEL_VARIABLE},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    number = max(job.number for job in jobs_of(lab, folder))
    assert (place / "calls").read_text().split("\n")[0] == f"{number} quantum-espresso/7.2"
    assert target.read_text() == before
