"""What a Snakemake profile asks of Slurm for every job: partitions with limits, account, QOS."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surrogate_hpo.config.load import read_mapping
from surrogate_hpo.errors import ConfigError

# Keys of `default-resources` that Snakemake's plugin hands to sbatch for every job.
_RESOURCES = {"slurm_account": "--account", "qos": "--qos", "constraint": "--constraint"}
_LIMITS = {"max_runtime": "--time", "max_mem_mb": "--mem", "max_threads": "--cpus-per-task"}


@dataclass(frozen=True)
class Partition:
    """A partition as the profile describes it.

    Attributes
    ----------
    name
        Its name.
    limits
        What `partitions.yaml` says that a job may ask for, by key; time in minutes.
    """

    name: str
    limits: Mapping[str, Any]

    @property
    def smallest(self) -> list[str]:
        """Options of sbatch for the smallest job that the profile sends there."""
        options = [f"--partition={self.name}", "--ntasks=1", "--time=1"]
        return [*options, "--gpus=1"] if self.limits.get("max_gpu") else options

    @property
    def largest(self) -> dict[str, list[str]]:
        """Options of sbatch for a job at each limit, by what `partitions.yaml` says of it."""
        found = {
            f"{key}: {self.limits[key]}": [f"{option}={self.limits[key]}"]
            for key, option in _LIMITS.items()
            if isinstance(self.limits.get(key), int)
        }
        if gpus := self.limits.get("max_gpu"):
            found[f"max_gpu: {gpus}"] = [f"--gpus={gpus}"]
        for model in self.limits.get("available_gpu_models") or []:
            found[f"available_gpu_models: [{model}]"] = [f"--gpus={model}:1"]
        return found


@dataclass(frozen=True)
class SlurmProfile:
    """A profile for Slurm.

    Attributes
    ----------
    config
        Its `config.yaml`.
    partitions_file
        The file that describes partitions.
    resources
        Options of sbatch for all jobs, by what the config says of them.
    partitions
        Those of `partitions.yaml`.
    """

    config: Path
    partitions_file: Path
    resources: Mapping[str, list[str]]
    partitions: tuple[Partition, ...]


def read_slurm_profile(folder: Path) -> SlurmProfile:
    """Read a profile.

    Parameters
    ----------
    folder
        It holds `config.yaml`, which names the file of partitions.

    Returns
    -------
    SlurmProfile
        What every job asks for.

    Raises
    ------
    ConfigError
        If a file is missing or damaged, or the profile is none for Slurm.
    """
    path = folder / "config.yaml"
    config = read_mapping(path)
    if config.get("executor") != "slurm" or not config.get("slurm-partition-config"):
        raise ConfigError(
            "the profile is none for Slurm",
            where=str(path),
            expected="executor: slurm, and slurm-partition-config: a file",
            got=f"executor: {config.get('executor')}",
            remedy="name another: surrogate-hpo profile check slurm",
        )
    partitions = folder / str(config["slurm-partition-config"])
    described = read_mapping(partitions).get("partitions")
    whole = isinstance(described, dict) and all(isinstance(d, dict) for d in described.values())
    if not described or not whole:
        raise ConfigError(
            "the file describes no partitions",
            where=str(partitions),
            expected="partitions: {name: {max_runtime: minutes, ...}}",
            got=repr(described)[:80],
            remedy="describe those that `sinfo -s` lists, as in the example in that file",
        )
    return SlurmProfile(
        path,
        partitions,
        _resources(config.get("default-resources")),
        tuple(Partition(str(name), limits) for name, limits in described.items()),
    )


def _resources(given: dict[str, object] | list[object] | None) -> dict[str, list[str]]:
    """Options by resource, from a mapping or from a list of `name=value`."""
    listed = [str(entry).partition("=") for entry in given] if isinstance(given, list) else []
    entries = given.items() if isinstance(given, dict) else ((n, value) for n, _, value in listed)
    found = {}
    for name, value in entries:
        if name in _RESOURCES:
            found[f"{name}={value}"] = [f"{_RESOURCES[name]}={value}"]
        elif name == "slurm_extra":
            # Quoted twice: for Snakemake, and for the plugin's shell.
            found[f"{name}={value}"] = shlex.split(" ".join(shlex.split(str(value))))
    return found
