import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from surrogate_hpo.run import code_digest as module
from surrogate_hpo.run.graph import (
    ARCHIVES,
    AUDITS,
    EVERY_STAGE,
    FIGURES,
    HELPERS,
    STAGES,
    home,
)

RULES = (*EVERY_STAGE, *HELPERS, *FIGURES)
# What shows results, and computes none that anything but another of these reads.
SHOWING = ("report", "compare", *FIGURES, *ARCHIVES)
COMPUTING = sorted({*RULES} - {*SHOWING})


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """A copy of the package with what parsing its modules found, as an installed one has it."""
    root = tmp_path_factory.mktemp("copied") / "surrogate_hpo"
    shutil.copytree(module.ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROOT", root)
        digests()
    return root


@pytest.fixture
def package(copied, tmp_path, monkeypatch) -> Path:
    """A copy of it whose sources a test may edit."""
    root = shutil.copytree(copied, tmp_path / "surrogate_hpo")
    monkeypatch.setattr(module, "ROOT", root)
    return root


@pytest.fixture
def bare(package) -> Path:
    """One in which nothing was parsed before."""
    for path in kept_files(package):
        path.unlink()
    return package


def digests(rules: Sequence[str] = RULES) -> dict[str, str]:
    for found in (module._parsed, module._is_module, module._direct_imports, module._module_digest):
        found.cache_clear()
    return {rule: module.code_digest(rule) for rule in rules}


def changed(package: Path, file: str, old: str, new: str) -> set[str]:
    before = digests()
    path = package / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    after = digests()
    return {stage for stage in RULES if before[stage] != after[stage]}


def test_an_edit_reaches_the_stages_that_use_the_code_and_no_other(package):
    path = package / "scores" / "descriptors" / "acsd.py"
    path.write_text(path.read_text() + "\nEXTRA = 1\n")
    assert changed(package, "scores/descriptors/acsd.py", "EXTRA = 1", "EXTRA = 2") & {*STAGES} == {
        "acsd"
    }
    path = package / "descriptors" / "bispectrum.py"
    path.write_text(path.read_text() + "\nEXTRA = 1\n")
    users = changed(package, "descriptors/bispectrum.py", "EXTRA = 1", "EXTRA = 2")
    assert users & {*STAGES} == {"acsd", "descriptors", "evaluate", "surrogate", "train"}


@pytest.mark.parametrize(
    "file", ["cli.py", "config/load.py", "config/yaml_core.py", "run/signature.py"]
)
def test_the_way_from_the_config_to_a_stage_is_part_of_all(package, file):
    path = package / file
    path.write_text(path.read_text() + "\nEXTRA = 1\n")
    assert changed(package, file, "EXTRA = 1", "EXTRA = 2") == set(RULES)


def test_comments_docstrings_and_formatting_are_not_code(package):
    path = package / "scores" / "descriptors" / "acsd.py"
    path.write_text(path.read_text() + '\ndef extra():\n    """Old."""\n    return 1\n')
    for old, new in (('"""Old."""', '"""New."""'), ("    return 1", "    # why\n    return (1)")):
        assert changed(package, "scores/descriptors/acsd.py", old, new) == set()


def test_error_messages_rerun_nothing(package):
    assert changed(package, "errors.py", '"remedy": remedy', '"remedy": remedy or ""') == set()


def test_every_stage_reaches_its_own_config_section_only():
    for stage in (*STAGES, *AUDITS):
        modules = module.imported_modules(f"surrogate_hpo.{home(stage)}")
        sections = {name.split(".")[2] for name in modules if name.endswith(".settings")}
        assert stage in sections
        # A surrogate predicts its validation snapshots, and so makes descriptors as `predict` does.
        own = {"surrogate", "descriptors"} if stage == "surrogate" else {stage}
        assert sections & {*STAGES, *AUDITS} == own


def test_expensive_stages_do_not_depend_on_what_comes_after_them():
    """An edited network must not rerun DFT: neither directly nor through the LDOS."""
    for stage in ("snapshots", "dft", "ldos"):
        modules = module.imported_modules(f"surrogate_hpo.{home(stage)}")
        rooms = {name.split(".")[1] for name in modules}
        assert not rooms & {"networks", "scores", "search", "descriptors", "report"}, stage
    assert not any(
        ".physics" in name for name in module.imported_modules("surrogate_hpo.stages.dft.stage")
    )


def kept_files(package: Path) -> list[Path]:
    return sorted(package.rglob("__pycache__/*.digest.json"))


def test_what_parsing_found_is_kept_beside_the_compiled_modules(bare, monkeypatch):
    monkeypatch.setattr(module.sys, "dont_write_bytecode", False)
    first = digests()
    assert kept_files(bare)
    monkeypatch.setattr(module, "_parse", None)
    assert digests() == first


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"source": "of before"}', b"\xff"])
def test_a_kept_file_that_is_damaged_or_old_is_made_again(bare, monkeypatch, damage):
    monkeypatch.setattr(module.sys, "dont_write_bytecode", False)
    # Each module is read as any other: those of one stage are enough.
    first = digests(["snapshots"])
    before = [path.read_bytes() for path in kept_files(bare)]
    assert len(before) > 20
    for path in kept_files(bare):
        path.write_bytes(damage)
    assert digests(["snapshots"]) == first
    assert [path.read_bytes() for path in kept_files(bare)] == before


def test_where_nothing_can_be_kept_the_digests_are_the_same(bare, monkeypatch):
    monkeypatch.setattr(module.sys, "dont_write_bytecode", True)
    first = digests()
    assert not kept_files(bare)

    def refused(path, text):
        raise PermissionError(path)

    monkeypatch.setattr(module.sys, "dont_write_bytecode", False)
    monkeypatch.setattr(module, "write_text", refused)
    assert digests() == first


@pytest.mark.parametrize("rule", COMPUTING)
def test_no_stage_that_computes_depends_on_figures_or_on_what_counts_costs(rule):
    modules = {
        name.removeprefix("surrogate_hpo.")
        for name in module.imported_modules(f"surrogate_hpo.{home(rule)}")
    }
    drawing = {m for m in modules if m.startswith("report.") or ".figure" in m}
    assert not drawing | modules & {"data.figure_files"}
    costs = {m for m in modules if m == "run.cost" or "needs" in m}
    # Its summary tells them; what takes long of it is done by evaluate_snapshot.
    assert costs == ({"run.cost"} if rule == "evaluate" else set())


def test_a_colour_reruns_what_draws_and_nothing_else(package):
    path = package / "report" / "palette.py"
    path.write_text(path.read_text() + '\nEXTRA = "#000000"\n')
    drawn = changed(package, "report/palette.py", "#000000", "#111111")
    assert drawn == {"report", "compare", *FIGURES}


def test_how_costs_are_counted_reruns_what_shows_them_and_nothing_else(package):
    path = package / "run" / "cost.py"
    path.write_text(path.read_text() + "\nEXTRA = 1\n")
    assert changed(package, "run/cost.py", "EXTRA = 1", "EXTRA = 2") == {"report", "evaluate"}


def test_the_template_beside_a_module_is_part_of_its_code(package):
    assert changed(package, "report/page.html", "<html", "<html class='new'") == {"report"}
    assert changed(package, "report/references.bib", "{1965}", "{1966}") == {"report"}
