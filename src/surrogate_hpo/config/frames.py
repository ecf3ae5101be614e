"""Frames of structure files, as settings name them: `file`, `file@7` or `file@0:40:2`."""

import re
from collections.abc import Iterator, Sequence

FRAME_RANGE = re.compile(
    r"(?P<file>.+)@(?P<start>\d{1,18})(?::(?P<stop>\d{1,18})(?::(?P<step>0*[1-9]\d{0,17}))?)?"
)
# What looks like frames; a file may have an @ in its name.
_FRAMES = re.compile(r".+@[-\d:]*")


def expand_frames(entry: str) -> list[str]:
    """`run.xyz@0:6:2` -> `run.xyz@0`, `run.xyz@2`, `run.xyz@4`; `run.xyz` stands for itself.

    The range is explicit because the workflow's graph must be known without opening a file.
    """
    match = FRAME_RANGE.fullmatch(entry)
    if match is None or match["stop"] is None:
        return [entry]
    return [f"{match['file']}@{index}" for index in _frames(match)]


def count_frames(entry: str) -> int:
    """Number of structures that an entry names, which may be more than fit into memory."""
    match = FRAME_RANGE.fullmatch(entry)
    if match is None or match["stop"] is None:
        return 1
    frames = _frames(match)
    return max(0, -(-(frames.stop - frames.start) // frames.step))


def _frames(match: re.Match[str]) -> range:
    return range(int(match["start"]), int(match["stop"]), int(match["step"] or 1))


def frame_problems(key: str, sources: Sequence[str]) -> Iterator[str]:
    """What is wrong with frames that a setting names.

    Parameters
    ----------
    key
        Name of the setting.
    sources
        Its entries.

    Yields
    ------
    str
        A sentence per fault.
    """
    for source in sources:
        if _FRAMES.fullmatch(source) and not FRAME_RANGE.fullmatch(source):
            yield (
                f"`{key}`: `{source}` leaves open which frames are meant; write numbers, from 0:"
                " file@7, file@0:40 or, every 50th, file@0:2000:50"
            )
        elif not expand_frames(source):
            yield f"`{key}`: the range of `{source}` is empty"


def file_of(source: str) -> str:
    """The file of `file@index`."""
    match = FRAME_RANGE.fullmatch(source)
    return match["file"] if match else source
