"""Bytes and CPU seconds of the predictions of structures beyond the run."""

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import (
    Need,
)
from surrogate_hpo.run.needs.predictions import predictions


def transfer(case: Case) -> Need:
    """Predictions of structures beyond the run, one after the other, with forces where known."""
    all_of_them, with_forces = (
        [size.grid_points for size in sizes]
        for sizes in (case.transfers, case.transfers_with_forces)
    )
    return predictions(case, all_of_them, with_forces)
