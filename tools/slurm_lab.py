"""A whole Slurm on one machine, for tests: `python tools/slurm_lab.py start|stop|status|env`.

`install` gets the packages where root and apt-get are there, `possible` says why a start would fail.

munged, slurmctld and one slurmd per node, from Debian's packages, without systemd, cgroups or a
database. The nodes' CPUs, memory and GPUs (null devices) are pretended, so that jobs can ask
for what they would ask for on a cluster. Needs root. Everything runs with the lowest priority
and keeps its files in one folder; only `/etc/slurm/{slurm,gres}.conf` are links into it, because
Snakemake's job steps drop SLURM_CONF from their environment.
"""

import argparse
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slurm_lab_conf import GPUS_PER_NODE, NODES, PORTS, gres_conf, slurm_conf

BINARIES = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")
PACKAGES = ("slurm-wlm", "munge")
WISHED = ("environment-modules",)
DEFAULT_FOLDER = Path("/tmp/surrogate-hpo-slurm-lab")  # noqa: S108 (short: sockets have a limit)
SYSTEM_FOLDER = Path("/etc/slurm")
CONFIGURATION = ("slurm.conf", "gres.conf")
START_SECONDS = 60
STOP_SECONDS = 20


class LabError(Exception):
    """The lab cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class Lab:
    """Slurm's daemons, whose state, logs and process ids lie in one folder."""

    folder: Path = DEFAULT_FOLDER

    @property
    def conf(self) -> Path:
        """The `slurm.conf` that all daemons and commands share."""
        return self.folder / "etc" / "slurm.conf"

    @property
    def accounting(self) -> Path:
        """One line for each finished job; `sacct --completion` reads it too."""
        return self.folder / "log" / "accounting.txt"

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use the lab."""
        return {
            "SLURM_CONF": str(self.conf),
            "PATH": f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin{os.pathsep}/sbin",
        }

    def run(self, *command: str) -> str:
        """Output of a Slurm command, such as `scontrol`."""
        done = subprocess.run(
            command,
            env=os.environ | self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def start(self) -> None:
        """Bring up whatever is not running, and wait until every node is idle."""
        if self.is_up():
            return
        refuse_where_impossible(self)
        self.stop()
        self._write_configuration()
        self._link_configuration()
        try:
            self._spawn("munged", *self._munge_options())
            self.start_controller(fresh=True)
            for node in NODES:
                self._spawn("slurmd", "-f", str(self.conf), "-N", node)
            self._wait_until_idle()
        except LabError as error:
            text = f"{error}\n{self._ends_of_logs()}"
            self.stop()
            raise LabError(text) from None

    def stop(self) -> None:
        """Cancel all jobs and end the daemons, by their process ids; twice does no harm."""
        if self.is_up():
            self.run("scancel", "--full", "--user=root")
            wait(lambda: not self.run("squeue", "--noheader").strip(), STOP_SECONDS)
        for file in sorted((self.folder / "run").glob("*.pid"), key=_controller_and_munge_last):
            self.end_daemon(file.stem)
        for name in CONFIGURATION:
            if self.links(SYSTEM_FOLDER / name):
                (SYSTEM_FOLDER / name).unlink()

    def links(self, path: Path) -> bool:
        """Whether a path of the system is a link that this lab has made."""
        return path.is_symlink() and path.readlink() == self.conf.with_name(path.name)

    def is_up(self) -> bool:
        """Whether the controller answers."""
        if not self.conf.exists() or self.process("slurmctld") is None:
            return False
        try:
            return "is UP" in self.run("scontrol", "ping")
        except LabError:
            return False

    def process(self, daemon: str) -> int | None:
        """Process id of a daemon of this lab: `munged`, `slurmctld`, `slurmd-cpu1`."""
        try:
            pid = int((self.folder / "run" / f"{daemon}.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        # The number may have passed to another process since.
        return pid if os.fsencode(self.folder) in command else None

    def end_daemon(self, daemon: str, *, how: signal.Signals = signal.SIGTERM) -> None:
        """End one daemon, for good if it does not listen; jobs go on without it."""
        pid = self.process(daemon)
        if pid is not None:
            os.kill(pid, how)
            if not wait(lambda: self.process(daemon) is None, STOP_SECONDS):
                os.kill(pid, signal.SIGKILL)
        (self.folder / "run" / f"{daemon}.pid").unlink(missing_ok=True)

    def start_controller(self, *, fresh: bool = False) -> None:
        """Start slurmctld, with the jobs it knew when it ended unless `fresh`."""
        self._spawn("slurmctld", "-f", str(self.conf), *(["-c"] if fresh else []))
        if not wait(self.is_up, START_SECONDS):
            raise LabError("slurmctld does not answer")

    def _spawn(self, *command: str) -> None:
        # The lowest priority is inherited by the jobs: tests must not disturb the machine.
        try:
            self.run("nice", "-n", "19", *command)
        except subprocess.TimeoutExpired:
            raise LabError(f"{command[0]} did not go to the background") from None

    def _munge_options(self) -> list[str]:
        run, etc, log = (self.folder / name for name in ("run", "etc", "log"))
        return [
            "--force",
            f"--key-file={etc}/munge.key",
            f"--socket={run}/munge.socket",
            f"--pid-file={run}/munged.pid",
            f"--seed-file={run}/munge.seed",
            f"--log-file={log}/munged.log",
        ]

    def _write_configuration(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("etc", "run", "log", "state", "dev", *(f"spool/{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        for folder in (self.folder, *self.folder.iterdir()):
            folder.chmod(0o755)  # munged refuses what others may write
        key = self.folder / "etc" / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        for i in range(GPUS_PER_NODE):
            # Only a character device makes slurmd set CUDA_VISIBLE_DEVICES: /dev/null by another name.
            os.mknod(self.folder / "dev" / f"gpu{i}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        self.conf.write_text(slurm_conf(self.folder), encoding="utf-8")
        self.conf.with_name("gres.conf").write_text(gres_conf(self.folder), encoding="utf-8")

    def _link_configuration(self) -> None:
        SYSTEM_FOLDER.mkdir(parents=True, exist_ok=True)
        for name in CONFIGURATION:
            (SYSTEM_FOLDER / name).unlink(missing_ok=True)
            (SYSTEM_FOLDER / name).symlink_to(self.conf.with_name(name))

    def _wait_until_idle(self) -> None:
        def idle() -> bool:
            return set(self.run("sinfo", "--noheader", "--Node", "--format=%T").split()) == {"idle"}

        if not wait(idle, START_SECONDS):
            raise LabError(f"the nodes are not idle:\n{self.run('sinfo', '--Node', '--long')}")

    def _ends_of_logs(self) -> str:
        logs = sorted((self.folder / "log").glob("*.log"))
        ends = ["\n".join(log.read_text(errors="replace").splitlines()[-10:]) for log in logs]
        return "\n".join(f"--- {log}\n{end}" for log, end in zip(logs, ends, strict=True))


def missing_binaries(lab: Lab) -> list[str]:
    """Which of the programs that a lab needs are not installed."""
    path = lab.environment()["PATH"]
    return [name for name in BINARIES if shutil.which(name, path=path) is None]


def install_packages(lab: Lab) -> str:
    """Install Debian's packages where that can be done; elsewhere nothing happens."""
    if not missing_binaries(lab) or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return ""
    apt = ["apt-get", "--quiet=2", "--option=Dpkg::Use-Pty=0"]
    install = [*apt, "install", "--yes", "--no-install-recommends", *PACKAGES, *WISHED]
    for command in ([*apt, "update"], install):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LabError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    return f"installed: {' '.join((*PACKAGES, *WISHED))}\n"


