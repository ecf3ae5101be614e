"""Writes the files that follow from others; a test fails when one has drifted.

`python tools/generate.py` writes them, `--check` lists those that differ.
"""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import NoneType
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from surrogate_hpo.config.base import NO_RERUN, SPLITS_JOBS, section_types
from surrogate_hpo.config.project import Config
from surrogate_hpo.dft.hgh import ALUMINIUM_LDA, LITHIUM_LDA, MAGNESIUM_LDA, SILICON_LDA
from surrogate_hpo.formats.upf.writer import hgh_upf
from surrogate_hpo.run.graph import STAGES, SUMMARIES, edges
from surrogate_hpo.stages.report.figure_dag import dag

ROOT = Path(__file__).parents[1]
# A section with more keys than these has rows of its own.
_FEW_KEYS = 3


def conda_environment() -> str:
    """`workflow/envs/surrogate-hpo.yaml` from the lock."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lock if line and not line.startswith("#")]
    head = "# Generated from requirements.lock by tools/generate.py\nchannels:\n  - conda-forge\n  - nodefaults\n"
    return (
        head
        + "dependencies:\n  - python =3.11\n  - pip\n  - pip:\n"
        + "".join(f"      - {pin}\n" for pin in pins)
    )


def config_reference() -> str:
    """`docs/reference/config.md` from the pydantic models."""
    lines = [
        "# Configuration",
        "",
        "Generated from the config models by `tools/generate.py`. Units are in the keys, and unknown keys are refused. A",
        "change of a setting reruns the stages that depend on it, except where marked *reruns nothing*. A setting that",
        "*changes no number* splits a stage into jobs: choose it before the run, because Snakemake reruns a stage whose jobs",
        "have changed.",
        "",
    ]
    for name, field in Config.model_fields.items():
        lines += [f"## `{name}`", ""]
        model = _model(field)
        if model is None:
            lines += [f"{_sentence(field.description)} Required.", ""]
            continue
        lines += [
            (model.__doc__ or "").strip(),
            "",
            "| key | type | default | meaning |",
            "|---|---|---|---|",
        ]
        lines += [*_rows(model, "", set()), ""]
    return "\n".join(lines)


def _rows(model: type[BaseModel], prefix: str, seen: set[type[BaseModel]]) -> Iterator[str]:
    """A row per key; the keys of what a list holds stand behind the first list of that kind."""
    for key, field in model.model_fields.items():
        nested = _model(field)
        default = "*required*" if field.is_required() else f"`{_default(field)}`"
        note = _note(field)
        kind = "section" if nested else _type_name(field)
        meaning = _sentence(field.description or (nested.__doc__ if nested else "")) + note
        yield f"| `{prefix}{key}` | {kind} | {default} | {meaning} |".replace("\n", " ")
        if nested:
            yield from _rows(nested, f"{prefix}{key}.", seen)
        elif (item := _item(field)) and item not in seen:
            seen.add(item)
            yield from _rows(item, f"{prefix}{key}[].", seen)


def _note(field: FieldInfo) -> str:
    if field.json_schema_extra == NO_RERUN:
        return " *Reruns nothing.*"
    return " *Changes no number.*" if field.json_schema_extra == SPLITS_JOBS else ""


def _default(field: FieldInfo) -> object:
    value = (
        field.default
        if field.default is not PydanticUndefined
        else field.get_default(call_default_factory=True)
    )
    return "null" if value is None else value


def _model(field: FieldInfo) -> type[BaseModel] | None:
    candidates = [field.annotation, *get_args(field.annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _item(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a list may hold."""
    sections = section_types(field.annotation)
    return next((s for s in sections if len(s.model_fields) > _FEW_KEYS), None)


def _plain_name(kind: type) -> str:
    if issubclass(kind, BaseModel):
        few = len(kind.model_fields) <= _FEW_KEYS
        return f"mapping with {', '.join(kind.model_fields)}" if few else "mapping"
    names = {
        NoneType: "null",
        str: "text",
        int: "integer",
        float: "number",
        bool: "true/false",
    }
    return names.get(kind, kind.__name__)


def _type_name(field: FieldInfo) -> str:
    def name(kind: object) -> str:
        if isinstance(kind, type) and not get_args(kind):
            return _plain_name(kind)
        arguments = get_args(kind)
        if all(isinstance(a, str) for a in arguments) and arguments:
            return ", ".join(f"`{a}`" for a in arguments)
        origin = getattr(kind, "__origin__", None)
        if origin is list:
            return f"list of {name(arguments[0])}"
        if origin is dict:
            return f"mapping of {name(arguments[1])}"
        if hasattr(kind, "__metadata__"):
            return name(arguments[0])
        return " or ".join(name(a) for a in arguments)

    return name(field.annotation)


def _sentence(text: str | None) -> str:
    text = (text or "").strip().rstrip(".")
    return f"{text[0].upper()}{text[1:]}." if text else ""


def dag_picture() -> str:
    """`docs/dag.svg`, the same picture as in the report."""
    command = "-m snakemake --dry-run --printshellcmds --configfile config/tiny.yaml"
    planned = subprocess.run(
        [sys.executable, *command.split(), "--forcerun", "report", "--until", "report"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    words = planned.partition(" --flow ")[2].partition(" --cost ")[0].split()
    return dag(nodes=STAGES, edges=edges(words, STAGES), descriptions=SUMMARIES).svg


GENERATED = {
    "docs/dag.svg": dag_picture,
    **{
        f"pseudopotentials/{row.element}.hgh-lda.UPF": partial(hgh_upf, row)
        for row in (ALUMINIUM_LDA, LITHIUM_LDA, MAGNESIUM_LDA, SILICON_LDA)
    },
    "workflow/envs/surrogate-hpo.yaml": conda_environment,
    "docs/reference/config.md": config_reference,
}


def main() -> None:
    """Write or check all generated files."""
    drifted = []
    for name, make in GENERATED.items():
        path = ROOT / name
        content = make().rstrip("\n") + "\n"
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != content:
                drifted.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    if drifted:
        sys.exit(f"out of date: {', '.join(drifted)}; run `make generated`")


if __name__ == "__main__":
    main()
