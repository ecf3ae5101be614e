"""The `acsd` section: descriptor candidates and how they are scored."""

from typing import Annotated, Literal

from pydantic import Field

from surrogate_hpo.config.base import PositiveFloat, PositiveInt, Section


class AcsdSettings(Section):
    """Candidates of the SNAP descriptor, scored by average cosine similarity distance."""

    cutoff_radii_angstrom: list[PositiveFloat] = Field(..., min_length=1)
    twojmax: list[Annotated[int, Field(ge=1, le=20)]] = Field(
        ..., min_length=1, description="2 J_max"
    )
    definition: Literal["fiedler2022", "mala2024"] = Field(
        "fiedler2022", description="mean |S(d)-S(B)| of the paper, or mean max(0, S(B)-S(d))"
    )
    points: Annotated[int, Field(ge=10)] = Field(
        200, description="N: a draw compares N x N grid points"
    )
    draws: Annotated[int, Field(ge=2)] = Field(5, description="independent draws per snapshot")
    snapshots: PositiveInt = Field(
        3, description="training snapshots used; fewer if there are fewer"
    )
