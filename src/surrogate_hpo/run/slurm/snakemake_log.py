"""What the log of the last Snakemake says of jobs that sbatch did not take."""

import re
from dataclasses import dataclass
from pathlib import Path

_TAIL_BYTES = 1 << 20
_ON_SLURM = "SLURM run ID:"
_SINGLE = re.compile(
    r"Error in rule (\S+):\n +message: SLURM sbatch failed\. The error message was '(.*?)'\.\n",
    re.DOTALL,
)
# Of a group Snakemake (9.27) leaves the message out; a group that had a Slurm job has its log here.
_GROUP = re.compile(r"^ +message: Error in group (\S+)\n +jobs:$", re.MULTILINE)


@dataclass(frozen=True)
class Refusal:
    """A submission that failed.

    Attributes
    ----------
    name
        Rule or group.
    reason
        Words of sbatch, in one line; None for a group.
    """

    name: str
    reason: str | None


def refused_submissions(folder: Path) -> tuple[Path | None, list[Refusal]]:
    """What sbatch refused in the last run of Snakemake.

    Parameters
    ----------
    folder
        In which snakemake runs.

    Returns
    -------
    log : Path or None
        Of that run; None without one on Slurm.
    refusals : list of Refusal
        Each rule or group once.
    """
    logs = sorted((folder / ".snakemake" / "log").glob("*.snakemake.log"))
    try:
        with logs[-1].open("rb") as stream:
            on_slurm = _ON_SLURM in stream.read(4096).decode("utf-8", errors="replace")
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _TAIL_BYTES))
            text = stream.read(_TAIL_BYTES).decode("utf-8", errors="replace")
    except (OSError, IndexError):
        return None, []
    if not on_slurm:
        return None, []
    found = [Refusal(rule, "; ".join(words.split("\n"))) for rule, words in _SINGLE.findall(text)]
    found += [Refusal(f"group {group}", None) for group in _GROUP.findall(text)]
    return logs[-1], list(dict.fromkeys(found))
