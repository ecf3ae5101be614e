"""Step by step: what relaxation and dynamics have in common, with all that can stop them."""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError, InterruptedRun, PhysicsError
from surrogate_hpo.interruption import deferred, stop_reason
from surrogate_hpo.log import Progress
from surrogate_hpo.run.interface import require_option
from surrogate_hpo.simulation.recording import STATE, Recording, damaged_state
from surrogate_hpo.simulation.start import outcome

logger = logging.getLogger(__name__)

FRACTION = "fraction_of_points_outside_of_training_range"
EXCESS = "largest_excess_in_standard_deviations"
Row = dict[str, float | int | None]
# Å, and ASE's units of momentum: no atom comes so far, or so fast.
FAR_AWAY = 1e6


class Motion(Protocol):
    """Something that moves atoms.

    Attributes
    ----------
    atoms
        The atoms, with their calculator.
    """

    atoms: Atoms

    def state(self) -> dict[str, Any]:
        """All that the next steps depend on, as plain JSON values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` has given."""

    def step(self) -> None:
        """Move once."""

    def row(self) -> Row:
        """Numbers of the present step for the log."""

    def is_done(self) -> bool:
        """Whether there is no need to move further."""


@dataclass(frozen=True)
class Schedule:
    """How long to move, and what to write how often.

    Attributes
    ----------
    steps
        Number of steps, at most.
    row_every
        Steps from one line of the log to the next.
    frame_every
        Steps from one structure of the trajectory to the next.
    largest_excess
        How far descriptors may leave the training range after the first step, in standard
        deviations of the training points; None for any distance.

    Raises
    ------
    ConfigError
        If one of them makes no sense.
    """

    steps: int
    row_every: int = 1
    frame_every: int = 1
    largest_excess: float | None = None

    def __post_init__(self) -> None:
        numbers = {"steps": self.steps, "log-every": self.row_every, "every": self.frame_every}
        for name, number in numbers.items():
            require_option(number > 0, name, "1 or more", number)
        limit = self.largest_excess
        positive = limit is None or limit > 0
        require_option(positive, "largest-extrapolation", "more than 0", limit)


@dataclass(frozen=True)
class Ending:
    """How a motion has ended.

    Attributes
    ----------
    step
        The last step.
    row
        Its numbers.
    done
        Whether there was no need to move further; false at the last step allowed.
    fault
        Why it had to stop; None if it did not.
    """

    step: int
    row: Row
    done: bool
    fault: DataError | None = None


def advance(motion: Motion, recording: Recording, schedule: Schedule) -> Ending:
    """Move until the end, from where the recording stands.

    Parameters
    ----------
    motion
        The motion, at its start.
    recording
        What is kept of it.
    schedule
        How long.

    Returns
    -------
    Ending
        How it has ended; everything is saved. Run again, it goes on from there.

    Raises
    ------
    DataError
        The kept state is damaged.
    InterruptedRun
        It was asked to stop; everything is saved.
    """
    begun = recording.motion is not None
    if recording.motion is not None:
        try:
            motion.restore(recording.motion)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            got = f"{type(error).__name__}: {error}"
            raise damaged_state(recording.folder, got) from error
        logger.info("goes on from step %d", recording.step)
    with deferred(), _without_warnings_of_each_step():
        return _advance(motion, recording, schedule, begun=begun)


def _advance(motion: Motion, recording: Recording, schedule: Schedule, *, begun: bool) -> Ending:
    step = recording.step
    row = _row(motion, step)
    if not begun:
        _write(motion, recording, schedule, step, row)
    progress = Progress(logger, max(0, schedule.steps - step), unit="steps")
    while True:
        state = motion.state()
        fault = _far_outside(row, schedule, f"step {step}, kept in {recording.folder}")
        done = fault is None and motion.is_done()
        if fault is not None or done or step >= schedule.steps:
            recording.save(step, state)
            progress.finish()
            return Ending(step, row, done, fault)
        if recording.is_due():
            recording.save(step, state)
        if (reason := stop_reason()) is not None:
            recording.save(step, state)
            raise InterruptedRun(reason, saved=f"step {step}, kept in {STATE}")
        try:
            motion.step()
            row = _row(motion, step + 1)
        except (DataError, PhysicsError) as error:
            motion.restore(state)
            motion.atoms.get_forces()  # of the structure that is written as the last
            recording.save(step, state)
            where = f"step {step + 1}; those before it are kept in {recording.folder}"
            return Ending(step, row, done=False, fault=_senseless(error, where))
        step += 1
        _write(motion, recording, schedule, step, row)
        progress.advance(1)


def _row(motion: Motion, step: int) -> Row:
    motion.atoms.get_forces()  # first: the energy alone would be computed without them
    results = motion.atoms.calc.results
    return {
        "step": step,
        **motion.row(),
        FRACTION: results["fraction_of_points_outside"],
        EXCESS: results["largest_excess"],
    }


def _write(motion: Motion, recording: Recording, schedule: Schedule, step: int, row: Row) -> None:
    if step % schedule.row_every == 0:
        recording.write_row(row)
    if step % schedule.frame_every == 0:
        recording.write_frame(outcome(motion.atoms, step))


def _far_outside(row: Row, schedule: Schedule, where: str) -> DataError | None:
    excess, limit = row[EXCESS], schedule.largest_excess
    # Atoms on their sites may lie on grid points, which do not see them, until they have moved.
    if row["step"] == 0 or excess is None or limit is None or excess <= limit:
        return None
    return DataError(
        "the atoms have come to where the surrogate knows nothing",
        where=where,
        expected=f"descriptors within {limit:g} standard deviations of the training range",
        got=f"up to {excess:.3g} standard deviations outside, at "
        f"{100 * float(row[FRACTION] or 0):.3g} % of the grid points",
        remedy="train on such structures, lower the temperature, or allow more and do not trust "
        "what follows: --largest-extrapolation",
    )


def _senseless(error: DataError | PhysicsError, where: str) -> DataError:
    return DataError(
        "the atoms have moved to where nothing can be predicted",
        where=where,
        got="; ".join(line.strip() for line in str(error).splitlines()),
        remedy="look at the last steps of the log; a shorter time step, a lower temperature, or a "
        "surrogate that was trained on such structures",
    )


def kept_count(value: object) -> int:
    """Number of steps from a kept state; raise ValueError if it is none."""
    if type(value) is not int or not 0 <= value < 2**53:
        msg = f"{str(value)[:40]} is no number of steps"
        raise ValueError(msg)
    return value


def kept_numbers(
    values: object, shape: tuple[int, ...], *, largest: float = math.inf
) -> NDArray[np.float64]:
    """Array from a kept state; raise ValueError if its shape or its numbers are none."""
    found = np.array(values, np.float64)
    sane = np.isfinite(found) & (np.abs(found) <= largest)
    if found.shape != shape or not sane.all():
        msg = f"an array of shape {found.shape} instead of {shape} sane numbers"
        raise ValueError(msg)
    return found


@contextmanager
def _without_warnings_of_each_step() -> Iterator[None]:
    """The log has a column for them."""
    predictions = logging.getLogger("surrogate_hpo.predict")
    before = predictions.level
    predictions.setLevel(logging.ERROR)
    try:
        yield
    finally:
        predictions.setLevel(before)
