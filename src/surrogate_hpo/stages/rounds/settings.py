"""The `rounds` section: training snapshots that are chosen one round after the other."""

from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from surrogate_hpo.config.base import Count, FileName, PositiveFloat, PositiveInt, Section
from surrogate_hpo.config.frames import expand_frames, file_of, frame_problems
from surrogate_hpo.config.short_recipe import ShortRecipeSettings
from surrogate_hpo.networks.options import Activation
from surrogate_hpo.selection.options import RuleName
from surrogate_hpo.stages.potential.settings import FitSettings
from surrogate_hpo.stages.snapshots.settings_groups import Temperatures

# A standard deviation of fewer says nothing.
_MEMBERS = 2
_Few = Annotated[int, Field(gt=0, le=1000)]


def _form(value: object) -> str:
    """Which of the forms of the key is meant, so that a fault is told of that one alone."""
    return "list" if isinstance(value, list) else "name"


Rules = Annotated[
    Annotated[RuleName, Tag("name")] | Annotated[list[RuleName], Field(min_length=1), Tag("list")],
    Discriminator(_form),
]


class StopSettings(Section):
    """When rounds are empty; without any limit all of them run."""

    energy_error_mev_per_atom: PositiveFloat | None = Field(
        None, description="mean absolute error of the total free energy"
    )
    force_rmse_mev_per_angstrom: PositiveFloat | None = Field(
        None, description="root mean square error of the components of the forces"
    )
    relaxed_force_ev_per_angstrom: PositiveFloat | None = Field(
        None,
        description="largest force of DFT on the structure to which the round before relaxed "
        "(`relaxation`); not of the validation snapshots",
    )
    surrogate_error_mev_per_atom: PositiveFloat | None = Field(
        None,
        description="mean absolute error of the total free energy from networks that each round "
        "trains (`network`); asks for LDOS and descriptors in each round",
    )


class NetworkSettings(Section):
    """Networks that each round trains where `stop.surrogate_error_mev_per_atom` is given."""

    layers: Count = Field(2, description="hidden layers")
    width: PositiveInt = Field(64, description="units per hidden layer")
    activation: Activation = Field("tanh", description="of the hidden layers")
    training: ShortRecipeSettings = ShortRecipeSettings(seeds=1, epochs=20)

    @model_validator(mode="after")
    def _trains_on_cores(self) -> Self:
        if self.training.use_gpu:
            msg = "`training.use_gpu` is true, but the jobs of the rounds have no GPU: leave it out"
            raise ValueError(msg)
        return self


class RelaxationSettings(Section):
    """A structure that each round relaxes by its potential, and computes where that leads."""

    structure: FileName | None = Field(
        None,
        description="a file that ASE reads, or `file@index`; by default the known structure with "
        "the smallest forces. Later rounds go on from what is computed of earlier ones",
    )
    force_ev_per_angstrom: PositiveFloat = Field(
        0.01, description="largest force of the potential at the end"
    )
    steps: PositiveInt = Field(100, description="at most")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        named = [] if self.structure is None else [self.structure]
        problems = list(frame_problems("structure", named))
        if not problems and any(len(expand_frames(source)) != 1 for source in named):
            problems = [f"`structure`: `{self.structure}` is more than one structure"]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def own_files(self) -> list[FileName]:
        """The user's file, if there is one."""
        return [] if self.structure is None else [file_of(self.structure)]


