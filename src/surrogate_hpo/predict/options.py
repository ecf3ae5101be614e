"""How commands are told to predict structures; on the command line each is an option."""

from dataclasses import dataclass
from typing import cast

from surrogate_hpo.physics.prediction_grid import Grid
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.run.interface import (
    ArgumentGroup,
    BlockPoints,
    DescriptorEngine,
    DescriptorPrecision,
    ElectronicTemperature,
    GridPoints,
    Threads,
    UseGpu,
)
from surrogate_hpo.stages.descriptors.settings import Engine, Precision


@dataclass(frozen=True)
class PredictionOptions(ArgumentGroup):
    """What commands that predict structures have in common."""

    electronic_temperature: ElectronicTemperature = None
    grid: GridPoints = None
    engine: DescriptorEngine = "native"
    precision: DescriptorPrecision = "float64"
    use_gpu: UseGpu = False
    block_points: BlockPoints = 16384
    threads: Threads = 1

    def conditions(self) -> Conditions:
        """Give them as conditions; raise ConfigError if one makes no sense."""
        return Conditions(
            engine=cast(Engine, self.engine),  # looked at there
            precision=cast(Precision, self.precision),  # as well
            threads=self.threads,
            use_gpu=self.use_gpu,
            block_points=self.block_points,
            electronic_temperature=self.electronic_temperature,
            grid=None if self.grid is None else cast(Grid, tuple(self.grid)),
        )


STANDARD = PredictionOptions()
