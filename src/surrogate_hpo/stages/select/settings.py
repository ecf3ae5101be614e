"""The `select` section: candidates for the next DFT runs, and the rule that chooses among them."""

import math
from typing import Any, Self

from pydantic import Field, model_validator

from surrogate_hpo import limits
from surrogate_hpo.config.base import (
    Count,
    CutoffRadius,
    FileName,
    PositiveFloat,
    PositiveInt,
    Section,
)
from surrogate_hpo.config.frames import FRAME_RANGE, count_frames, file_of, frame_problems
from surrogate_hpo.selection.options import NETWORK_RULES, WITH_MODEL, AnyRule
from surrogate_hpo.stages.potential.settings import TwoJMax
from surrogate_hpo.stages.select.settings_pool import NebSettings, PoolGroupSettings

DUPLICATE_DISTANCE = 1e-3
"""Standard deviations; far above what shifts, turns and rounding leave between copies."""


class SelectSettings(Section):
    """Which structures to compute next, chosen from a pool that costs no DFT.

    Not part of the chain: `snakemake select`.
    """

    pool: list[PoolGroupSettings] = Field(
        [],
        description="groups of candidates, as those of `snapshots.training`: generated ones of "
        "`snapshots.cell` by `snapshots.method`, or `files` that ASE reads, such as a trajectory, "
        "`file` standing for all of its frames; or `neb`, images of a band",
    )
    rule: AnyRule = Field(
        "d_optimal",
        description="`random`; by descriptors alone `farthest_point`, `kmeans`, `d_optimal`, "
        "`nearest_neighbours`, `wasserstein`, `misprediction`, `mean_difference`; `spread` of the "
        "members of the potential, which is fitted first; `energy_spread`, `dos_spread`, "
        "`density_spread` of the networks of the surrogate, which are trained first and predict "
        "every candidate",
    )
    number: Count = Field(10, description="how many structures are chosen")
    cutoff_radius_angstrom: CutoffRadius | None = Field(
        None,
        description="of the SNAP descriptors at the atoms; by default three times the radius of a "
        "sphere that holds one atom of the training snapshots. `spread` takes the potential's",
    )
    twojmax: TwoJMax = Field(6, description="2·J_max of the same")
    components: Count = Field(
        6, description="principal components in which sites and their means are compared"
    )
    sampled_sites: PositiveInt = Field(
        2000, description="most atoms of known structures that candidates are compared with"
    )
    duplicate_distance: float = Field(
        DUPLICATE_DISTANCE,
        ge=0,
        description="candidates are dropped whose mean descriptors differ from those of another "
        "structure by less, in standard deviations of the components; for copies of held-out "
        f"snapshots, and of those whose DFT failed, it is {DUPLICATE_DISTANCE:g} at least",
    )
    overlap_fraction: float = Field(
        0.8,
        ge=0,
        lt=1,
        description="candidates are dropped with two atoms closer than this share of the shortest "
        "distance of these elements in the training snapshots",
    )
    extrapolation_limit: PositiveFloat = Field(
        10.0,
        description="candidates are dropped with an atom whose descriptors lie farther from the "
        "mean of the training than so many times the farthest atom of the training",
    )

    @model_validator(mode="after")
    def _pool_makes_sense(self) -> Self:
        if (count := self.made) > limits.SNAPSHOTS:
            msg = f"`pool` has {count:.6g} candidates, at most {limits.SNAPSHOTS} make sense"
            raise ValueError(msg)
        sources = [source for group in self.pool for source in group.files or ()]
        sources += [end for band in self.bands for end in band.ends]
        if problems := list(frame_problems("pool", sources)):
            raise ValueError("; ".join(problems))
        return self

    @property
    def pool_size(self) -> float:
        """Number of candidates before any is dropped; infinite where it takes a look into files."""
        sources = [entry for group in self.pool for entry in group.files or ()]
        if any(FRAME_RANGE.fullmatch(entry) is None for entry in sources):
            return math.inf
        return self.made + sum(map(count_frames, sources))

    @property
    def made(self) -> int:
        """Number of candidates that are generated, or images of bands."""
        generated = sum(group.number or 0 for group in self.pool)
        return generated + sum(band.candidates for band in self.bands)

    @property
    def bands(self) -> list[NebSettings]:
        """Of the groups that are bands."""
        return [group.neb for group in self.pool if group.neb is not None]

    @property
    def asks_potential(self) -> bool:
        """Whether the rule asks the potential."""
        return self.rule == WITH_MODEL

    @property
    def asks_networks(self) -> bool:
        """Whether the rule asks the surrogate."""
        return self.rule in NETWORK_RULES

    @property
    def generates(self) -> bool:
        """Whether candidates are made here, from a cell."""
        return any(group.number for group in self.pool)

    def deciding_pool(self) -> dict[str, Any]:
        """The settings that decide the pool, and not what is chosen of it by this stage."""
        return self.model_dump(
            mode="json", exclude={"rule", "number", "cutoff_radius_angstrom", "twojmax"}
        )

    @property
    def own_files(self) -> list[FileName]:
        """The user's files, each once."""
        cells = [group.cell.file for group in self.pool if group.cell and group.cell.file]
        sources = [file_of(source) for group in self.pool for source in group.files or ()]
        bands = [file_of(end) for band in self.bands for end in band.ends]
        models = [band.model for band in self.bands if band.model is not None]
        return list(dict.fromkeys([*cells, *sources, *bands, *models]))
