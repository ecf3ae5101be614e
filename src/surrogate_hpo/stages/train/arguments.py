"""The files that a final training reads and writes; on the command line each is an option."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surrogate_hpo.run.interface import (
    ArgumentGroup,
    DescriptorStores,
    Input,
    LdosStores,
    NaswotChoice,
    Output,
    State,
)
from surrogate_hpo.training.streaming import Stores


@dataclass(frozen=True)
class TrainingFiles(ArgumentGroup):
    """What was chosen, and the snapshots to learn and to validate."""

    naswot: NaswotChoice
    search: Annotated[Path, Input("JSON: the choice of the search stage")]
    descriptors: DescriptorStores
    ldos: LdosStores
    validation_descriptors: DescriptorStores
    validation_ldos: LdosStores
    structures: Annotated[
        Sequence[Path], Input("extxyz files of the training snapshots, for energies and forces")
    ] = ()
    dft: Annotated[
        Sequence[Path], Input("JSON of their DFT runs, for energies and forces; eV, eV/Å")
    ] = ()
    pseudopotentials: Annotated[Sequence[Path], Input("UPF files, for energies and forces")] = ()

    @property
    def training(self) -> Stores:
        """Stores to learn from."""
        return self.descriptors, self.ldos

    @property
    def validation(self) -> Stores:
        """Stores to validate with."""
        return self.validation_descriptors, self.validation_ldos

    def behind(self, *, energies: bool) -> list[Path]:
        """All files that decide the numbers, with those of energies and forces or without."""
        stores = [path for paths in (*self.training, *self.validation) for path in paths]
        labels = [*self.structures, *self.dft, *self.pseudopotentials] if energies else []
        return [self.naswot, self.search, *stores, *labels]


@dataclass(frozen=True)
class NetworkFiles(ArgumentGroup):
    """The trained network, and what an interrupted training goes on from."""

    model: Annotated[Path, Output("torch file: weights, scalers, energy axis; weights_only")]
    history: Annotated[Path, Output("CSV: losses per epoch, in units of the scaled LDOS")]
    validation_losses: Annotated[
        Path,
        Output(
            "CSV: a row per validation snapshot, its loss and the part that all its points share"
        ),
    ]
    state: Annotated[Path, State("folder of the checkpoints")]
