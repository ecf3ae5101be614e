"""The tutorial's commands run, on the tiny case."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from surrogate_hpo.config.load import load_config
from surrogate_hpo.verbs.check.verb import check

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "tutorial.md").read_text()
ANOTHER_ELEMENT = (REPOSITORY / "docs/howto/another-element.md").read_text()


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


def test_the_configs_of_another_element_are_faultless(tmp_path, monkeypatch):
    blocks = re.findall(r"```yaml\n# (\w+\.yaml)\n(.*?)```", ANOTHER_ELEMENT, re.DOTALL)
    # Na.yaml is a row for the verb `pseudopotential`.
    blocks = [(name, text) for name, text in blocks if name != "Na.yaml"]
    assert [name for name, _ in blocks] == ["mg.yaml", "si.yaml"]
    (tmp_path / "pseudopotentials").symlink_to(REPOSITORY / "pseudopotentials")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("surrogate_hpo.verbs.check.verb.find_engine", lambda _: None)
    tutorial = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    for name, text in blocks:
        (tmp_path / name).write_text(yaml.safe_dump(tutorial | yaml.safe_load(text)))
        check(load_config([tmp_path / name]))
