"""The profiles: found by name, alike where they must be, and the partitions that jobs go to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake_executor_plugin_slurm.partitions import PartitionLimits
from tiny_workflow import REPOSITORY

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.run.profile import install_profile

PROFILES = REPOSITORY / "profiles"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "snakemake"


def test_installing_links_the_checkout_and_twice_does_no_harm(home, monkeypatch, capsys):
    monkeypatch.chdir(REPOSITORY)
    for _ in range(2):
        main(["profile", "install", "slurm"])
        assert "snakemake --profile slurm" in capsys.readouterr().out
        assert (home / "slurm").resolve() == PROFILES / "slurm"


def test_without_xdg_the_folder_is_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    link = install_profile("slurm", profiles=PROFILES)
    assert link == tmp_path / ".config" / "snakemake" / "slurm"


def test_a_foreign_profile_is_left_alone(home, tmp_path):
    (home / "slurm").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"(?s)is there already.*a profile of its own.*remove"):
        install_profile("slurm", profiles=PROFILES)
    (home / "slurm").rmdir()
    (home / "slurm").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"(?s)is there already.*a link to .*elsewhere"):
        install_profile("slurm", profiles=PROFILES)
    assert (home / "slurm").readlink() == tmp_path / "elsewhere"


def test_an_unknown_profile_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"(?s)no profile `pbs`.*one of default, slurm"):
        install_profile("pbs", profiles=PROFILES)
    with pytest.raises(ConfigError, match=r"(?s)a folder of profiles.*--profiles"):
        install_profile("slurm", profiles=tmp_path)


def test_snakemake_looks_there(home, tmp_path):
    """Snakemake's own search, in a process of its own: it reads the environment once."""
    install_profile("slurm", profiles=PROFILES)
    code = "from snakemake.cli import get_profile_dir as find; print(find('slurm')[1].resolve())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=tmp_path, env=os.environ,
    )  # fmt: skip
    assert done.stdout.strip() == str(PROFILES / "slurm" / "config.yaml")


def test_the_same_changes_rerun_jobs_on_a_cluster_and_at_home():
    """Snakemake adds profiles/default to every other profile: what both say must agree."""
    slurm, default = (
        yaml.safe_load((PROFILES / name / "config.yaml").read_text())
        for name in ("slurm", "default")
    )
    assert default.items() <= slurm.items()


def test_every_partition_has_limits_that_the_plugin_knows():
    text = (PROFILES / "slurm" / "partitions.yaml").read_text()
    uncommented = text.replace("  # ", "  ")
    examples = uncommented[uncommented.index("partitions:") :].splitlines()
    examples = "\n".join(line for line in examples if ":" in line.split("#")[0] and "`" not in line)
    for partitions in (yaml.safe_load(text), yaml.safe_load(examples)):
        for limits in partitions["partitions"].values():
            PartitionLimits(**limits)
            assert {"max_runtime", "max_mem_mb", "max_threads"} <= set(limits)
    assert len(yaml.safe_load(examples)["partitions"]) == 4


def test_gpus_follow_the_settings(tmp_path):
    tiny = REPOSITORY / "config" / "tiny.yaml"
    assert {load_config([tiny]).gpus(s) for s in ("train", "search", "audit", "naswot")} == {0}
    more = tmp_path / "gpu.yaml"
    more.write_text("train: {use_gpu: true}\naudit: {training: {use_gpu: true}}\n")
    config = load_config([tiny, more])
    assert [config.gpus(s) for s in ("train", "search", "audit", "naswot")] == [1, 0, 1, 0]
