"""What `analyse` is told; on the command line each is an option."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import numpy as np

from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.run.interface import (
    ArgumentGroup,
    BlockPoints,
    DescriptorEngine,
    Option,
    Threads,
    UseGpu,
    require_option,
)
from surrogate_hpo.stages.descriptors.settings import Engine
from surrogate_hpo.verbs.analyse.parts import VECTORS


@dataclass(frozen=True)
class Cuts(ArgumentGroup):
    """Where the density is looked at."""

    axis: Annotated[str, Option("cell vector along which planes and profile lie; c")] = "c"
    at: Annotated[
        list[float] | None, Option("planes, in units of that cell vector; 0 if left out")
    ] = None
    miller: Annotated[
        list[int] | None,
        Option("h k l: these lattice planes instead; --at in units of their spacing"),
    ] = None
    macroscopic_angstrom: Annotated[
        float | None, Option("period of a macroscopic average of the profile")
    ] = None
    isosurface: Annotated[
        list[float] | None, Option("densities whose surfaces are drawn; 1/Å³")
    ] = None
    surface_points: Annotated[
        int, Option("most points of the grid on which surfaces are sought; 65536")
    ] = 2**16

    def __post_init__(self) -> None:
        require_option(self.axis in VECTORS, "axis", "a, b or c", self.axis)
        finite = bool(np.isfinite(self.places).all())
        require_option(finite, "at", "finite numbers", self.places)
        three = self.miller is None or len(self.miller) == 3
        require_option(three, "miller", "three whole numbers", self.miller)
        levels = self.isosurface or []
        positive = all(0 < level < math.inf for level in levels)
        require_option(positive, "isosurface", "densities above 0, 1/Å³", levels)
        require_option(self.surface_points >= 8, "surface-points", "8 or more", self.surface_points)

    @property
    def places(self) -> Sequence[float]:
        """Where planes are wanted."""
        return self.at or [0.0]

    @property
    def number(self) -> int:
        """Of the cell vector."""
        return VECTORS.index(self.axis)

    @property
    def indices(self) -> tuple[int, int, int] | None:
        """Miller indices."""
        return None if self.miller is None else (self.miller[0], self.miller[1], self.miller[2])


@dataclass(frozen=True)
class Model(ArgumentGroup):
    """With which surrogate, and how it is asked."""

    surrogate: Annotated[
        Path | None,
        Option("file of the surrogate: where descriptors are outside of its training range"),
    ] = None
    engine: DescriptorEngine = "native"
    use_gpu: UseGpu = False
    block_points: BlockPoints = 16384
    threads: Threads = 1

    def conditions(self) -> Conditions:
        """How to predict; raise ConfigError if it makes no sense."""
        return Conditions(
            engine=cast(Engine, self.engine),  # looked at there
            threads=self.threads,
            use_gpu=self.use_gpu,
            block_points=self.block_points,
        )


CUTS, MODEL = Cuts(), Model()
