"""One of the jobs of the learning_curve stage: a network trained with some of the snapshots."""

from typing import Annotated

from surrogate_hpo.config.project import Config
from surrogate_hpo.run.interface import Argument
from surrogate_hpo.stages.train.arguments import NetworkFiles, TrainingFiles
from surrogate_hpo.stages.train.stage import train


def learning_curve_network(
    *,
    config: Config,
    seed: int,
    initialisation: Annotated[int, Argument("number of the initialisation, from 0")],
    files: TrainingFiles,
    made: NetworkFiles,
    threads: int = 1,
) -> None:
    """Do what `train` does, with the training snapshots that are given.

    Architecture, hyperparameters and number of epochs are those of the run's own networks.
    """
    train(
        settings=config.train,
        seed=seed,
        initialisation=initialisation,
        files=files,
        made=made,
        threads=threads,
    )
