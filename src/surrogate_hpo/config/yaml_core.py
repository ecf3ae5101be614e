"""YAML as its version 1.2 reads plain words: `020` is 20, `1:30` and `no` are words.

PyYAML follows version 1.1, by which 020 is 16, 1:30 is 90, 1_0 is 10, and the element No is false.
"""

import math
import re

import yaml

from surrogate_hpo.limits import CONFIG_DIGITS

_RESOLVED = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+0123456789."),
    ),
    # Not in the core schema; no config may hold it, so it is quoted where it is a word.
    "merge": (r"<<", ["<"]),
}
_PATTERNS = {name: re.compile(f"(?:{pattern})") for name, (pattern, _) in _RESOLVED.items()}


class CoreLoader(yaml.SafeLoader):
    """Loads plain words by the core schema of YAML 1.2, and no number that is not finite."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


class CoreDumper(yaml.SafeDumper):
    """Quotes the words that `CoreLoader` would take for something else."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


def _word(loader: yaml.SafeLoader, node: yaml.Node, kind: str) -> str:
    text = str(loader.construct_scalar(node))  # type: ignore[arg-type]
    if not _PATTERNS[kind].fullmatch(text) or len(text) > CONFIG_DIGITS:
        msg = f"`{text[:CONFIG_DIGITS]}` is no {kind} that is read here"
        raise yaml.constructor.ConstructorError(None, None, msg, node.start_mark)
    return text


def _boolean(loader: yaml.SafeLoader, node: yaml.Node) -> bool:
    return _word(loader, node, "bool").lower() == "true"


def _integer(loader: yaml.SafeLoader, node: yaml.Node) -> int:
    text = _word(loader, node, "int")
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _finite(loader: yaml.SafeLoader, node: yaml.Node) -> float:
    text = _word(loader, node, "float")
    value = float(re.sub(r"\.(?=[inIN])", "", text))
    if not math.isfinite(value):
        raise yaml.constructor.ConstructorError(
            None, None, f"`{text}` is no finite number, and every setting is one", node.start_mark
        )
    return value


for _name, (_pattern, _first) in _RESOLVED.items():
    for _class in (CoreLoader, CoreDumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_pattern})$"), _first
        )
CoreLoader.add_constructor("tag:yaml.org,2002:bool", _boolean)
CoreLoader.add_constructor("tag:yaml.org,2002:int", _integer)
CoreLoader.add_constructor("tag:yaml.org,2002:float", _finite)
