"""Brief trainings of many networks by one recipe, resumable after each of them."""

import logging
from collections.abc import Mapping
from functools import partial

from surrogate_hpo.config.short_recipe import ShortRecipeSettings
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.training.fitting import ScaledData, new_training
from surrogate_hpo.training.short_trainings import run_shortly
from surrogate_hpo.training.trained_error import Outcome, training_key

logger = logging.getLogger(__name__)


def train_all(
    networks: Mapping[str, tuple[Architecture, ScaledData]],
    settings: ShortRecipeSettings,
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
    architecture: Architecture, data: ScaledData, settings: ShortRecipeSettings, seed: int
) -> Outcome:
    recipe = {"batch_size", "learning_rate", "optimiser", "weight_decay"}
    one = run_shortly(
        lambda: new_training(
            data,
            architecture,
            settings.model_dump(include=recipe),
            maximum_epochs=settings.epochs,
            seed=seed,
            use_gpu=settings.use_gpu,
        ),
        use_gpu=settings.use_gpu,
    )
    return Outcome(one.loss, one.seconds, one.status)
