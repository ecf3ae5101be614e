"""When the Slurm job that this process runs in will end: asked of Slurm."""

import subprocess
import time
from collections.abc import Mapping

SECONDS_TO_ANSWER = 20


def slurm_end_time(environment: Mapping[str, str]) -> int | None:
    """End of the surrounding Slurm job.

    Newer versions of Slurm say it in SLURM_JOB_END_TIME, which is lost where Snakemake starts the
    job's step with an environment of its own; Slurm 22.05 does not say it at all.

    Parameters
    ----------
    environment
        Environment variables.

    Returns
    -------
    int or None
        Seconds since 1970; None outside of Slurm, for a job without limit, and where Slurm does
        not answer.
    """
    job = environment.get("SLURM_JOB_ID")
    if job is None:
        return None
    question = ["squeue", "--noheader", f"--jobs={job}", "--format=%e"]
    try:
        done = subprocess.run(
            question, capture_output=True, text=True, check=True, timeout=SECONDS_TO_ANSWER
        )
        return int(time.mktime(time.strptime(done.stdout.split()[0], "%Y-%m-%dT%H:%M:%S")))
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return None
