"""Bytes and CPU seconds of tables and figures of the contests."""

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import (
    NUMBA_BASE,
    NUMPY_BASE,
    REPORT_SECONDS,
    Need,
)


def compare(_: Case) -> Need:
    """Tables and figures of the contests."""
    return Need(NUMPY_BASE + NUMBA_BASE, REPORT_SECONDS)
