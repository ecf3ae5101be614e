"""Bytes and CPU seconds of the predictions of structures beyond the run."""

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import (
    Need,
)
from surrogate_hpo.run.needs.predictions import predictions


def transfer(case: Case) -> Need:
    """Predictions of structures beyond the run, one after the other."""
    return predictions(case, [size.grid_points for size in case.transfers])
