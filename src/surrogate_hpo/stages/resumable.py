"""A training with a checkpoint after every epoch."""

import logging
from collections.abc import Callable
from pathlib import Path

from surrogate_hpo.io.models import read_state, write_state
from surrogate_hpo.networks.training import HistoryRow
from surrogate_hpo.stages.fitting import Training

logger = logging.getLogger(__name__)


def run_resumable(
    fit: Training,
    checkpoint: Path,
    *,
    clock: Callable[[], float],
    on_epoch: Callable[[HistoryRow], None],
) -> tuple[HistoryRow, float]:
    """Train to the end, from the checkpoint if there is one; the checkpoint stays.

    Parameters
    ----------
    fit
        The training.
    checkpoint
        The file.
    clock
        Compute spent by this process so far, in seconds.
    on_epoch
        Called after the checkpoint of each epoch.

    Returns
    -------
    tuple
        The epoch whose weights the model now has, and the compute of all epochs in seconds,
        those before an interruption included.
    """
    before = 0.0
    if checkpoint.exists():
        state = read_state(checkpoint)
        fit.trainer.load_state_dict(state["trainer"])
        before = float(state["seconds"])
        logger.info("continuing after epoch %d", len(fit.trainer.history))
    start = clock()

    def spent() -> float:
        return before + clock() - start

    def save(row: HistoryRow) -> None:
        write_state(checkpoint, {"trainer": fit.trainer.state_dict(), "seconds": spent()})
        on_epoch(row)

    used = fit.run(save)
    return used, spent()
