"""Bytes and CPU seconds of the report."""

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import (
    MEBIBYTE,
    REPORT_SECONDS,
    TORCH_BASE,
    Need,
)


def report(_: Case) -> Need:
    """Figures from tables."""
    return Need(TORCH_BASE + 100 * MEBIBYTE, REPORT_SECONDS)
