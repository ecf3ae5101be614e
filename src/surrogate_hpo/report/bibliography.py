"""The publications that a run may have used, by the key under which they are cited."""

import re
from importlib.resources import files
from typing import cast, get_args

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.references import Kind, Reference

_ENTRY = re.compile(r"@(\w+)\{(\w+),\n((?:  \w+ = \{.*\},\n)+)\}\n+")
_FIELD = re.compile(r"  (\w+) = \{(.*)\},\n")
# Fields of an entry, and what they are called here.
_NAMES = {
    "title": "title",
    "journal": "container",
    "booktitle": "container",
    "volume": "volume",
    "pages": "pages",
    "doi": "doi",
    "eprint": "arxiv",
}
_READ = {*_NAMES, "author", "year", "archivePrefix"}


def read_bibliography(text: str) -> dict[str, Reference]:
    """Read BibTeX in UTF-8: lines that begin with %, and entries with one field a line.

    Parameters
    ----------
    text
        Content of the file.

    Returns
    -------
    dict
        Key to reference, in the order of the file.

    Raises
    ------
    DataError
        If something else is in the text, an entry has a field that is not read or lacks one that
        every reference has, or a key comes twice.
    """
    rest = re.sub(r"^%.*\n", "", text, flags=re.MULTILINE).lstrip("\n")
    found: dict[str, Reference] = {}
    while rest:
        entry = _ENTRY.match(rest)
        if entry is None:
            raise _unreadable(
                rest.splitlines()[0], "@kind{key, with one `  field = {value},` a line"
            )
        kind, key, fields = entry.groups()
        if key in found:
            raise _unreadable(key, "each key once")
        found[key] = _reference(kind, key, dict(_FIELD.findall(fields)))
        rest = rest[entry.end() :]
    return found


def _reference(kind: str, key: str, fields: dict[str, str]) -> Reference:
    known = kind in get_args(Kind) and {"author", "title", "year"} <= fields.keys() <= _READ
    if not known or not fields["year"].isdecimal():
        expected = f"{', '.join(get_args(Kind))} with author, title, a year, and of {sorted(_READ)}"
        raise _unreadable(f"{key}: {kind} with {', '.join(fields)}", expected)
    named = {_NAMES[name]: value for name, value in fields.items() if name in _NAMES}
    # Braces within keep the capitals of a title.
    named["title"] = named["title"].removeprefix("{").removesuffix("}")
    authors = tuple(fields["author"].split(" and "))
    return Reference(cast(Kind, kind), authors, year=int(fields["year"]), **named)


def _unreadable(got: str, expected: str) -> DataError:
    return DataError("the bibliography cannot be read", expected=expected, got=got)


BIBLIOGRAPHY = read_bibliography(
    files("surrogate_hpo.report").joinpath("references.bib").read_text(encoding="utf-8")
)
"""Key to reference."""
