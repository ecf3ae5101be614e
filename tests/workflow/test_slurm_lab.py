"""The Slurm for tests, as far as it needs none: what it refuses, and whom it never ends."""

import os
import socket
import subprocess
import sys

import pytest
import slurm_lab
from slurm_lab import Lab, LabError, answer, refuse_where_impossible
from slurm_lab_conf import NODES, PORTS, gres_conf, slurm_conf


@pytest.fixture
def lab(tmp_path, monkeypatch) -> Lab:
    """A lab that was never started, on a machine that has all packages and no Slurm."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in slurm_lab.BINARIES:
        (programs / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(slurm_lab, "SYSTEM_FOLDER", tmp_path / "etc-slurm")
    monkeypatch.setattr(slurm_lab, "PORTS", (0,))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return Lab(tmp_path / "lab")


def test_where_all_is_there_it_is_possible(lab):
    assert answer(lab, "possible") == "a lab can be started\n"
    assert answer(lab, "status") == answer(lab, "stop") == "down\n"


def test_missing_packages_are_named(lab, monkeypatch, tmp_path):
    (tmp_path / "bin" / "munged").unlink()
    monkeypatch.setattr(Lab, "environment", lambda _: {"PATH": os.environ["PATH"]})
    with pytest.raises(LabError, match="not installed: munged; apt-get install slurm-wlm munge"):
        refuse_where_impossible(lab)


def test_it_needs_root(lab, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root"):
        refuse_where_impossible(lab)


def test_a_slurm_that_is_there_is_left_alone(lab, tmp_path):
    (tmp_path / "etc-slurm").mkdir()
    conf = tmp_path / "etc-slurm" / "slurm.conf"
    conf.write_text("ClusterName=theirs\n")
    with pytest.raises(LabError, match=r"slurm\.conf is not this lab's"):
        refuse_where_impossible(lab)
    lab.stop()
    assert conf.read_text() == "ClusterName=theirs\n"
    conf.unlink()
    conf.symlink_to(lab.conf)
    refuse_where_impossible(lab)
    lab.stop()
    assert not conf.is_symlink()


def test_a_taken_port_is_named(lab, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(slurm_lab, "PORTS", (port,))
        with pytest.raises(LabError, match=f"port {port} is taken"):
            refuse_where_impossible(lab)


def test_a_process_that_took_over_a_number_is_never_ended(lab):
    run = lab.folder / "run"
    run.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        (run / "slurmctld.pid").write_text(f"{stranger.pid}\n")
        assert lab.process("slurmctld") is None
        lab.stop()
        assert stranger.poll() is None
        stranger.kill()
    assert not (run / "slurmctld.pid").exists()


def test_every_node_is_in_a_partition_and_has_a_port_of_its_own(tmp_path):
    text = slurm_conf(tmp_path)
    assert len(set(PORTS)) == len(NODES) + 1
    for node, partition in NODES.items():
        (line,) = (line for line in text.splitlines() if line.startswith(f"NodeName={node} "))
        assert ("Gres=gpu" in line) == (partition == "gpu")
        (line,) = (
            line for line in text.splitlines() if line.startswith(f"PartitionName={partition} ")
        )
        assert node in line
    assert gres_conf(tmp_path).startswith("NodeName=gpu1 Name=gpu ")
