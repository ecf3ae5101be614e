"""What Slurm refuses: asked of Slurm itself, or read in the log of the last Snakemake."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from surrogate_hpo.errors import ConfigError, EngineError
from surrogate_hpo.run.slurm.profile import Partition, SlurmProfile

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


_SECONDS_TO_ANSWER = 60
_TIME = re.compile(r"(?:(\d+)-)?(\d+):(\d+):(\d+)|(\d+):(\d+)")


def check_with_slurm(profile: SlurmProfile) -> list[str]:
    """Ask sbatch about jobs of every partition; it tests them and submits none.

    Snakemake (9.27) drops the reason of sbatch for jobs in a group. So each entry of the profile
    is asked about here: first the smallest job, then one at each limit.

    Parameters
    ----------
    profile
        The profile.

    Returns
    -------
    list of str
        A line for each partition.

    Raises
    ------
    EngineError
        If there is no sbatch.
    ConfigError
        With sbatch's own words, where they come from and what to edit, for every refusal.
    """
    if shutil.which("sbatch") is None:
        raise EngineError(
            "there is no sbatch",
            where="PATH",
            remedy="run this where you submit jobs: on the login node of the cluster",
        )
    faults = [str(fault) for part in profile.partitions for fault in _faults(profile, part)]
    if faults:
        count = f"{len(faults)} " + ("entries" if len(faults) > 1 else "entry")
        listed = "\n".join(f"{number}. {fault}" for number, fault in enumerate(faults, start=1))
        raise ConfigError(f"Slurm takes no jobs as {count} of the profile asked:\n{listed}")
    return [f"{part.name}: Slurm takes {_terms(profile, part)}" for part in profile.partitions]


def _terms(profile: SlurmProfile, partition: Partition) -> str:
    return ", ".join([*partition.largest, *profile.resources]) or "jobs"


def _faults(profile: SlurmProfile, partition: Partition) -> Iterator[ConfigError]:
    smallest = [*partition.smallest, *(o for more in profile.resources.values() for o in more)]
    refusal = _refusal(smallest)
    if refusal is not None:
        yield _of_the_smallest(profile, partition, refusal)
        return
    where = f"{profile.partitions_file}, partition {partition.name}"
    for entry, options in partition.largest.items():
        refusal = _refusal([*smallest, *options])
        if refusal is None and entry.startswith("max_runtime"):
            refusal = _above_the_partition(partition)
        if refusal is not None:
            yield ConfigError(
                "the partition takes no jobs of this size",
                where=f"{where}, {entry}",
                got=refusal,
                remedy="lower it to what `scontrol show partition` and `sinfo -N -o '%N %c %m %G'` "
                "say",
            )


def _of_the_smallest(profile: SlurmProfile, partition: Partition, refusal: str) -> ConfigError:
    """Which entry it is: the one without which Slurm takes the job, else the partition."""
    for entry in profile.resources:
        others = (o for name, more in profile.resources.items() if name != entry for o in more)
        if _refusal([*partition.smallest, *others]) is None:
            return ConfigError(
                f"the partition {partition.name} takes no jobs with this entry",
                where=f"{profile.config}, default-resources: {entry}",
                got=refusal,
                remedy="mend it; what you may use: "
                "`sacctmgr show associations user=$USER format=account,partition,qos`, and of "
                "constraints `sinfo -o '%P %f'`",
            )
    return ConfigError(
        "Slurm takes no job at all there",
        where=f"{profile.partitions_file}, partition {partition.name}",
        got=refusal,
        remedy=f"name a partition that `sinfo -s` lists, or, if it is about the account or QOS, "
        f"uncomment slurm_account and qos in {profile.config}",
    )


def _refusal(options: Sequence[str]) -> str | None:
    """What sbatch says against a job, in one line; None if it would take it."""
    try:
        done = subprocess.run(
            ["sbatch", "--test-only", *options, "--wrap=true"],
            capture_output=True, text=True, check=False, timeout=_SECONDS_TO_ANSWER,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return f"no answer: {error}"
    if done.returncode == 0:
        return None
    return "; ".join(line for line in done.stderr.splitlines() if line) or "no reason"


def _above_the_partition(partition: Partition) -> str | None:
    """Most clusters take a job of any length, and let it wait forever: sinfo tells the limit."""
    try:
        done = subprocess.run(
            ["sinfo", "--noheader", f"--partition={partition.name}", "--format=%l"],
            capture_output=True, text=True, check=True, timeout=_SECONDS_TO_ANSWER,
        )  # fmt: skip
        limit = done.stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return None
    match = _TIME.fullmatch(limit)
    asked = partition.limits["max_runtime"]
    if match is None or not isinstance(asked, int):
        return None
    days, hours, minutes, _, short, _ = (int(part or 0) for part in match.groups())
    if asked <= (days * 24 + hours) * 60 + minutes + short:
        return None
    return f"the partition's limit is {limit}; longer jobs wait forever with PartitionTimeLimit"
