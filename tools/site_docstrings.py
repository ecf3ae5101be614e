"""The reStructuredText of the docstrings, as Markdown."""

import re
import textwrap
from typing import Any

import griffe

_BLOCK = re.compile(r"^( *)\.\. math::\n((?:\n|\1 +.*(?:\n|$))+)", re.MULTILINE)
_FORMULA = re.compile(r":math:`([^`]+)`")
_OBJECT = re.compile(r":(?:func|class|meth|data|mod):`(~?)([^`]+)`")


class Markdown(griffe.Extension):
    """Formulas and references to objects in the form that mkdocstrings expects."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:  # noqa: ANN401, ARG002 - griffe's
        """Rewrite the docstring of an object once it is loaded."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """Rewrite formulas and references."""
    docstring = _BLOCK.sub(_displayed, docstring)
    docstring = _FORMULA.sub(lambda match: f"${' '.join(match[1].split())}$", docstring)
    return _OBJECT.sub(lambda match: f"`{match[2].rpartition('.')[2]}`", docstring)


def _displayed(match: re.Match[str]) -> str:
    formula = textwrap.dedent(match[2]).strip()
    return textwrap.indent(f"$$\n{formula}\n$$\n\n", match[1])
