"""Brief trainings of many networks by one recipe, resumable after each of them."""

import logging
import math
import time
from collections.abc import Mapping
from functools import partial

from surrogate_hpo.config.short_recipe import BriefTrainingSettings
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.history import DivergenceError
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.training.fitting import ScaledData, new_training
from surrogate_hpo.training.trained_error import Outcome, training_key

logger = logging.getLogger(__name__)


def train_all(
    networks: Mapping[str, tuple[Architecture, ScaledData]],
    settings: BriefTrainingSettings,
    finished: EvaluationStore,
    *,
    seed: int,
) -> None:
    """Train every network from every seed, except those that are finished.

    A diverged training is recorded and does not stop the others.

    Parameters
    ----------
    networks
        By name: what to train, and on which data.
    settings
        The recipe.
    finished
        Takes each training as an `Outcome` by its `training_key`; those of an interrupted run are
        there already.
    seed
        All networks share the seeds derived from it, so that they see the points in one order.
    """
    memo, total = Memo(Outcome, finished), len(networks) * settings.seeds
    if finished:
        logger.info("%d results are there already", len(finished))
    for place, (name, (architecture, data)) in enumerate(networks.items()):
        for number in range(settings.seeds):
            key, own = training_key(name, number), derive_seed(seed, "initialisation", number)
            outcome = memo.remember(key, partial(_train, architecture, data, settings, own))
            count = place * settings.seeds + number + 1
            logger.info("%d/%d %s %.3e %s", count, total, key, outcome.error, outcome.status)


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
