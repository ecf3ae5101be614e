"""XML of somebody else: no document types, so no entities to unfold; size and depth bounded."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from surrogate_hpo import limits
from surrogate_hpo.limits import require_size

_CHUNK_BYTES = 1 << 16
_T = TypeVar("_T")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)")


class RefusedXml(ValueError):  # noqa: N818 - the readers' messages say what it means
    """What neither Quantum ESPRESSO nor a generator of potentials writes."""


class _Builder(ET.TreeBuilder):
    """Builds the tree, and stops where it grows beyond any that makes sense."""

    def __init__(self) -> None:
        super().__init__()
        self._elements = self._depth = 0

    def doctype(self, *_: object) -> None:
        """Refuse, before an entity is declared."""
        raise RefusedXml("a document type declaration")

    def start(self, tag: str, attrs: dict[Any, Any], /) -> ET.Element:
        """Count."""
        self._elements += 1
        self._depth += 1
        if self._elements > limits.XML_ELEMENTS:
            raise RefusedXml(f"more than {limits.XML_ELEMENTS} elements")
        if self._depth > limits.XML_DEPTH:
            raise RefusedXml(f"more than {limits.XML_DEPTH} levels")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ET.Element:
        """Count down."""
        self._depth -= 1
        return super().end(tag)


class _Found(Exception):  # noqa: N818 - the end, not an error
    """The head of the file is complete."""


class _HeadBuilder(_Builder):
    """Remembers the last element of each name in a section, until another begins in it."""

    def __init__(self, section: str, until: str) -> None:
        super().__init__()
        self._section, self._until = section, until
        self._inside = False
        self.found: dict[str, ET.Element] = {}

    def start(self, tag: str, attrs: dict[Any, Any], /) -> ET.Element:
        """Stop at what is not read."""
        self._inside = self._inside or tag == self._section
        if self._inside and tag == self._until:
            raise _Found
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ET.Element:
        """Remember."""
        element = super().end(tag)
        if self._inside:
            self.found[tag] = element
        return element


def with_ampersands(text: str) -> str:
    """XML of a text in which an & may stand for itself."""
    return _BARE_AMPERSAND.sub("&amp;", text)


def read_xml(path: Path) -> ET.Element:
    """Read a file, in which an & may stand for itself.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    xml.etree.ElementTree.Element
        Its root.

    Raises
    ------
    DataError
        If it is larger than any that makes sense.
    RefusedXml
        If it declares a document type, or has more elements or levels than the limits allow.
    """

    def whole(stream: BinaryIO) -> ET.Element:
        return ET.parse(stream, ET.XMLParser(target=_Builder())).getroot()  # noqa: S314

    return _parsed(path, whole)


def _parsed(path: Path, parse: Callable[[BinaryIO], _T]) -> _T:
    """What is parsed; pw.x writes paths as they are, so that an & of a folder stands bare."""
    require_size(path, limits.XML_BYTES, "XML file")
    try:
        with path.open("rb") as stream:
            return parse(stream)
    except ET.ParseError:
        # Of any encoding that an & has one byte in.
        text = path.read_bytes().decode("latin-1")
        return parse(BytesIO(with_ampersands(text).encode("latin-1")))


def parse_xml(text: str) -> ET.Element:
    """Parse a text; see `read_xml`."""
    return ET.fromstring(text, ET.XMLParser(target=_Builder()))  # noqa: S314


def read_head(path: Path, section: str, until: str) -> dict[str, ET.Element]:
    """Read a file up to some element, of which there may be very many.

    Parameters
    ----------
    path
        The file.
    section
        Element that holds what is of interest.
    until
        Element in the section at which reading ends.

    Returns
    -------
    dict
        The last element of each name in the section.

    Raises
    ------
    DataError
        If the file is larger than any that makes sense.
    RefusedXml
        As `read_xml`.
    """

    def found(stream: BinaryIO) -> dict[str, ET.Element]:
        builder = _HeadBuilder(section, until)
        parser = ET.XMLParser(target=builder)  # noqa: S314
        try:
            while chunk := stream.read(_CHUNK_BYTES):
                parser.feed(chunk)
            parser.close()
        except _Found:
            pass
        return builder.found

    return _parsed(path, found)
