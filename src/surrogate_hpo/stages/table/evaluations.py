"""What is done with each configuration of the table: scores, and trainings of every length."""

import logging
from collections.abc import Sequence
from functools import partial

from surrogate_hpo.data.datasets import PointData
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.networks.point_parts import in_memory
from surrogate_hpo.scores.architectures.options import ProxyName
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.search.space import Value
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.table.settings import TableSettings
from surrogate_hpo.stages.table.space import architecture_of
from surrogate_hpo.stages.table.trainings import Trained, Trainings
from surrogate_hpo.training.score_data import make_score_data
from surrogate_hpo.training.trained_error import training_key

logger = logging.getLogger(__name__)
Numbered = tuple[int, dict[str, Value]]


def table_score_key(name: ProxyName, number: int) -> str:
    """Names a score of a configuration: two of them may have the same network."""
    return f"{name} of {number}"


def score_configurations(
    some: Sequence[Numbered],
    training: PointData,
    validation: PointData,
    finished: EvaluationStore,
    *,
    settings: TableSettings,
    seed: int,
) -> None:
    """Compute every score of the networks, except where that has been done before.

    Parameters
    ----------
    some
        Numbered configurations.
    training
        Points of the training snapshots.
    validation
        Points of the validation snapshots.
    finished
        Takes the scores; those of an interrupted run are there already.
    settings
        The section of the config.
    seed
        Root seed of the config.
    """
    data = make_score_data(
        in_memory(training.descriptors),
        training,
        validation,
        settings.score,
        stage="table",
        seed=seed,
    )
    memo = Memo(ArchitectureScore, finished)
    for name in settings.score.names:
        for number, hyperparameters in some:
            network = architecture_of(hyperparameters)
            make = partial(
                PROXIES[name],
                network,
                data,
                seed=derive_seed(seed, "table", network.label),
                initialisations=settings.score.initialisations,
            )
            found = memo.remember(table_score_key(name, number), make)
            logger.info("configuration %d: %s %s", number, name, found.status)


def train_configurations(
    some: Sequence[Numbered], trainings: Trainings, finished: EvaluationStore, *, seeds: int
) -> None:
    """Train every configuration from every seed, except where that has been done before.

    Parameters
    ----------
    some
        Numbered configurations.
    trainings
        Trains one of them from one seed.
    finished
        Takes what is reached; that of an interrupted run is there already.
    seeds
        Trainings of each.
    """
    memo = Memo(Trained, finished)
    for number, hyperparameters in some:
        for own in range(seeds):
            make = partial(trainings, hyperparameters, own)
            found = memo.remember(training_key(str(number), own), make)
            logger.info(
                "configuration %d, seed %d: loss %.4e, %.1f s, %s",
                number,
                own,
                found.losses[-1],
                sum(found.seconds),
                found.status,
            )
