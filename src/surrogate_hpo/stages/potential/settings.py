"""The `potential` section: what an interatomic potential is fitted to, and chosen from."""

from dataclasses import replace
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from surrogate_hpo.config.base import Count, CutoffRadius, FileName, PositiveFloat, Section
from surrogate_hpo.config.frames import file_of, frame_problems
from surrogate_hpo.networks.options import Activation
from surrogate_hpo.potential.options import (
    AcsdDefinition,
    FitOptions,
    NetworkOptions,
    NetworkScoreName,
    PriorName,
    SelectionName,
    SelectionOptions,
)

# LAMMPS and the kernels take more, but the number of coefficients grows with the third power.
TwoJMax = Annotated[int, Field(ge=2, le=14)]


class NetworkSettings(Section):
    """A network per element that learns what the linear potential leaves."""

    hidden_widths: list[Count] = Field(
        [16, 16], min_length=1, description="units of each hidden layer"
    )
    candidates: list[Annotated[list[Count], Field(min_length=1)]] = Field(
        [], description="hidden layers to choose from, such as [[8], [16, 16]], instead"
    )
    score: NetworkScoreName = Field(
        "short_training",
        description="by what: the loss on the snapshots that decide when to stop after a tenth of "
        "the steps, or a score of untrained networks",
    )
    activation: Activation = "tanh"
    steps: Count = Field(
        500, description="of L-BFGS, at most; every fifth snapshot decides when to stop"
    )

    def options(self) -> NetworkOptions:
        """The same as numerics know it."""
        return NetworkOptions(
            tuple(self.hidden_widths),
            self.activation,
            self.steps,
            tuple(map(tuple, self.candidates)),
            self.score,
        )


class HyperparameterSettings(Section):
    """How cutoff radius and 2·J_max of the potential are chosen from the lists."""

    selection: SelectionName = Field(
        "error",
        description="`error`: with weights and penalty by left-out snapshots; `kernel_spread`: "
        "beforehand by structures alone, a wide and at the same time even kernel between atoms; "
        "`acsd`: beforehand beside the densities of states by atom, which needs their LDOS",
    )
    kernel_power: Annotated[int, Field(ge=1, le=20)] = Field(
        4, description="zeta of the kernel, of `kernel_spread`; 2 to 10 are usual"
    )
    environments: Annotated[int, Field(ge=10, le=5000)] = Field(
        1000, description="atoms that are compared with each other, at most"
    )
    definition: AcsdDefinition = Field(
        "fiedler2022", description="form of the ACSD, as in the section acsd"
    )

    def options(self) -> SelectionOptions:
        """The same as numerics know it."""
        return SelectionOptions(
            self.selection, self.kernel_power, self.environments, self.definition
        )


class FitSettings(Section):
    """What a linear SNAP potential is chosen from."""

    prior: PriorName = Field(
        "zbl",
        description="pair potential that is added, and keeps atoms apart where no data does: "
        "`zbl` follows from the charges of the nuclei and begins below the shortest "
        "distance in the training, `morse` is fitted to the same energies and forces",
    )
    cutoff_radii_angstrom: list[CutoffRadius] = Field(
        [],
        description="to choose from; if empty, 2.5, 3 and 3.5 times the radius of a sphere that "
        "holds one atom",
    )
    twojmax: list[TwoJMax] = Field(
        [4, 6, 8], min_length=1, description="2·J_max of the bispectrum, to choose from"
    )
    force_weights: list[PositiveFloat] = Field(
        [0.01, 0.1, 1.0],
        description="Å/atom, to choose from: what an error of forces counts in the fit beside one "
        "of the energy per atom; empty to fit energies alone",
    )
    stress_weight: float = Field(
        0.0,
        ge=0,
        description="what an error of the virial per atom counts in the fit beside one of the "
        "energy per atom; 0 to leave stress out",
    )
    force_share_angstrom: float = Field(
        0.033,
        ge=0,
        description="per atom: what an error of left-out forces counts beside one of left-out "
        "energies in the choice among cutoffs, 2·J_max, weights and penalties",
    )
    members: int = Field(
        8,
        ge=0,
        le=100,
        description="fits to structures drawn with replacement, whose spread is a sign of the "
        "error; 0 for none",
    )

    def options(self) -> FitOptions:
        """What the fit chooses from."""
        return FitOptions(
            cutoff_radii=tuple(self.cutoff_radii_angstrom),
            twojmax=tuple(self.twojmax),
            force_weights=tuple(self.force_weights),
            stress_weight=self.stress_weight,
            force_share=self.force_share_angstrom,
            prior=self.prior,
            members=self.members,
        )


class PotentialSettings(FitSettings):
    """A linear SNAP potential from the energies and forces of the same runs.

    Not part of the chain: `snakemake potential`.
    """

    files: list[FileName] = Field(
        [],
        description="structures to learn from instead of the training snapshots: files that ASE "
        "reads, with energies (eV per cell) and forces (eV/Å); `file` stands for all of its "
        "frames, `file@7` and `file@0:12` for some",
    )
    test_files: list[FileName] = Field(
        [],
        description="structures to judge it on, beside `files`; if empty, every fifth frame of "
        "`files` is held out",
    )
    hyperparameters: HyperparameterSettings = HyperparameterSettings()
    network: NetworkSettings | None = Field(
        None,
        description="a network per element on top; null for the linear potential alone, which is "
        "what LAMMPS can have",
    )

    @field_validator("files", "test_files")
    @classmethod
    def _frames_are_numbers(cls, sources: list[str]) -> list[str]:
        if problems := list(frame_problems("files", sources)):
            raise ValueError("; ".join(problems))
        return sources

    @model_validator(mode="after")
    def _labels_of_atoms_are_there(self) -> Self:
        if self.files and self.needs_dos:
            msg = (
                "hyperparameters.selection acsd needs densities of states of the run's snapshots, "
                "and files take their place: choose kernel_spread or error"
            )
            raise ValueError(msg)
        return self

    @property
    def needs_dos(self) -> bool:
        """Whether densities of states by atom are needed."""
        return self.hyperparameters.selection == "acsd"

    @property
    def own_files(self) -> list[str]:
        """The user's files, each once."""
        return list(dict.fromkeys(file_of(source) for source in [*self.files, *self.test_files]))

    def options(self) -> FitOptions:
        """What the fit chooses from."""
        return replace(
            super().options(),
            network=None if self.network is None else self.network.options(),
            selection=self.hyperparameters.options(),
        )
