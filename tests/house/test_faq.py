"""The error messages in the FAQ are those that the program prints."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import surrogate_hpo.errors

REPOSITORY = Path(__file__).parents[2]
FAQ = (REPOSITORY / "docs" / "faq.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```text\n(.*?)\n```", FAQ, re.DOTALL)
# Of one or two words nothing is fixed, mostly.
FIELD = re.compile(r"^  (expected|remedy): (\S+ \S+ .*)$", re.MULTILINE)
# Lists of `check`, and what is said of a part of an archive.
LISTED = re.compile(r"^(?:\d+\. |  (?=the stage ))(.*)$", re.MULTILINE)
# In a text for the log, after re.escape.
LOGGED = re.compile(r"%(?:\\\.\d)?[sdfg]")


def pattern(node: ast.expr) -> str | None:
    """A regular expression of what a string of the source can read."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return LOGGED.sub(".*?", re.escape(node.value)).replace("%%", "%")
    if isinstance(node, ast.JoinedStr):
        return "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*?"
            for part in node.values
        )
    return None


@cache
def parsed() -> list[ast.Module]:
    paths = sorted((REPOSITORY / "src").rglob("*.py"))
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def strings(tree: ast.AST) -> list[re.Pattern[str]]:
    """Every string with at least one fixed word."""
    texts = [pattern(node) for node in ast.walk(tree) if isinstance(node, ast.expr)]
    return [re.compile(text) for text in texts if text and re.search(r"[A-Za-z]{3,}", text)]


@cache
def sources() -> list[re.Pattern[str]]:
    return [found for tree in parsed() for found in strings(tree)]


def printed(name: str) -> str:
    """What the program calls errors of a class: some are told apart within it alone."""
    error = getattr(surrogate_hpo.errors, name, None)
    return error("").kind if error else name


@cache
def raised() -> dict[str, list[re.Pattern[str]]]:
    """What each class of errors is raised with: the first argument of its calls."""
    found: dict[str, list[re.Pattern[str]]] = {}
    for tree in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                found.setdefault(printed(node.func.id), []).extend(strings(node.args[0]))
    return found


RULES = re.sub(
    r'"\s*\n\s*"',
    "",
    " ".join(path.read_text() for path in (REPOSITORY / "workflow" / "rules").glob("*.smk")),
)


def is_printed(text: str, error: str | None = None) -> bool:
    """Whether the program can say it, or raise this class of errors with it."""
    forms = (text, f"{text}\n", text.removesuffix(":") + ": ")
    said = raised()[error] if error else sources()
    return any(source.fullmatch(form) for source in said for form in forms)


def parts(block: str) -> tuple[str | None, str]:
    """Class of the error, if it is one, and its first line."""
    first = block.split("\n", 1)[0]
    name, separator, rest = first.partition(": ")
    return (name, rest) if separator and name.isidentifier() else (None, first)


NAMES = [parts(block)[1][:50] for block in BLOCKS]


@pytest.mark.parametrize("block", BLOCKS, ids=NAMES)
def test_the_message_stands_in_the_source(block):
    name, words = parts(block)
    if name and raised().get(name):
        assert is_printed(words, name), f"{name} is not raised with: {words}"
    else:
        assert is_printed(words) or words in RULES, words


@pytest.mark.parametrize("block", BLOCKS, ids=NAMES)
def test_expectation_and_remedy_stand_in_the_source(block):
    for field, words in FIELD.findall(block):
        assert is_printed(words), (field, words)
    for words in LISTED.findall(block):
        assert is_printed(words), words


def test_every_error_class_named_exists():
    names = {name for name, _ in map(parts, BLOCKS) if name}
    assert {"ConfigError", "DataError", "PhysicsError", "EngineError"} <= names
    assert all(hasattr(surrogate_hpo.errors, name) for name in names)


def test_words_that_no_error_has_are_found_out():
    assert not is_printed("the config has no faults at all")
    assert not is_printed("reboot the machine")
    assert not is_printed("too few bands: the highest one is still occupied", "DataError")
