"""Digest of the code behind a stage, blind to comments, docstrings and formatting.

Snakemake does not see edits to an imported package. Each rule carries this digest as
a parameter, so a changed line reruns the stages that it touches and nothing else.
"""

import ast
import hashlib
import json
import sys
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import TypedDict

import surrogate_hpo
from surrogate_hpo.files.atomic import write_text
from surrogate_hpo.run.graph import home

PACKAGE = "surrogate_hpo"
ROOT = Path(surrogate_hpo.__file__).parent
# What these modules do never decides a number: their edits rerun nothing.
NEUTRAL = frozenset(
    f"{PACKAGE}.{name}"
    for name in ("errors", "interruption", "run.code_digest", "log", "run.interface")
)
# What lies between a config file and the stage that is given its settings. By themselves: what
# they import are the sections of all stages.
FRONT_DOOR = tuple(
    f"{PACKAGE}.{name}"
    for name in ("cli", "config.load", "config.yaml_core", "run.left_out", "run.signature")
)
# This module decides what is made of a source, and so does Python.
_READER = hashlib.sha256(Path(__file__).read_bytes() + sys.version.encode()).digest()


def code_digest(stage: str) -> str:
    """SHA-256 of the stage's module, every package module that it imports, and the way to it.

    Parameters
    ----------
    stage
        Name of the stage, e.g. `acsd`.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    modules = sorted({*imported_modules(f"{PACKAGE}.{home(stage)}"), *FRONT_DOOR})
    text = "\n".join(f"{name} {_module_digest(name)}" for name in modules)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def imported_modules(module: str) -> set[str]:
    """The module and all package modules reachable by its imports, lazy ones included.

    Parameters
    ----------
    module
        Dotted name of a module of the package.

    Returns
    -------
    set of str
        Dotted names, without those that decide no number.
    """
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found and name not in NEUTRAL:
            found.add(name)
            waiting.extend(_direct_imports(name))
    return found


def _file(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")


@cache
def _direct_imports(module: str) -> frozenset[str]:
    # Packages hold only a docstring, so importing one says nothing by itself.
    return frozenset(name for name in _parsed(module)["imports"] if _is_module(name))


@cache
def _is_module(name: str) -> bool:
    return _file(name).is_file()


@cache
def _module_digest(module: str) -> str:
    digest = hashlib.sha256(_parsed(module)["code"].encode())
    # A template or a bibliography decides what its module does as much as the code.
    for suffix in (".html", ".bib"):
        beside = _file(module).with_suffix(suffix)
        if beside.is_file():
            digest.update(beside.read_bytes())
    return digest.hexdigest()


class _Parsed(TypedDict):
    """What a module's syntax tree says, and the text that it was made of."""

    source: str
    code: str
    imports: list[str]


@cache
def _parsed(module: str) -> _Parsed:
    """Digest of the code and names that it imports, kept beside Python's own compiled modules.

    To parse the modules of a stage takes a third of a second, which each job would spend.
    """
    file = _file(module)
    source = file.read_bytes()
    key = hashlib.sha256(_READER + source).hexdigest()
    kept = Path(cache_from_source(str(file))).with_suffix(".digest.json")
    found = _kept(kept, key)
    if found is None:
        found = _parse(source, key)
        if not sys.dont_write_bytecode:
            # As for Python's files: where they cannot be written, each process parses again.
            with suppress(OSError):
                write_text(kept, json.dumps(found))
    return found


def _kept(path: Path, key: str) -> _Parsed | None:
    """What a process before found in the same source; None if it did not, or the file is none."""
    try:
        found = json.loads(path.read_bytes())
        same = found["source"] == key
        return _Parsed(source=key, code=found["code"], imports=found["imports"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _parse(source: bytes, key: str) -> _Parsed:
    tree = ast.parse(source)
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    code = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    imports = sorted(name for name in names if name.startswith(f"{PACKAGE}."))
    return _Parsed(source=key, code=code, imports=imports)


def _drop_docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]
