"""A publication that a run is cited by, and how a reference is written."""

import unicodedata
from dataclasses import dataclass
from typing import Literal

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