class DynamicsSettings(Section):
    """Trajectories that the potential of a round drives: it proposes where it goes by itself."""

    trajectories: _Few = Field(4, description="each begins with one of the known structures")
    temperature_kelvin: Temperatures = Field(
        300.0,
        description="of the thermostat: a number, several in turn, or a range that is evenly "
        "filled by the trajectories",
    )
    steps: PositiveInt = Field(200, description="of each trajectory")
    every: PositiveInt = Field(20, description="steps from one candidate to the next")
    time_step_femtosecond: Annotated[float, Field(gt=0, le=20)] = 2.0

    @model_validator(mode="after")
    def _has_candidates(self) -> Self:
        if self.every > self.steps:
            msg = f"`every` is {self.every}, and a trajectory ends after {self.steps} `steps`"
            raise ValueError(msg)
        return self

    @property
    def candidates(self) -> int:
        """How many candidates all trajectories make."""
        return self.trajectories * (self.steps // self.every)


class RoundsSettings(Section):
    """Training snapshots that are chosen, and computed, one round after the other.

    Part of the chain where `number` is more than 0. Candidates are those of `select.pool`; those
    that are generated are drawn anew for each round. What is chosen is called `round1-0001` and so
    on, and is learnt from like `snapshots.training`.
    """

    number: int = Field(0, ge=0, le=1000, description="of rounds; 0 for none")
    per_round: _Few = Field(4, description="structures that a round chooses")
    rule: Rules = Field(
        "farthest_point",
        description="how they are chosen: a name, or a list with one for each round, of which "
        "the last holds for all further ones",
    )
    potential: FitSettings = Field(
        FitSettings(),
        description="the model of a round: a linear SNAP potential, fitted to all that is "
        "computed by then",
    )
    dynamics: DynamicsSettings | None = Field(
        None,
        description="further candidates, from trajectories driven by the round's potential; null "
        "for none",
    )
    relaxation: RelaxationSettings | None = Field(
        None,
        description="a structure that the round's potential relaxes; what comes out is the first "
        "that the round computes, and `rule` chooses the others; null for none",
    )
    network: NetworkSettings = Field(
        NetworkSettings(),
        description="networks by whose energies a round is judged, where `stop` asks for that",
    )
    stop: StopSettings = Field(
        StopSettings(),
        description="errors of the round's potential, or networks, on the validation snapshots "
        "below which nothing more is chosen; where several are given, all must be met",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if isinstance(self.rule, list) and self.number and len(self.rule) > self.number:
            msg = f"`rule` names {len(self.rule)} rules for {self.number} rounds"
            raise ValueError(msg)
        if self.stop.relaxed_force_ev_per_angstrom is not None and self.relaxation is None:
            msg = (
                "`stop.relaxed_force_ev_per_angstrom` asks for a structure that is relaxed: give "
                "`relaxation`, such as {structure: start.extxyz}, or {}"
            )
            raise ValueError(msg)
        if self.potential.members < _MEMBERS and "spread" in self.rules():
            msg = f"rule `spread` asks {_MEMBERS} `potential.members` or more"
            raise ValueError(msg)
        return self

    def rules(self) -> list[RuleName]:
        """Rule of each round."""
        given = self.rule if isinstance(self.rule, list) else [self.rule]
        return [self.rule_of(number) for number in self.numbers()] or given

    def rule_of(self, number: int) -> RuleName:
        """Rule of a round, counted from 1."""
        given = self.rule if isinstance(self.rule, list) else [self.rule]
        return given[min(number, len(given)) - 1]

    def numbers(self) -> range:
        """Numbers of the rounds, from 1."""
        return range(1, self.number + 1)

    def names(self) -> list[str]:
        """Names of the snapshots of all rounds."""
        return [name for number in self.numbers() for name in self.names_of(number)]

    def names_before(self, number: int) -> list[str]:
        """Names of the snapshots of all rounds before one."""
        return [name for earlier in range(1, number) for name in self.names_of(earlier)]

    def names_of(self, number: int) -> list[str]:
        """Names of the snapshots of a round, counted from 1."""
        return [f"round{number}-{place}" for place in self.places()]

    def places(self) -> list[str]:
        """How names of the snapshots of a round end."""
        return [f"{place:04d}" for place in range(1, self.per_round + 1)]

    @property
    def needs_ldos(self) -> bool:
        """Whether rounds train networks."""
        return self.stop.surrogate_error_mev_per_atom is not None

    @property
    def own_files(self) -> list[FileName]:
        """The user's files that rounds read beside those of the pool."""
        return [] if self.relaxation is None else self.relaxation.own_files

    def deciding_one(self, number: int) -> dict[str, Any]:
        """The settings that decide one round: not how many there are, nor the rules of others."""
        settings = self.deciding()
        del settings["number"]
        return settings | {"rule": self.rule_of(number)}