def refuse_where_impossible(lab: Lab) -> None:
    """Raise where a lab cannot be started: packages, rights, a Slurm that is already there."""
    missing = missing_binaries(lab)
    if missing:
        raise LabError(f"not installed: {', '.join(missing)}; apt-get install {' '.join(PACKAGES)}")
    if os.geteuid() != 0:
        raise LabError("a lab needs root, for its devices and for several nodes on one machine")
    for name in CONFIGURATION:
        there = SYSTEM_FOLDER / name
        if (there.exists() or there.is_symlink()) and not lab.links(there):
            raise LabError(
                f"{there} is not this lab's: a Slurm of the machine's own, or another lab; remove"
                " it only if it is left over from a lab that is down"
            )
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise LabError(f"port {port} is taken; is another lab running?") from None


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition came true within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return bool(condition())


def _controller_and_munge_last(file: Path) -> tuple[bool, bool]:
    return file.stem == "munged", file.stem == "slurmctld"


def main() -> None:
    """Entry point; exits with 1 and a reason where a lab cannot be had, with 3 where none is up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "command", choices=("start", "stop", "status", "env", "install", "possible")
    )
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    options = parser.parse_args()
    lab = Lab(options.folder.resolve())
    try:
        sys.stdout.write(answer(lab, options.command))
    except LabError as error:
        sys.exit(f"slurm lab: {error}")
    if options.command == "status" and not lab.is_up():
        sys.exit(3)


def answer(lab: Lab, command: str) -> str:
    """Do what was asked; returns what to print."""
    if command == "env":
        return "".join(f"export {name}='{value}'\n" for name, value in lab.environment().items())
    if command == "install":
        return install_packages(lab)
    if command == "possible":
        if lab.is_up():
            return "a lab is up\n"
        refuse_where_impossible(lab)
        return "a lab can be started\n"
    if command == "start":
        lab.start()
    elif command == "stop":
        lab.stop()
    if not lab.is_up():
        return "down\n"
    return lab.run("sinfo", "--Node", "--long") + lab.run("squeue")


if __name__ == "__main__":
    main()
