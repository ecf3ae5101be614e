"""`profile check`: sbatch's own words for each entry of a profile that it refuses."""

import os
from pathlib import Path

import pytest

from surrogate_hpo.cli import main

# A Slurm of one partition: 16 CPUs, a day, an account of its own.
SBATCH = """#!/bin/sh
for option; do case "$option" in
  --test-only|--wrap=*|--ntasks=1|--partition=cpu|--time=*|--account=mine) ;;
  --cpus-per-task=*) test "${option#*=}" -le 16 ||
    { echo "allocation failure: Requested node configuration is not available" >&2; exit 1; } ;;
  --mail-type=FAIL) ;;
  *) echo "sbatch: error: what is $option?" >&2; exit 1 ;;
esac; done
"""
SINFO = "#!/bin/sh\necho 1-00:00:00\n"


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Path:
    """Folder of profiles, where sbatch and sinfo answer."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"sbatch": SBATCH, "sinfo": SINFO}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def profile(cluster: Path, partitions: str, resources: str = "[turns=1]") -> Path:
    folder = cluster / "mine"
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(
        "executor: slurm\nslurm-partition-config: partitions.yaml\n"
        f"default-resources: {resources}\n"
    )
    (folder / "partitions.yaml").write_text(f"partitions: {partitions}\n")
    return cluster


def refused(folder: Path) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["profile", "check", "mine", "--profiles", str(folder)])
    return str(stop.value)


@pytest.mark.parametrize(
    "resources",
    ["[turns=1, slurm_account=mine, \"slurm_extra=\\\"'--mail-type=FAIL'\\\"\"]",
     "{slurm_account: mine}"],
)  # fmt: skip
def test_a_profile_that_fits_is_taken(cluster, capsys, resources):
    main(
        ["profile", "check", "mine", "--profiles",
         str(profile(cluster, "{cpu: {max_runtime: 1440, max_threads: 16}}", resources))]
    )  # fmt: skip
    said = capsys.readouterr().out
    assert said.startswith(
        "cpu: Slurm takes max_runtime: 1440, max_threads: 16, slurm_account=mine"
    )


@pytest.mark.parametrize(
    ("partitions", "resources", "parts"),
    [
        ("{nope: {max_threads: 1}}", "[]",
         ["no job at all", "partitions.yaml, partition nope", "what is --partition=nope?", "sinfo -s"]),
        ("{cpu: {max_threads: 64}}", "[]",
         ["of this size", "partition cpu, max_threads: 64", "Requested node configuration", "lower"]),
        ("{cpu: {max_runtime: 1441}}", "[]",
         ["partition cpu, max_runtime: 1441", "limit is 1-00:00:00", "PartitionTimeLimit"]),
        ("{cpu: {}}", "[slurm_account=yours, qos=fast]",
         ["no job at all", "what is --account=yours?", "slurm_account and qos"]),
        ("{cpu: {}}", "[slurm_account=mine, qos=fast]",
         ["config.yaml, default-resources: qos=fast", "what is --qos=fast?", "sacctmgr"]),
        ("{cpu: {max_threads: 64, max_runtime: 9999}, no: {}}", "[]", ["as 3 entries", "3. "]),
    ],
)  # fmt: skip
def test_what_slurm_refuses_is_named_with_its_words(cluster, partitions, resources, parts):
    message = refused(profile(cluster, partitions, resources))
    assert message.startswith("ConfigError: Slurm takes no jobs as ")
    for part in parts:
        assert part in message


def test_a_profile_for_another_place_and_one_without_partitions_are_refused(cluster):
    folder = profile(cluster, "[]")
    assert "describes no partitions" in refused(folder)
    (folder / "mine" / "config.yaml").write_text("cores: 2\n")
    assert "none for Slurm" in refused(folder)


def test_without_slurm_it_says_where_to_ask(cluster, monkeypatch):
    folder = profile(cluster, "{cpu: {max_threads: 1}}")
    monkeypatch.setenv("PATH", str(cluster))
    assert "there is no sbatch" in refused(folder)
