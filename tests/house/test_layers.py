"""Imports go downwards only, and the code of a rule is found by its name."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import surrogate_hpo
from surrogate_hpo.run.graph import (
    EVERY_STAGE,
    FIGURES,
    HELPERS,
    QUESTIONS,
    TOOLS,
    home,
)

ROOT = Path(surrogate_hpo.__file__).parent
REPOSITORY = Path(__file__).parents[2]
NUMERICS = (
    "dft",
    "physics",
    "descriptors",
    "potential",
    "networks",
    "scores",
    "search",
    "contest",
    "selection",
)
# From the ground up. A file of a stage's room may belong to a layer of its own: its settings, its
# figures, what its jobs need.
LAYERS = (
    ("figure_widths", "loading", "units", "errors", "seeds", "log", "interruption", "limits"),
    NUMERICS,
    ("report", "figure"),
    ("config", "settings"),
    ("files",),
    ("data",),
    ("formats",),
    ("run", "needs"),
    ("archive",),
    ("training",),
    ("predict",),
    ("labels",),
    ("stages",),
    ("calculator", "potential_calculator"),
    ("simulation",),
    ("verbs",),
    ("cli",),
    ("__main__",),
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
MODULES = sorted(p for p in ROOT.rglob("*.py") if p.name != "__init__.py")
# The most modules of a folder: what is more is looked through, not seen.
MOST_MODULES = 20


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def room(name: str) -> str:
    """The layer that a module belongs to: its folder, or the part of a stage's room."""
    parts = name.split(".")
    part = parts[-1].partition("_")[0]
    if parts[0] == "stages" and part in ("settings", "figure", "needs"):
        return part
    return parts[0]


@cache
def imports(path: Path) -> set[str]:
    """Modules of the package that a file imports, and the roots of all others."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


@cache
def own_imports(path: Path) -> set[str]:
    names = {n.removeprefix("surrogate_hpo.") for n in imports(path) if "surrogate_hpo." in n}
    return {n for n in names if ROOT.joinpath(*n.split(".")).with_suffix(".py").is_file()}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_downwards(path):
    own = room(name_of(path))
    above = {n for n in own_imports(path) if RANK[room(n)] > RANK[own]}
    assert not above, f"{name_of(path)} ({own}) must not import {above}"


def test_there_is_no_import_cycle():
    graph = {name_of(path): own_imports(path) for path in MODULES}
    while free := {name for name, needed in graph.items() if not needed & graph.keys()}:
        graph = {name: needed for name, needed in graph.items() if name not in free}
    assert not graph, f"these import each other, or what does: {sorted(graph)}"


def test_the_chain_imports_no_search_method_of_the_contest():
    for path in MODULES:
        if room(name_of(path)) == "contest" or "contest" in name_of(path).split(".")[:2]:
            continue
        methods = {n for n in own_imports(path) if n.startswith("contest.")}
        assert not methods or name_of(path).startswith(("stages.compare", "verbs.check")), path


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room(name_of(p)) in (*NUMERICS, "report", "figure")], ids=name_of
)
def test_numerics_know_no_paths_and_no_workflow(path):
    roots = {name.split(".")[0] for name in imports(path)}
    allowed = {"optuna"} if room(name_of(path)) in ("search", "contest") else set()
    assert (
        not roots
        & {"pathlib", "os", "snakemake", "pydantic", "yaml", "zarr", "xarray", "optuna"} - allowed
    )


def test_packages_hold_only_a_docstring():
    for path in ROOT.rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        if path.parent != ROOT:
            assert not body[1:], path


def test_no_folder_is_too_full():
    folders = {path.parent for path in MODULES}
    full = {f: n for f in folders if (n := sum(p.parent == f for p in MODULES)) > MOST_MODULES}
    assert not full


def test_nothing_in_the_package_goes_through_its_public_face():
    # Digests of code do not look into it, and it would be an import upwards.
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "surrogate_hpo":
                assert not {alias.name for alias in node.names} & {*surrogate_hpo.__all__}, path


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_a_stage_has_one_name_everywhere(stage):
    assert f"def {stage}(" in (ROOT / "stages" / stage / "stage.py").read_text()
    assert (ROOT / "stages" / stage / "settings.py").exists()
    rule = (REPOSITORY / "workflow" / "rules" / f"{stage}.smk").read_text()
    assert f"rule {stage}:" in rule
    assert f'"surrogate-hpo {stage} ' in rule


@pytest.mark.parametrize(("helper", "stage"), [*HELPERS.items(), *FIGURES.items()])
def test_a_helper_has_one_name_and_lives_with_its_stage(helper, stage):
    module = ROOT.joinpath(*home(helper).split(".")).with_suffix(".py")
    assert module.parent == ROOT / "stages" / stage
    assert f"def {helper}(" in module.read_text()
    rule = (REPOSITORY / "workflow" / "rules" / f"{stage}.smk").read_text()
    assert f"rule {helper}:" in rule
    assert f'"surrogate-hpo {helper} ' in rule
    assert f'**job("{helper}"' in rule


@pytest.mark.parametrize("verb", [*TOOLS, *QUESTIONS])
def test_a_command_has_a_room_of_its_name(verb):
    assert f"def {verb}(" in (ROOT / "verbs" / verb / "verb.py").read_text()


def test_the_snakefile_is_a_table_of_contents_and_rules_have_no_logic():
    assert len((REPOSITORY / "Snakefile").read_text().splitlines()) < 60
    for stage in EVERY_STAGE:
        rule = (REPOSITORY / "workflow" / "rules" / f"{stage}.smk").read_text()
        assert not re.search(r"^\s*(run:|def |import |for |if )", rule, re.MULTILINE), stage
