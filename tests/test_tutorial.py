"""The tutorial's commands run, on the tiny case."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
TEXT = (REPOSITORY / "docs" / "tutorial.md").read_text()


@pytest.fixture
def checkout(run, tmp_path) -> Path:
    """A checkout in which the tiny case stands in for the default config."""
    for name in ("Snakefile", "workflow", "profiles", "src", "pseudopotentials"):
        (run / name).symlink_to(REPOSITORY / name)
    (run / "config").mkdir()
    shutil.copy(run / "config.yaml", run / "config" / "config.yaml")
    return run


@pytest.mark.workflow
@pytest.mark.qe
def test_every_command_and_every_python_block_works(checkout):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    blocks = re.findall(r"```(sh|python)\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) >= 6
    for language, code in blocks:
        command = ["bash", "-euc", code] if language == "sh" else [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, code + done.stdout[-2000:] + done.stderr[-2000:]
        if "more.yaml" in code:
            rules = set(re.findall(r"^(\w+) +\d+$", done.stdout + done.stderr, re.MULTILINE))
            assert rules == {
                "train",
                "surrogate",
                "evaluate_snapshot",
                "evaluate",
                "report",
                "all",
                "total",
            }


@pytest.mark.parametrize(
    "page", [*sorted(REPOSITORY.glob("docs/**/*.md")), REPOSITORY / "README.md"], ids=str
)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page}: {target}"
