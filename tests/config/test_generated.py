"""Files that follow from others have not drifted."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from surrogate_hpo.run.graph import HELPERS, STAGES, edges

REPOSITORY = Path(__file__).parents[2]


def test_generated_files_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "tools/generate.py", "--check"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_stage_graph_is_snakemakes_own(tmp_path):
    extra = tmp_path / "extra.yaml"
    extra.write_text(
        yaml.safe_dump({"naswot": {"direction": "audit"}, "search": {"objective": "band_energy"}})
    )
    snakemake = [
        sys.executable,
        "-m",
        "snakemake",
        "report",
        "--configfile",
        "config/tiny.yaml",
        extra,
    ]
    drawn, planned = (
        subprocess.run(
            [*map(str, snakemake), "--cores", "1", *how],
            cwd=REPOSITORY, capture_output=True, text=True, check=True,
        ).stdout
        for how in (["--rulegraph"], ["--dry-run", "--printshellcmds", "--forcerun", "report"])
    )  # fmt: skip
    rules = dict(re.findall(r'(\d+)\[label = "(\w+)"', drawn))
    names = {number: HELPERS.get(rule, rule) for number, rule in rules.items()}
    found = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", drawn)}
    found = {(one, other) for one, other in found if one != other}
    words = planned.partition(" --flow ")[2].partition(" --cost ")[0].split()
    known = set(edges(words, [*STAGES, "audit"]))
    # evaluate and report also read what every stage cost; that is no flow of data.
    costs = {(stage, reader) for stage in names.values() for reader in ("evaluate", "report")}
    assert found - costs == known - costs
    assert known <= found
    assert {("audit", "naswot"), ("audit", "report"), ("dft", "search")} <= known


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
