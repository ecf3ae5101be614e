"""One of the jobs of the learning_curve stage: a network trained with some of the snapshots."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.config.project import Config
from surrogate_hpo.run.interface import (
    Argument,
    DescriptorStores,
    Input,
    LdosStores,
    NaswotChoice,
    Output,
    State,
)
from surrogate_hpo.stages.train.stage import train


def learning_curve_network(
    *,
    config: Config,
    seed: int,
    initialisation: Annotated[int, Argument("number of the initialisation, from 0")],
    naswot: NaswotChoice,
    search: Annotated[Path, Input("JSON: the choice of the search stage")],
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    structures: Annotated[list[Path], Input("extxyz files of the training snapshots")],
    dft: Annotated[list[Path], Input("JSON of their DFT runs; eV, eV/Å")],
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    model: Annotated[Path, Output("torch file: weights, scalers, energy axis; weights_only")],
    history: Annotated[Path, Output("CSV: losses per epoch, in units of the scaled LDOS")],
    validation_losses: Annotated[Path, Output("CSV: a row per validation snapshot, see `train`")],
    state: Annotated[Path, State("folder of the checkpoints")],
    threads: int = 1,
) -> None:
    """Do what `train` does, with the training snapshots that are given.

    Architecture, hyperparameters and number of epochs are those of the run's own networks.
    """
    train(
        settings=config.train,
        seed=seed,
        initialisation=initialisation,
        naswot=naswot,
        search=search,
        descriptors=descriptors,
        ldos=ldos,
        validation_descriptors=validation_descriptors,
        validation_ldos=validation_ldos,
        structures=structures,
        dft=dft,
        pseudopotentials=pseudopotentials,
        model=model,
        history=history,
        validation_losses=validation_losses,
        state=state,
        threads=threads,
    )
