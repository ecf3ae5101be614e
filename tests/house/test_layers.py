"""Imports go downwards only, and a rule's code is found by its name."""

import ast
import re
from pathlib import Path

import pytest

import surrogate_hpo
from surrogate_hpo.run.graph import (
    ARCHIVES,
    AUDITS,
    CONTESTS,
    CONVERGENCE,
    FIGURES,
    GATHERING,
    HELPERS,
    STAGES,
    TRANSFERS,
)

ROOT = Path(surrogate_hpo.__file__).parent
REPOSITORY = Path(__file__).parents[2]
NUMERICS = {
    "dft",
    "physics",
    "descriptors",
    "potential",
    "selection",
    "networks",
    "search",
    "figures",
}
GROUND = {"figure_widths", "units", "errors", "seeds", "log", "interruption", "limits"}
MAY_IMPORT = {
    "__main__": {"cli"},
    "calculator": {"stages", "config", "io", "errors"},
    "cli": {"stages", "config", "io", *GROUND},
    "stages": {"stages", "config", "io", *NUMERICS, *GROUND},
    # Settings name the choices that the numerics offer; files record the settings.
    "io": {"io", "config", *NUMERICS, *GROUND},
    "config": {"config", *NUMERICS, *GROUND},
    **{layer: {*NUMERICS, *GROUND} for layer in NUMERICS},
    **dict.fromkeys(GROUND, GROUND),
}
MODULES = sorted(p for p in ROOT.rglob("*.py") if p.name != "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downwards(path):
    rooms = {n.split(".")[1] for n in imports(path) if n.startswith("surrogate_hpo.")}
    assert rooms <= MAY_IMPORT[room(path)], (
        f"{room(path)} must not import {rooms - MAY_IMPORT[room(path)]}"
    )


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room(p) in NUMERICS], ids=lambda p: str(p.relative_to(ROOT))
)
def test_numerics_know_no_paths_and_no_workflow(path):
    roots = {name.split(".")[0] for name in imports(path)}
    allowed = {"optuna"} if room(path) == "search" else set()
    assert (
        not roots
        & {"pathlib", "os", "snakemake", "pydantic", "yaml", "zarr", "xarray", "optuna"} - allowed
    )


def test_packages_hold_only_a_docstring():
    for path in ROOT.rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        if path.parent != ROOT:
            assert not body[1:], path


def test_nothing_in_the_package_goes_through_its_public_face():
    # Digests of code do not look into it, and it would be an import upwards.
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "surrogate_hpo":
                assert not {alias.name for alias in node.names} & {*surrogate_hpo.__all__}, path


@pytest.mark.parametrize(
    "stage", [*STAGES, *AUDITS, *CONTESTS, *CONVERGENCE, *TRANSFERS, *ARCHIVES]
)
def test_a_stage_has_one_name_everywhere(stage):
    assert f"def {stage}(" in (ROOT / "stages" / f"{stage}.py").read_text()
    rule = (REPOSITORY / "workflow" / "rules" / f"{stage}.smk").read_text()
    assert f"rule {stage}:" in rule
    assert f'"surrogate-hpo {stage} ' in rule
    assert (ROOT / "config" / f"{stage}.py").exists()


@pytest.mark.parametrize(("helper", "stage"), [*HELPERS.items(), *FIGURES.items()])
def test_a_helper_has_one_name_and_lives_with_its_stage(helper, stage):
    assert f"def {helper}(" in (ROOT / "stages" / f"{helper}.py").read_text()
    rule = (REPOSITORY / "workflow" / "rules" / f"{stage}.smk").read_text()
    assert f"rule {helper}:" in rule
    assert f'"surrogate-hpo {helper} ' in rule
    assert f'code=code("{helper}")' in rule
    if (
        helper in HELPERS and stage not in GATHERING
    ):  # it finds what its helpers have done by their state
        assert f'helper="{helper}"' in (ROOT / "stages" / f"{stage}.py").read_text()


def test_the_snakefile_is_a_table_of_contents_and_rules_have_no_logic():
    assert len((REPOSITORY / "Snakefile").read_text().splitlines()) < 50
    for stage in (*STAGES, *AUDITS, *CONTESTS, *CONVERGENCE, *TRANSFERS, *ARCHIVES):
        rule = (REPOSITORY / "workflow" / "rules" / f"{stage}.smk").read_text()
        assert not re.search(r"^\s*(run:|def |import |for |if )", rule, re.MULTILINE), stage
