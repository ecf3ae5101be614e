"""The text of pseudopotential files: XML but for what generators put between."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from surrogate_hpo import limits
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.bounded_xml import RefusedXml, parse_xml, with_ampersands
from surrogate_hpo.limits import require_size

# Comments hold what they like, and generator inputs are quoted with & and < that are no XML.
_VERBATIM = (
    ("<!--", "-->"),
    (r"<PP_INFO\b", r"</PP_INFO\s*>"),
    (r"<PP_INPUTFILE\b", r"</PP_INPUTFILE\s*>"),
)


def upf_text(path: Path) -> str:
    """Read a pseudopotential file as it stands.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        Its text.

    Raises
    ------
    DataError
        The file is missing or too large.
    """
    try:
        require_size(path, limits.UPF_BYTES, "pseudopotential file")
        return path.read_text(errors="replace")
    except OSError as error:
        raise DataError(
            "the pseudopotential file cannot be read",
            where=str(path),
            got=error.strerror,
            remedy="check the path in the dft section of the configuration",
        ) from error


def parse_upf(path: Path) -> ET.Element:
    """Parse the part of a pseudopotential file that pw.x reads.

    Parameters
    ----------
    path
        The file, UPF version 2.

    Returns
    -------
    xml.etree.ElementTree.Element
        Its root.

    Raises
    ------
    DataError
        The file is missing, damaged, or of version 1.
    """
    text = upf_text(path)
    if not re.search(r"<UPF\s+version", text) and "<PP_HEADER" in text:
        raise DataError(
            "the pseudopotential is in the old UPF version 1",
            where=str(path),
            expected='UPF version 2 (starts with <UPF version="2...">)',
            remedy="convert it with Quantum ESPRESSO's upfconv.x -u",
        )
    try:
        return parse_xml(_as_xml(text))
    except (ET.ParseError, ValueError) as error:
        raise DataError(
            "the pseudopotential file is not a complete UPF file",
            where=str(path),
            expected="well-formed UPF version 2",
            got=str(error),
            remedy="fetch the file again: it is damaged or cut off",
        ) from error


def _as_xml(text: str) -> str:
    """The part of a file that pw.x reads, as XML: it takes no offence at what surrounds it."""
    for begin, end in _VERBATIM:
        text = _without(text, begin, end)
    head, root, rest = text.partition("<UPF")
    if "<!DOCTYPE" in head:
        raise RefusedXml("a document type declaration")
    whole, end, _ = (root + rest if root else text).partition("</UPF>")
    return with_ampersands(whole + end)


def _without(text: str, begin: str, end: str) -> str:
    """Without what stands from one to another; in linear time, if very many begin and none ends."""
    first, last = re.compile(begin), re.compile(end)
    parts, place = [], 0
    while (start := first.search(text, place)) and (stop := last.search(text, start.end())):
        parts.append(text[place : start.start()])
        place = stop.end()
    return "".join(parts) + text[place:]
