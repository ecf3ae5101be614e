"""What a function takes from the command line, read from its signature."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from surrogate_hpo.run.interface import ArgumentGroup, Role


@dataclass(frozen=True)
class Declared:
    """An argument of a stage or a command.

    Attributes
    ----------
    kind
        Type of its value.
    role
        What it is for, with its help.
    default
        Its value if it is left out; `inspect.Parameter.empty` if it must be given.
    """

    kind: Any
    role: Role
    default: Any

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty


def declared(function: Callable[..., Any]) -> dict[str, Declared]:
    """Annotated arguments of a function by name, in order; of a group, its fields.

    Parameters
    ----------
    function
        A stage, a command, or a group of arguments.

    Returns
    -------
    dict
        Name to argument.
    """
    parameters = inspect.signature(function).parameters
    found: dict[str, Declared] = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        if _is_group(hint):
            found |= declared(hint)
        elif get_origin(hint) is Annotated:
            kind, role = get_args(hint)[:2]
            found[name] = Declared(kind, role, parameters[name].default)
    return found


def gathered(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments for a function, of which those of a group are gathered in it.

    Parameters
    ----------
    function
        As in `declared`.
    values
        By the names that `declared` gives, and by those of its other arguments.

    Returns
    -------
    dict
        What to call the function with.
    """
    found = dict(values)
    for name, hint in get_type_hints(function, include_extras=True).items():
        if _is_group(hint):
            fields = {field: found.pop(field) for field in declared(hint)}
            found[name] = hint(**gathered(hint, fields))
    return found


def _is_group(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, ArgumentGroup)
