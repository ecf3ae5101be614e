"""The files that the report reads and writes; on the command line each is an option."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surrogate_hpo.run.interface import (
    Argument,
    ArgumentGroup,
    DescriptorStores,
    Input,
    LdosStores,
    Output,
)


@dataclass(frozen=True)
class DataFiles(ArgumentGroup):
    """The snapshots, a held-out one first."""

    structures: Annotated[
        list[Path], Input("structures (*.extxyz) of the run, a held-out one first; Å")
    ]
    dft: Annotated[list[Path], Input("JSON of the DFT runs in that order")]
    ldos: LdosStores
    descriptors: DescriptorStores
    pseudopotentials: Annotated[Sequence[Path], Input("UPF files")] = ()


@dataclass(frozen=True)
class ChoiceFiles(ArgumentGroup):
    """What was chosen, and from which candidates."""

    acsd_scores: Annotated[Path, Input("CSV of the acsd stage")]
    acsd_choice: Annotated[Path, Input("JSON of the acsd stage")]
    acsd_similarities: Annotated[Path, Input("store of the acsd stage: similarities of pairs")]
    naswot_scores: Annotated[Path, Input("CSV of the naswot stage")]
    naswot_choice: Annotated[Path, Input("JSON of the naswot stage")]
    trials: Annotated[Path, Input("CSV of the search stage")]
    search_choice: Annotated[Path, Input("JSON of the search stage")]


@dataclass(frozen=True)
class NetworkFiles(ArgumentGroup):
    """The trained networks and how they were trained."""

    models: Annotated[list[Path], Input("trained models (*.pt)")]
    histories: Annotated[list[Path], Input("CSV per initialisation: loss per epoch")]
    validation_losses: Annotated[
        list[Path], Input("CSV per initialisation: loss of the network per validation snapshot")
    ]


@dataclass(frozen=True)
class EvaluationFiles(ArgumentGroup):
    """Predictions for the held-out snapshots beside their references."""

    energies: Annotated[Path, Input("CSV of the evaluate stage, eV per cell")]
    dos: Annotated[Path, Input("CSV of the evaluate stage, 1/eV")]
    ldos_samples: Annotated[Path, Input("CSV of the evaluate stage, 1/(eV Å³)")]
    forces: Annotated[Path, Input("CSV of the evaluate stage, eV/Å")]
    summary: Annotated[Path, Input("JSON of the evaluate stage, meV/atom")]


@dataclass(frozen=True)
class RequestedFiles(ArgumentGroup):
    """What only some runs have, since it was asked for; at most one file each."""

    audit_scores: Annotated[
        Sequence[Path], Input("CSV of the audit stage, where naswot.direction is audit")
    ] = ()
    audit_agreement: Annotated[Sequence[Path], Input("CSV of the audit stage")] = ()
    audit_verdict: Annotated[Sequence[Path], Input("JSON of the audit stage")] = ()
    comparison: Annotated[
        Sequence[Path], Input("CSV of the compare stage, where report.comparison is true")
    ] = ()
    learning_curve: Annotated[
        Sequence[Path], Input("CSV of learning_curve, where report.learning_curve is true")
    ] = ()
    ados: Annotated[Sequence[Path], Input("CSV of the ados stage, where report.ados is true")] = ()
    ados_dos: Annotated[Sequence[Path], Input("CSV of the ados stage, 1/eV")] = ()
    potential: Annotated[
        Sequence[Path], Input("CSV of the potential stage, where report.potential is true")
    ] = ()
    potential_forces: Annotated[Sequence[Path], Input("CSV of the potential stage, eV/Å")] = ()
    transfer: Annotated[
        Sequence[Path], Input("JSON of the transfer stage, where it is part of the run")
    ] = ()
    floor: Annotated[
        Sequence[Path], Input("JSON of the floor stage, where calculations are finished")
    ] = ()
    rounds: Annotated[
        Sequence[Path], Input("JSON of the rounds stage, where rounds.number is more than 0")
    ] = ()


@dataclass(frozen=True)
class RunFiles(ArgumentGroup):
    """Everything that the report is made from."""

    data: DataFiles
    choices: ChoiceFiles
    networks: NetworkFiles
    evaluation: EvaluationFiles
    requested: RequestedFiles
    costs: Annotated[list[Path], Input("JSON: cost records of all jobs, in seconds")]
    flow: Annotated[list[str], Argument("which stage reads which others: ldos=dft")]


@dataclass(frozen=True)
class ReportFiles(ArgumentGroup):
    """Everything that the report consists of."""

    report: Annotated[Path, Output("HTML, openable from disk")]
    figures: Annotated[Path, Output("folder: each figure as SVG and PDF, its table as CSV")]
    methods: Annotated[Path, Output("Markdown: the methods section of a paper")]
    references: Annotated[Path, Output("BibTeX: what the methods cite")]
    errors_per_snapshot: Annotated[Path, Output("CSV: a row per quantity and snapshot")]
    errors_per_energy: Annotated[Path, Output("CSV: a row per quantity, meV/atom")]
    validation_loss_split: Annotated[Path, Output("CSV: a row per initialisation")]
    cost_per_stage: Annotated[Path, Output("CSV: a row per stage, in seconds")]
    cost_per_method: Annotated[
        Sequence[Path], Output("CSV: a row per search method, in seconds")
    ] = ()

    @property
    def tables(self) -> dict[str, Path]:
        """The tables that lie beside the figures, by name."""
        tables = {
            "errors_per_snapshot": self.errors_per_snapshot,
            "errors_per_energy": self.errors_per_energy,
            "validation_loss_split": self.validation_loss_split,
            "cost_per_stage": self.cost_per_stage,
        }
        return tables | dict(zip(["cost_per_method"], self.cost_per_method, strict=False))
