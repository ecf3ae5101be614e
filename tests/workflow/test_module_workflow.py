"""The workflow as a module of another one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny_workflow import REPOSITORY, new_folder, snakemake

from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.yaml_core import CoreLoader
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.run.module_config import module_config

PAGE = (REPOSITORY / "docs" / "howto" / "module.md").read_text()
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
FILE = Path("results") / "state" / "surrogate_hpo.json"
CHECKOUT = "path/to/surrogate-hpo"


@pytest.fixture
def other(tmp_path) -> Path:
    """Another workflow, that of the page, in a folder of its own."""
    folder = new_folder(tmp_path / "other")
    assert CHECKOUT in EXAMPLE
    (folder / "Snakefile").write_text(EXAMPLE.replace(CHECKOUT, str(REPOSITORY)))
    edit(folder, {})
    return folder


def edit(folder: Path, changes: dict[str, object], **others: object) -> None:
    """Write the config of the other workflow, with changes of that of the tiny case."""
    settings = yaml.safe_load((folder / "config.yaml").read_text()) | changes
    text = yaml.safe_dump({"surrogate": settings, **others})
    (folder / "project.yaml").write_text(text)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )


def output(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def commands(text: str) -> set[str]:
    return {line for line in text.splitlines() if "surrogate-hpo " in line and " --cost " in line}


def test_its_jobs_are_those_of_the_workflow_by_itself(other):
    text = output(run(other, "--dry-run", "--printshellcmds"))
    counted = dict(re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE))
    assert counted["surrogate_dft"] == "10"
    assert {name for name in counted if not name.startswith("surrogate_")} == {"lattice", "total"}
    itself = output(snakemake(other, "--dry-run", "--printshellcmds"))
    asked = {line.replace(str(FILE), "config.yaml") for line in commands(text)}
    assert asked == commands(itself)
    assert load_config([other / FILE]) == load_config([other / "config.yaml"])


def test_its_settings_and_nothing_else_of_the_other_rerun_its_jobs(other):
    target = "results/snapshots/test-0000.extxyz"
    output(run(other, target))
    assert (other / target).exists()
    edit(other, {"train": {"seeds": 1, "maximum_epochs": 50}}, mine="changed")
    assert "Nothing to be done" in output(run(other, target))
    edit(other, {"seed": 8})
    assert "surrogate_snapshots" in output(run(other, "--dry-run", target))


def test_it_says_what_it_lacks(other):
    found = run(other, "--dry-run", "surrogate_archive")
    assert "here it is a module of another" in found.stdout + found.stderr
    snakefile = other / "Snakefile"
    given = '    config: config["surrogate"]\n'
    text = snakefile.read_text()
    assert given in text
    for changed, message in (
        ("", "the module was given no settings"),
        (given + '    prefix: "al"\n', "the module has a prefix for its paths"),
    ):
        snakefile.write_text(text.replace(given, changed))
        found = run(other, "--dry-run")
        assert found.returncode != 0
        assert message in found.stdout + found.stderr


def test_words_stay_words_and_an_unchanged_file_is_left_alone(tmp_path):
    settings = {"name": "1e5", "element": "No", "energies": [1e-9, 20], "remark": "Å\ttab"}
    path = module_config("one", settings, tmp_path)
    assert yaml.load(path.read_text(), CoreLoader) == settings  # noqa: S506
    before = path.stat().st_ino
    assert module_config("one", dict(settings), tmp_path).stat().st_ino == before
    assert module_config("one", settings | {"element": "Md"}, tmp_path).stat().st_ino != before


@pytest.mark.parametrize(("given", "said"), [({}, "nothing"), (None, "nothing"), ("a.yaml", "str")])
def test_no_settings_are_refused(tmp_path, given, said):
    with pytest.raises(ConfigError, match=r"(?s)module one.*a mapping of sections") as error:
        module_config("one", given, tmp_path)
    assert f"got: {said}" in str(error.value)
