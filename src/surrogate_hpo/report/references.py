"""A publication that a run is cited by, and how a reference is written."""

import re
import unicodedata
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, cast, get_args

from surrogate_hpo.errors import DataError

Kind = Literal["article", "inproceedings", "misc"]
_LETTERS = {"ø": r"{\o}", "Ø": r"{\O}", "ł": r"{\l}", "–": "--"}
_ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0308": '"'}


@dataclass(frozen=True)
class Reference:
    """One publication.

    Attributes
    ----------
    kind
        Of the BibTeX entry.
    authors
        ``Family, Given`` each; ``others`` at the end if there are more.
    title
        Of the publication.
    year
        Of the publication.
    container
        Journal, or the proceedings.
    volume
        Of the journal.
    pages
        From and to, or the number of the article.
    doi
        Without address.
    arxiv
        Number of the preprint.
    """

    kind: Kind
    authors: tuple[str, ...]
    title: str
    year: int
    container: str = ""
    volume: str = ""
    pages: str = ""
    doi: str = ""
    arxiv: str = ""

    def bibtex(self, key: str) -> str:
        """Write the entry in plain ASCII, as BibTeX of any age reads it."""
        fields = {
            "author": " and ".join(self.authors),
            "title": f"{{{self.title}}}",
            "journal" if self.kind == "article" else "booktitle": self.container,
            "volume": self.volume,
            "pages": self.pages.replace("–", "--"),
            "year": str(self.year),
            "doi": self.doi,
            "eprint": self.arxiv,
            "archivePrefix": "arXiv" if self.arxiv else "",
        }
        width = max(len(name) for name in fields)
        lines = [
            f"  {name:<{width}} = {{{_latex(value)}}}" for name, value in fields.items() if value
        ]
        return f"@{self.kind}{{{key},\n" + ",\n".join(lines) + "\n}\n"

    @property
    def text(self) -> str:
        """The reference in one line, for people."""
        names = [_given_first(author) for author in self.authors if author != "others"]
        many = "others" in self.authors or len(names) > 4
        authors = f"{names[0]} et al." if many else ", ".join(names)
        place = " ".join(part for part in (self.container, self.volume) if part)
        parts = [authors, self.title, ", ".join(p for p in (place, self.pages) if p)]
        return ". ".join(part.rstrip(".") for part in parts if part) + f" ({self.year})"

    @property
    def address(self) -> str:
        """Where to find it; empty if it has neither number."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""


def _given_first(author: str) -> str:
    family, _, given = author.partition(", ")
    return f"{given} {family}".strip()


def _latex(text: str) -> str:
    """Letters beyond ASCII as LaTeX writes them; anything unknown raises."""
    written = ""
    for letter in text:
        parts = unicodedata.normalize("NFD", letter)
        if letter in _LETTERS:
            written += _LETTERS[letter]
        elif len(parts) == 2 and parts[1] in _ACCENTS:
            written += f"{{\\{_ACCENTS[parts[1]]}{parts[0]}}}"
        else:
            written += letter
    written.encode("ascii")
    return written


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
