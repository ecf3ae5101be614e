"""The `select_audit` section: are the rules of `select` worth it on data that are there."""

from typing import Annotated

from pydantic import Field, field_validator

from surrogate_hpo.config.base import Count, CutoffRadius, FileName, Section
from surrogate_hpo.config.frames import file_of, frame_problems
from surrogate_hpo.selection.options import RULES, RuleName
from surrogate_hpo.stages.potential.settings import TwoJMax

Share = Annotated[float, Field(gt=0, lt=1)]


class SelectAuditSettings(Section):
    """Replays of the rules on structures whose DFT is there, against random choices.

    Not part of the chain: `snakemake select_audit`.
    """

    files: list[FileName] = Field(
        [],
        description="structures with energies, and perhaps forces, instead of all snapshots of the "
        "run; as `potential.files`",
    )
    rules: list[RuleName] = Field(
        [*RULES], min_length=1, description="to replay; random choices are replayed in any case"
    )
    seeds: Count = Field(
        20, description="replays: each has its own held-out structures and its own start"
    )
    random_draws: Count = Field(3, description="random choices per replay, for a steadier mean")
    held_out: Share = Field(0.25, description="share of the structures that errors are judged on")
    start: Annotated[int, Field(ge=3)] = Field(
        6, description="structures that are known before the first choice, drawn at random"
    )
    batch: Count = Field(4, description="structures that are chosen at a time")
    target_share: Share = Field(
        0.5,
        description="the error to be reached is that of random choices with this share of the DFT "
        "runs",
    )
    cutoff_radius_angstrom: CutoffRadius | None = Field(
        None, description="as `select.cutoff_radius_angstrom`, also of the potential that learns"
    )
    twojmax: TwoJMax = Field(6, description="2·J_max of the same")
    force_weight_angstrom_per_atom: float = Field(
        0.01,
        ge=0,
        description="what an error of forces counts in the fit beside one of the energy per atom; "
        "0, or where structures lack forces, for energies alone",
    )

    @field_validator("files")
    @classmethod
    def _frames_are_numbers(cls, sources: list[str]) -> list[str]:
        if problems := list(frame_problems("files", sources)):
            raise ValueError("; ".join(problems))
        return sources

    @field_validator("rules")
    @classmethod
    def _rules_are_named_once(cls, rules: list[RuleName]) -> list[RuleName]:
        if len({*rules}) < len(rules):
            msg = "a rule is named twice"
            raise ValueError(msg)
        return rules

    @property
    def own_files(self) -> list[str]:
        """The user's files, each once."""
        return list(dict.fromkeys(file_of(source) for source in self.files))
