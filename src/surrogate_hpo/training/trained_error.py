"""What brief trainings of a network have found, as one job records it and another reads it."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from surrogate_hpo.files.memo import Memo


@dataclass(frozen=True)
class Outcome:
    """One brief training.

    Attributes
    ----------
    error
        Validation loss of the scaled LDOS; +inf if the training diverged.
    seconds
        CPU time, or wall time on a GPU.
    status
        ``ok``, or how it diverged.
    """

    error: float
    seconds: float
    status: str


@dataclass(frozen=True)
class TrainedError:
    """The trainings of one network from several seeds.

    Attributes
    ----------
    outcomes
        One per seed.
    """

    outcomes: tuple[Outcome, ...]

    @property
    def mean(self) -> float:
        """Mean error; +inf if any training diverged, because then the network is no good."""
        return statistics.fmean(outcome.error for outcome in self.outcomes)

    @property
    def std(self) -> float:
        """Population standard deviation over the seeds; NaN if a training diverged."""
        errors = [outcome.error for outcome in self.outcomes]
        return statistics.pstdev(errors) if all(map(math.isfinite, errors)) else math.nan

    @property
    def status(self) -> str:
        """``ok``, or what happened to the first training that diverged."""
        return next((o.status for o in self.outcomes if o.status != "ok"), "ok")

    @property
    def seconds(self) -> float:
        """Mean cost of one training."""
        return statistics.fmean(outcome.seconds for outcome in self.outcomes)


def training_key(name: str, number: int) -> str:
    """Names the training of a network from one of its seeds."""
    return f"{name}/{number}"


def trained_error(name: str, seeds: int, finished: Memo[Outcome]) -> TrainedError:
    """The trainings of a network, all of which are finished.

    Parameters
    ----------
    name
        Of the network.
    seeds
        How often it was trained.
    finished
        Trainings by `training_key`.

    Returns
    -------
    TrainedError
        In the order of the seeds.
    """
    return TrainedError(
        tuple(finished.recall(training_key(name, number)) for number in range(seeds))
    )


def diverged(errors: Mapping[str, TrainedError]) -> list[str]:
    """Names of the networks of which a training diverged."""
    return [name for name, error in errors.items() if error.status != "ok"]
