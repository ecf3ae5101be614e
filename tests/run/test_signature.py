"""Arguments of a stage from its signature, with groups of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from surrogate_hpo.run.interface import Argument, ArgumentGroup, Input, Output
from surrogate_hpo.run.signature import declared, gathered
from surrogate_hpo.stages.report.stage import report


@dataclass(frozen=True)
class Tables(ArgumentGroup):
    first: Annotated[Path, Input("CSV")]
    second: Annotated[Path | None, Input("CSV, if there is one")] = None


@dataclass(frozen=True)
class Everything(ArgumentGroup):
    tables: Tables
    number: Annotated[int, Argument("which")] = 0


def stage(*, seed: int, everything: Everything, page: Annotated[Path, Output("HTML")]) -> None:
    """Do nothing."""


def test_fields_of_groups_are_arguments_of_their_own():
    found = declared(stage)
    assert list(found) == ["first", "second", "number", "page"]
    assert [name for name, argument in found.items() if argument.required] == ["first", "page"]
    assert found["second"].default is None
    assert found["number"].default == 0
    assert found["second"].role == Input("CSV, if there is one")
    assert found["first"].kind is Path


def test_a_group_gets_what_belongs_to_it():
    values = {"seed": 1, "first": Path("a"), "second": None, "number": 2, "page": Path("b")}
    assert gathered(stage, values) == {
        "seed": 1,
        "everything": Everything(Tables(Path("a"), None), number=2),
        "page": Path("b"),
    }
    assert values["first"] == Path("a"), "what was given is left alone"


def test_a_function_without_groups_takes_its_values_as_they_are():
    def simple(number: Annotated[int, Argument("which")]) -> None:
        """Do nothing."""

    assert gathered(simple, {"number": 3}) == {"number": 3}
    assert list(declared(simple)) == ["number"]


def test_what_a_group_lacks_is_no_silence():
    with pytest.raises(KeyError, match="second"):
        gathered(stage, {"seed": 1, "first": Path("a"), "number": 2, "page": Path("b")})


def test_the_report_has_its_tables_under_the_names_of_their_options():
    outputs = [name for name, found in declared(report).items() if isinstance(found.role, Output)]
    assert "errors_per_snapshot" in outputs
    group = gathered(report, {name: [Path(name)] for name in declared(report)})["written"]
    assert set(group.tables) <= set(outputs)
    assert group.tables["cost_per_method"] == Path("cost_per_method")
