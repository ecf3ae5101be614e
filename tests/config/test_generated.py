"""Files that follow from others have not drifted."""

import re
import subprocess
import sys
from pathlib import Path

from surrogate_hpo.run.graph import (
    ACSD_AUDIT_DEPENDENCIES,
    AUDIT_DEPENDENCIES,
    AUDITS,
    DEPENDENCIES,
    HELPERS,
)

REPOSITORY = Path(__file__).parents[2]


def test_generated_files_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "tools/generate.py", "--check"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_stage_graph_is_snakemakes_own():
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--rulegraph", "--configfile", "config/tiny.yaml", "--cores", "1"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rules = dict(re.findall(r'(\d+)\[label = "(\w+)"', done.stdout))
    names = {number: HELPERS.get(rule, rule) for number, rule in rules.items()}
    edges = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", done.stdout)}
    edges = {(one, other) for one, other in edges if one != other}
    # evaluate and report also read what every stage cost; that is no flow of data.
    costs = {(stage, reader) for stage in names.values() for reader in ("evaluate", "report")}
    assert {edge for edge in edges if edge[1] != "all"} - costs == set(DEPENDENCIES) - costs
    assert set(DEPENDENCIES) <= edges


def test_so_is_what_the_audits_read():
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "audit", "acsd_audit", "--rulegraph", "--configfile", "config/tiny.yaml", "--cores", "1"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rules = dict(re.findall(r'(\d+)\[label = "(\w+)"', done.stdout))
    names = {number: HELPERS.get(rule, rule) for number, rule in rules.items()}
    edges = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", done.stdout)}
    into = {(one, other) for one, other in edges if other in AUDITS and one != other}
    known = {*AUDIT_DEPENDENCIES, *ACSD_AUDIT_DEPENDENCIES}
    assert into == {edge for edge in known if edge[1] in AUDITS}


def test_lock_pins_every_dependency():
    pyproject = (REPOSITORY / "pyproject.toml").read_text()
    block = pyproject.split("dependencies = [", 1)[1].split("]", 1)[0]
    wanted = {
        re.match(r"[\w-]+", line.strip(' ",')).group()
        for line in block.splitlines()
        if line.strip()
    }
    lock = (REPOSITORY / "requirements.lock").read_text().lower()
    assert {name for name in wanted if not re.search(rf"^{name}==", lock, re.MULTILINE)} == set()
