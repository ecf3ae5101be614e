"""Brief trainings of many networks by one recipe, resumable after each of them."""

import logging
import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from surrogate_hpo.config.short_recipe import BriefTrainingSettings
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.training import DivergenceError
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.training.fitting import ScaledData, new_training

logger = logging.getLogger(__name__)


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


def train_all(
    networks: Mapping[str, tuple[Architecture, ScaledData]],
    settings: BriefTrainingSettings,
    finished: EvaluationStore,
    *,
    seed: int,
) -> dict[str, TrainedError]:
    """Train every network from every seed, except those that are finished.

    Parameters
    ----------
    networks
        By name: what to train, and on which data.
    settings
        The recipe.
    finished
        Trainings of this run, an interrupted one, or one beside it.
    seed
        All networks share the seeds derived from it, so that they see the points in one order.

    Returns
    -------
    dict
        Errors by name. A diverged training is recorded and does not stop the others.
    """
    total, found = len(networks) * settings.seeds, {}
    if len(finished):
        logger.info("%d of %d trainings are there already", len(finished), total)
    for place, (name, (architecture, data)) in enumerate(networks.items()):
        for number in range(settings.seeds):
            key = f"{name}/{number}"
            if key not in finished:
                outcome = _train(
                    architecture, data, settings, derive_seed(seed, "initialisation", number)
                )
                finished[key] = asdict(outcome)
                count = place * settings.seeds + number + 1
                logger.info("%d/%d %s %.3e %s", count, total, key, outcome.error, outcome.status)
        found[name] = TrainedError(
            tuple(Outcome(**finished[f"{name}/{number}"]) for number in range(settings.seeds))
        )
    return found


def _train(
    architecture: Architecture, data: ScaledData, settings: BriefTrainingSettings, seed: int
) -> Outcome:
    clock = time.perf_counter if settings.use_gpu else time.process_time
    begin = clock()
    fit = new_training(
        data,
        architecture,
        settings.model_dump(include={"batch_size", "learning_rate", "optimiser", "weight_decay"}),
        maximum_epochs=settings.epochs,
        seed=seed,
        use_gpu=settings.use_gpu,
    )
    try:
        error, status = fit.run(lambda _: None).validation_loss, "ok"
    except DivergenceError as failure:
        error, status = math.inf, f"diverged at {_place(failure)}"
    return Outcome(error, clock() - begin, status)


def _place(failure: DivergenceError) -> str:
    """Epoch and learning rate, the second line of the message."""
    return str(failure).splitlines()[1].strip().removeprefix("where: ")


def diverged(errors: Mapping[str, TrainedError]) -> list[str]:
    """Names of the networks of which a training diverged."""
    return [name for name, error in errors.items() if error.status != "ok"]
