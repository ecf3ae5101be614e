"""A training that saves itself: after every epoch, every few minutes, and when asked to stop."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from surrogate_hpo.data.models import read_state, write_state
from surrogate_hpo.errors import InterruptedRun
from surrogate_hpo.interruption import ANOTHER_PROCESS, deferred, stop_reason
from surrogate_hpo.networks.history import HistoryRow
from surrogate_hpo.training.fitting import Training

logger = logging.getLogger(__name__)
# What a node that fails without warning costs at most, where an epoch takes hours.
SECONDS_BETWEEN_CHECKPOINTS = 300.0


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

    Raises
    ------
    InterruptedRun
        The run was asked to stop; the checkpoint holds all batches done.
    """
    saver = _Saver(fit, checkpoint, clock)

    def after_epoch(row: HistoryRow) -> None:
        saver.save()
        on_epoch(row)

    with deferred():
        used = fit.run(after_epoch, saver.after_batch)
    return used, saver.seconds()


class _Saver:
    """Writes the checkpoint, and reads the one that is there.

    Parameters
    ----------
    fit
        The training.
    checkpoint
        The file.
    clock
        Compute spent by this process so far, in seconds.
    """

    def __init__(self, fit: Training, checkpoint: Path, clock: Callable[[], float]) -> None:
        self._fit, self._checkpoint, self._clock = fit, checkpoint, clock
        before = 0.0
        if checkpoint.exists():
            state = read_state(checkpoint)
            fit.trainer.load_state_dict(state["trainer"])
            before = float(state["seconds"])
            logger.info("going on from %s", fit.trainer.position)
        self._start = clock() - before
        self._saved = time.monotonic()

    def seconds(self) -> float:
        """Compute so far, that before an interruption included."""
        return self._clock() - self._start

    def save(self) -> None:
        """Write the checkpoint, atomically, if this process leads."""
        self._saved = time.monotonic()
        if not self._fit.trainer.group.leads:
            return
        state = {"trainer": self._fit.trainer.state_dict(), "seconds": self.seconds()}
        write_state(self._checkpoint, state)

    def after_batch(self) -> None:
        """Save if it is time; save and stop if there is a reason to stop."""
        trainer, reason = self._fit.trainer, stop_reason()
        # All processes stop after the same batch, whichever of them was told.
        if trainer.group.any(reason is not None) and reason is None:
            reason = ANOTHER_PROCESS
        if reason is not None or time.monotonic() - self._saved >= SECONDS_BETWEEN_CHECKPOINTS:
            self.save()
        if reason is not None:
            trainer.group.wait()  # the first to leave ends all, the one that saves among them
            raise InterruptedRun(reason, saved=f"{trainer.position} ({self._checkpoint})")
