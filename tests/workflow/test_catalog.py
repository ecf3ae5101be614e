"""What the catalog of Snakemake workflows, and snakedeploy, ask of a repository."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from test_module_workflow import commands, output, run
from tiny_workflow import REPOSITORY, new_folder

from surrogate_hpo.config.project import Config

SNAKEFILE = REPOSITORY / "workflow" / "Snakefile"
# As snakedeploy writes it, but for where the module comes from.
DEPLOYED = f"""
configfile: "config.yaml"
module surrogate_hpo:
    snakefile: "{SNAKEFILE}"
    config: config
use rule * from surrogate_hpo
"""


def test_the_catalog_finds_its_files():
    assert 'include: "../Snakefile"' in SNAKEFILE.read_text()
    usage = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    assert set(usage["software-stack-deployment"]) == {"conda", "apptainer", "apptainer+conda"}
    _, profile = usage["mandatory-flags"]["flags"].split()
    assert (REPOSITORY / profile / "config.yaml").is_file()
    words = (REPOSITORY / "README.md").read_text().lower()
    assert "snakemake" in words
    assert "workflow" in words


def test_the_readme_of_the_config_knows_its_files_and_sections():
    text = (REPOSITORY / "config" / "README.md").read_text()
    folder = REPOSITORY / "config"
    for path in folder.rglob("*.yaml"):
        assert f"`{path.relative_to(folder)}`" in text
    required = {name for name, field in Config.model_fields.items() if field.is_required()}
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == required
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (folder / target).exists(), target


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> tuple[Path, set[str]]:
    """A folder, and the commands that the Snakefile of the repository plans there."""
    here = new_folder(tmp_path_factory.mktemp("catalog") / "run")
    return here, commands(plan(here, REPOSITORY / "Snakefile"))


def plan(folder: Path, snakefile: Path, *targets: str) -> str:
    words = ["--dry-run", "--printshellcmds", "--configfile", "config.yaml"]
    return output(run(folder, *targets, "--snakefile", str(snakefile), *words))


def test_the_other_snakefile_plans_the_same_jobs(planned):
    folder, expected = planned
    assert commands(plan(folder, SNAKEFILE)) == expected
    assert len(expected) > 40


def test_so_does_what_snakedeploy_writes(planned):
    folder, expected = planned
    (folder / "Snakefile").write_text(DEPLOYED)
    text = output(run(folder, "--dry-run", "--printshellcmds"))
    assert {
        c.replace("results/state/surrogate_hpo.json", "config.yaml") for c in commands(text)
    } == expected


def test_the_archive_takes_the_source_and_not_a_part_of_it(planned):
    text = plan(planned[0], SNAKEFILE, "archive")
    assert f" --source {REPOSITORY} " in text


def test_it_passes_snakemakes_linter():
    words = [sys.executable, "-m", "snakemake", "--lint", "--snakefile", str(SNAKEFILE)]
    subprocess.run(words, cwd=REPOSITORY, check=True, capture_output=True)
