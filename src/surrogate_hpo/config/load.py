"""Reads config files: all faults at once, each with its dotted path and a remedy."""

import difflib
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from surrogate_hpo import limits
from surrogate_hpo.config.base import section_types
from surrogate_hpo.config.project import Config
from surrogate_hpo.config.yaml_core import UNREADABLE, CoreLoader, check_yaml
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.limits import require_size

DEFAULT_CONFIG = [Path("config/config.yaml")]
# YAML 1.1 took them for true and false; now they are words (No is an element, too).
_WORDS_OF_OLD_YAML = {"yes", "no", "on", "off", "y", "n"}
_NO_SPIN = "calculations are without spin"
_FERMI_DIRAC = "occupations are Fermi-Dirac, of `dft.electronic_temperature_kelvin`"
_FUNCTIONAL = "the functional is the potentials'"
_NEUTRAL = "cells are neutral"
# Keys of pw.x and its like that mean something that there is not; none resembles a key of ours by
# its meaning.
_UNSUPPORTED = {
    **dict.fromkeys(("nspin", "noncolin", "lspinorb", "starting_magnetization"), _NO_SPIN),
    **dict.fromkeys(("tot_magnetization", "spin", "magnetization", "magmoms"), _NO_SPIN),
    **dict.fromkeys(("smearing", "occupations", "degauss"), _FERMI_DIRAC),
    **dict.fromkeys(("tot_charge", "charge"), _NEUTRAL),
    **dict.fromkeys(("input_dft", "xc", "exx_fraction", "nqx1"), _FUNCTIONAL),
    **dict.fromkeys(("vdw_corr", "dftd3", "london"), "there is no van der Waals functional"),
    **dict.fromkeys(("lda_plus_u", "hubbard", "hubbard_u"), "there is no Hubbard U"),
    "nosym": "pw.x is always run without symmetry",
}


class _Loader(CoreLoader):
    """YAML 1.2 with duplicate keys refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key}` stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_config(paths: Sequence[Path]) -> Config:
    """Read, merge (later files win, key by key) and validate config files.

    Parameters
    ----------
    paths
        YAML files.

    Returns
    -------
    Config
        The validated config.

    Raises
    ------
    ConfigError
        If a file is missing or no YAML, or listing every fault of the merged config.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        merged = _merge(merged, read_mapping(path))
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        count, lines = listed_faults(error, Config)
        raise ConfigError(
            f"the config has {count}:\n{lines}",
            where=", ".join(str(path) for path in paths),
            remedy="mend them all, then run `surrogate-hpo check` again; "
            "docs/reference/config.md lists every key",
        ) from error


def listed_faults(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """List what a model refuses, a line per fault.

    Parameters
    ----------
    error
        What pydantic raised.
    model
        The model of the whole file, whose keys are suggested.

    Returns
    -------
    count : str
        As in `2 faults`.
    lines : str
        Numbered, each with its dotted path.
    """
    faults = error.errors(include_url=False)
    lines = [f"  {i}. {_describe(fault, model)}" for i, fault in enumerate(faults, start=1)]
    count = f"{len(faults)} fault" + ("s" if len(faults) > 1 else "")
    return count, "\n".join(lines)


def read_mapping(
    path: Path, *, kind: str = "config file", example: str = "config/config.yaml"
) -> dict[str, Any]:
    """Read a small YAML (or JSON) file that users write.

    Parameters
    ----------
    path
        The file.
    kind
        What it is, for messages.
    example
        Name of such a file, for messages.

    Returns
    -------
    dict
        Its keys, not yet validated.

    Raises
    ------
    ConfigError
        If it is missing, no YAML, or holds no keys.
    DataError
        If it is too large.
    """
    try:
        require_size(path, limits.CONFIG_BYTES, kind)
        text = path.read_text(encoding="utf-8")
        check_yaml(text, str(path))
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise ConfigError(
            f"the {kind} cannot be read",
            where=str(path),
            got=error.strerror,
            remedy=f"give the path of an existing YAML file, e.g. {example}",
        ) from error
    except UNREADABLE as error:
        raise ConfigError(
            f"the {kind} is not valid YAML", where=str(path), got=str(error)[:500]
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"the {kind} holds no settings",
            where=str(path),
            expected="a mapping of sections",
            got=type(content).__name__,
        )
    return content


def _merge(base: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge with the semantics of Snakemake's `--configfile a b`."""
    merged = dict(base)
    for key, value in update.items():
        known = merged.get(key)
        merged[key] = (
            _merge(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
        )
    return merged


def _describe(fault: ErrorDetails, root: type[BaseModel]) -> str:
    path = ".".join(str(part) for part in fault["loc"]) or "config"
    if fault["type"] == "extra_forbidden":
        if reason := _UNSUPPORTED.get(str(fault["loc"][-1]).lower()):
            return f"{path}: not supported, {reason}; see docs/limits.md"
        siblings = _known_keys(fault["loc"][:-1], root)
        near = difflib.get_close_matches(str(fault["loc"][-1]), siblings, n=1, cutoff=0.5)
        hint = (
            f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(sorted(siblings))}"
        )
        return f"{path}: unknown key; {hint}"
    if fault["type"] == "missing":
        return f"{path}: this key is required"
    message, got = fault["msg"].removeprefix("Value error, "), fault["input"]
    if fault["type"].startswith("bool") and str(got).lower() in _WORDS_OF_OLD_YAML:
        message += "; write true or false"
    shown = "" if isinstance(got, dict) else f" (got {repr(got)[:200]})"
    return f"{path}: {message}{shown}"


def _known_keys(loc: Sequence[int | str], model: type[BaseModel]) -> list[str]:
    """Keys of the section at this place of the file."""
    for part in loc:
        # Places in a list and forms of a value stand in between.
        if part in model.model_fields:
            model = next(section_types(model.model_fields[str(part)].annotation))
    return list(model.model_fields)
