"""YAML of somebody else: bounded before anything is built, plain words as version 1.2 has them.

PyYAML follows version 1.1, by which 020 is 16, 1:30 is 90, 1_0 is 10, and the element No is false.
"""

import math
import re
from dataclasses import dataclass, field

import yaml

from surrogate_hpo import limits
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.limits import CONFIG_DIGITS

# What a parser raises, besides its own errors, of a text that says what it cannot mean:
# `!!timestamp abc`, `!!int abc`, a list as a key.
UNREADABLE = (
    yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
    RecursionError,
)  # fmt: skip
_NUMBER = re.compile(r"[-+.]?\d[-+.\w:]*")


def check_yaml(text: str, where: str) -> None:
    """Refuse YAML that is nested too deeply, or unfolds to more than any config.

    An alias counts as all that it stands for: a few lines of aliases to aliases are otherwise
    gigabytes.

    Parameters
    ----------
    text
        The file.
    where
        Its path, for messages.

    Raises
    ------
    ConfigError
        Naming the line.
    yaml.YAMLError
        If it is no YAML.
    """
    counts = _Counts()
    for event in yaml.parse(text):
        fault = counts.fault(event)
        if fault is not None:
            what, most, remedy = fault
            raise ConfigError(
                f"the YAML file {what}",
                where=f"{where}, line {event.start_mark.line + 1 if event.start_mark else 1}",
                expected=most,
                remedy=remedy,
            )


_Fault = tuple[str, str, str]


@dataclass
class _Counts:
    """Nodes so far, aliases unfolded: of each open collection, and of each anchor."""

    open: list[tuple[str | None, int]] = field(default_factory=list)
    anchors: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def fault(self, event: yaml.Event) -> _Fault | None:
        """Count an event; what is wrong with it, the limit, and a remedy."""
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                return (
                    f"repeats what `&{event.anchor}` has not finished, or nothing",
                    "an alias to a value that stands before it",
                    "write the value itself",
                )
            self.total += self.anchors[event.anchor]
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = self.open.pop()
            self._remember(anchor, self.total - before)
        elif isinstance(event, yaml.CollectionStartEvent):
            self.open.append((event.anchor, self.total))
            self.total += 1
        elif isinstance(event, yaml.ScalarEvent):
            self.total += 1
            self._remember(event.anchor, 1)
            return _scalar_fault(event) or self._excess()
        return self._excess()

    def _remember(self, anchor: str | None, nodes: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = nodes

    def _excess(self) -> _Fault | None:
        if self.total > limits.CONFIG_NODES:
            most = f"at most {limits.CONFIG_NODES} keys and values, aliases unfolded"
            return "holds more than any config", most, "write fewer; a range file@0:100 is one"
        if len(self.open) > limits.CONFIG_DEPTH:
            most = f"at most {limits.CONFIG_DEPTH} levels"
            return "is nested too deeply", most, "look for brackets that are not closed"
        return None


def _scalar_fault(event: yaml.ScalarEvent) -> _Fault | None:
    plain = event.implicit[0]
    if plain and event.value == "<<":
        return "merges a mapping into another", "no key `<<`", "write the keys out"
    if plain and len(event.value) > limits.CONFIG_DIGITS and _NUMBER.fullmatch(event.value):
        most = f"at most {limits.CONFIG_DIGITS} digits"
        return "holds a number of too many digits", most, "put it in quotes if it is a text"
    return None


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
