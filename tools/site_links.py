"""Where the pages of the site come from, and what their links and anchors are called there.

The pages are written for a Git host: links go to files of the repository. The site holds `docs/` and the few
files beside it that pages link to.
"""

import posixpath
import re
import unicodedata

# Files outside of `docs/` that are part of the site.
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "CITATION.cff": "CITATION.cff",
    "pseudopotentials/README.md": "reference/pseudopotentials.md",
}
_SOURCES = {on_site: path for path, on_site in ELSEWHERE.items()}
# Code is no link.
_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()([^)#\s]*)(#[^)\s]*)?(?=\))")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def source(on_site: str) -> str:
    """Path in the repository of a page of the site."""
    return _SOURCES.get(on_site, f"docs/{on_site}")


def links(markdown: str) -> list[tuple[str, str]]:
    """File (empty for the page itself) and anchor of each link that stays in the repository."""
    found = (
        (match[1], (match[2] or "").removeprefix("#")) for match in _LINK.finditer(_blank(markdown))
    )
    return [(target, anchor) for target, anchor in found if "://" not in target]


def markdown_on_site(markdown: str, page: str) -> str:
    """The text of a page (path on the site) with its links as they are on the site."""

    def moved(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        if not target or "://" in target:
            return match[0]
        path = resolved(source(page), target)
        place = ELSEWHERE.get(path, path.removeprefix("docs/"))
        return posixpath.relpath(place, posixpath.dirname(page) or ".") + anchor

    pieces, end = [], 0
    for code in _CODE.finditer(markdown):
        pieces += [_LINK.sub(moved, markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*pieces, _LINK.sub(moved, markdown[end:])])


def resolved(page: str, target: str) -> str:
    """Path in the repository that a link of a page (path in the repository) leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target))


def slug(heading: str, separator: str = "-") -> str:
    """The anchor of a heading, as Git hosts make it."""
    text = unicodedata.normalize("NFC", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", separator)


def anchors(markdown: str) -> set[str]:
    """The anchors of a page."""
    blank = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in _HEADING.findall(blank):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.add(slug(text))
    return found


def _blank(markdown: str) -> str:
    return _CODE.sub("", markdown)
