"""The list of an archive's files and their checksums, in the form that `sha256sum -c` reads."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

from surrogate_hpo.archive.unpack import Unpacked
from surrogate_hpo.errors import DataError

MANIFEST = "MANIFEST.sha256"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def manifest_text(checksums: Mapping[str, str]) -> str:
    """One line per file, sorted by name."""
    return "".join(f"{checksums[name]}  {name}\n" for name in sorted(checksums))


def read_manifest(text: str) -> dict[str, str]:
    """SHA-256 by name.

    Parameters
    ----------
    text
        Content of the manifest.

    Returns
    -------
    dict
        In the order of the lines.

    Raises
    ------
    DataError
        If a line is no entry, or a name stands twice.
    """
    entries: dict[str, str] = {}
    for number, ended in enumerate(io.StringIO(text), start=1):
        line = ended.removesuffix("\n")
        match = _LINE.fullmatch(line)
        if match is None or match[2] in entries:
            raise DataError(
                "the list of checksums is damaged",
                where=f"{MANIFEST}, line {number}",
                expected="64 hexadecimal digits, two spaces, and a name that stands once",
                got=repr(line[:120]),
            )
        entries[match[2]] = match[1]
    return entries


@dataclass(frozen=True)
class Differences:
    """What an archive holds, against what it says that it holds.

    Attributes
    ----------
    changed
        Files with another content.
    missing
        Files that are not there, or cannot be read.
    extra
        Files that are not listed.
    damaged
        Where the archive could not be read.
    """

    changed: list[str]
    missing: list[str]
    extra: list[str]
    damaged: list[str]

    def __bool__(self) -> bool:
        return any((self.changed, self.missing, self.extra, self.damaged))

    def lines(self) -> list[str]:
        """One line per fault, naming the file."""
        kinds = {
            "damaged": sorted({*self.damaged} - {*self.missing}),
            "missing": self.missing,
            "changed": self.changed,
            "not listed": self.extra,
        }
        return [
            f"{name}: {kind}" + (", cannot be read" if name in self.damaged else "")
            for kind, names in kinds.items()
            for name in names
        ]


def differences(expected: Mapping[str, str], unpacked: Unpacked) -> Differences:
    """Compare a manifest with what was unpacked.

    Parameters
    ----------
    expected
        SHA-256 by name, of the manifest.
    unpacked
        What came out of the archive.

    Returns
    -------
    Differences
        Empty, and so false, if everything is there and nothing else.
    """
    found = {name: digest for name, digest in unpacked.checksums.items() if name != MANIFEST}
    return Differences(
        changed=sorted(n for n, digest in expected.items() if found.get(n, digest) != digest),
        missing=sorted(expected.keys() - found.keys()),
        extra=sorted(found.keys() - expected.keys()),
        damaged=unpacked.damaged,
    )
