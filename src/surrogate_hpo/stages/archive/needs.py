"""Bytes and CPU seconds of the archive."""

from surrogate_hpo.config.base import SPLITS
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import (
    MEBIBYTE,
    NUMPY_BASE,
    STARTUP_SECONDS,
    Need,
)

# Bytes per second, for checksums and compression.
_PACKING_RATE = 5e7


def archive(case: Case) -> Need:
    """The stores are read twice and packed; tables of all files are held."""
    stored = case.points(*SPLITS) * case.point_bytes
    return Need(NUMPY_BASE + 150 * MEBIBYTE, STARTUP_SECONDS + stored / _PACKING_RATE)
