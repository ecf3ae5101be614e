"""The `archive` section."""

from typing import Literal

from pydantic import Field

from surrogate_hpo.config.base import Section

Include = Literal["all", "small"]


class ArchiveSettings(Section):
    """What goes into `results/archive.tar.zst`; no number depends on it."""

    include: Include = Field(
        "all",
        description="`small` leaves out the LDOS and descriptor stores and own files of more than "
        "10 MiB, of which only the checksums are kept: no stage that reads them can be repeated",
    )
