"""The `acsd` section: descriptor candidates and how they are scored."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from surrogate_hpo.config.base import CutoffRadius, PositiveFloat, PositiveInt, Section
from surrogate_hpo.descriptors.elements import check_symbol
from surrogate_hpo.errors import ConfigError

FiniteFloat = Annotated[float, Field(allow_inf_nan=False)]


class AcsdSettings(Section):
    """Candidates of the SNAP descriptor, scored by average cosine similarity distance."""

    cutoff_radii_angstrom: list[CutoffRadius] = Field(..., min_length=1)
    twojmax: list[Annotated[int, Field(ge=1, le=20)]] = Field(
        ..., min_length=1, description="2 J_max"
    )
    objective: Literal["acsd", "kernel-spread"] = Field(
        "acsd",
        description="`kernel-spread` needs no LDOS: it widens the distribution of the "
        "descriptors' own similarities",
    )
    definition: Literal["fiedler2022", "mala2024"] = Field(
        "fiedler2022",
        description="of the ACSD: mean abs(S(d)-S(B)) of the paper, or mean max(0, S(B)-S(d))",
    )
    refine: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="rounds that halve the spacing of the cutoff radii around the best one"
    )
    points: Annotated[int, Field(ge=10)] = Field(200, description="N: a draw compares N x N points")
    draws: Annotated[int, Field(ge=2)] = Field(5, description="independent draws per snapshot")
    snapshots: PositiveInt = Field(
        3,
        description="training snapshots used, spread over all; fewer if there are fewer",
    )
    pairs: Literal["within", "across"] = Field(
        "within",
        description="`across` pools the points of all snapshots and pairs them at random: the "
        "score then sees how snapshots differ",
    )
    guard: bool = Field(
        False,
        description="fit the LDOS to every candidate by ridge regression, judge it on left-out "
        "snapshots and, fitted to smaller cells, on the largest; choose only among those that do "
        "well there; needs the LDOS",
    )
    guard_tolerance: Annotated[float, Field(ge=0, le=10)] = Field(
        0.15,
        description="fraction by which the unexplained variance on left-out snapshots may "
        "exceed the smallest",
    )
    element_weights: dict[str, FiniteFloat] = Field(
        {}, description="weight per element, e.g. `{Al: 1.0, Ti: 1.7}`; needed if there are several"
    )
    element_radii: dict[str, PositiveFloat] = Field(
        {}, description="an element is seen up to 2 x radius x cutoff radius; 0.5 by default"
    )

    @property
    def needs_ldos(self) -> bool:
        """Whether the score compares with the LDOS, so that DFT comes first."""
        return self.objective == "acsd"

    @field_validator("element_weights", "element_radii")
    @classmethod
    def _symbols_exist(cls, given: dict[str, float]) -> dict[str, float]:
        for symbol in given:
            try:
                check_symbol(symbol, where=symbol)
            except ConfigError as error:
                raise ValueError(str(error)) from error
        return given

    @model_validator(mode="after")
    def _room_to_refine(self) -> Self:
        if self.refine and len(set(self.cutoff_radii_angstrom)) < 2:
            msg = "refine needs at least two cutoff_radii_angstrom to refine between"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _snapshots_to_compare(self) -> Self:
        if self.guard and not self.needs_ldos:
            msg = "guard needs the LDOS, which the objective kernel-spread does without"
            raise ValueError(msg)
        if self.snapshots < 2 and (self.guard or self.pairs == "across"):
            msg = "guard and pairs: across compare snapshots, so that snapshots must be 2 or more"
            raise ValueError(msg)
        return self
