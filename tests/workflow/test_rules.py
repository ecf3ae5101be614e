"""The command lines of the rules: made of names, and understood by the verbs."""

import re
import shlex

import pytest
import yaml
from ase.build import bulk
from test_module_workflow import commands, output
from tiny_workflow import REPOSITORY, new_folder, snakemake

from surrogate_hpo.cli import JOBS, _parser

RULES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))
ASIDE = [
    *("audit_figure", "acsd_audit_figure", "learning_curve_figure", "archive", "knoise", "floor"),
    *("acsd_audit", "table", "ados_figure", "potential_figure", "predict_large"),
    *("select_figure", "select_audit_figure"),
]
SHARED = {
    "search": {"workers": 2},
    "naswot": {"chunks": 2, "direction": "audit"},
    "audit": {"chunks": 2},
    "acsd_audit": {"chunks": 2},
    "report": {"comparison": True},
    "predict_large": {"structure": "large.cif", "slabs": 2, "forces": True},
    "select": {"pool": [{"number": 9}]},
    "rounds": {"number": 1, "stop": {"surrogate_error_mev_per_atom": 5}},
}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_no_rule_says_a_name_twice(path):
    assert not re.search(r"\{(input|output)\.(?!cost:q)", path.read_text())


def test_every_job_has_a_command_that_its_verb_understands(tmp_path):
    folder = new_folder(tmp_path / "run")
    path = folder / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    for section, values in SHARED.items():
        settings.setdefault(section, {}).update(values)
    path.write_text(yaml.safe_dump(settings))
    bulk("Al", cubic=True).write(folder / "large.cif")
    text = output(snakemake(folder, "all", *ASIDE, "--dry-run", "--printshellcmds"))
    verbs = set()
    for line in commands(text):
        words = shlex.split(line[line.index("surrogate-hpo ") :].partition(" 2> ")[0])[1:]
        given = _parser(words[0]).parse_args(words)
        assert given.cost is not None
        verbs.add(given.stage)
        # A calculation that fails is a result in rounds alone.
        if given.stage == "dft":
            assert given.may_fail == given.dft.stem.startswith("round")
    # A transfer needs structures beyond the run.
    assert set(JOBS) - verbs == {"transfer"}


def test_chunks_of_a_larger_number_are_left_alone(tmp_path):
    folder = new_folder(tmp_path / "run")
    for name in ("naswot/chunks/2", "audit/chunks/2", "acsd_audit/chunks/2", "search/workers/2"):
        surplus = folder / "results" / f"{name}.json"
        surplus.parent.mkdir(parents=True)
        surplus.write_text("not even JSON")
    asked = ("search", "audit", "acsd_audit", "--dry-run", "--printshellcmds")
    found = commands(output(snakemake(folder, *asked)))
    words = [word for line in found for word in line.split()]
    for stage in ("naswot/chunks", "audit/chunks", "acsd_audit/chunks", "search/workers"):
        assert f"results/{stage}/0.json" in words
        assert f"results/{stage}/2.json" not in words
