"""The `train` section: the final training."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from surrogate_hpo.config.base import NO_RERUN, Count, PositiveInt, Section
from surrogate_hpo.networks.options import SHEARS, STRAINS

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TrainSettings(Section):
    """Final training of the chosen network from several random initialisations."""

    seeds: Count = Field(4, description="number of initialisations")
    maximum_epochs: PositiveInt = Field(..., description="passes over the training points")
    energy_weight: Weight = Field(
        0.0,
        description="of the squared error of a training snapshot's total free energy, (eV/atom)², "
        "in the loss beside the scaled LDOS's, e.g. 0.1; 0 leaves it out",
    )
    force_weight: Weight = Field(
        0.0,
        description="of the squared error of the forces, (eV/Å)², where the DFT results have "
        "them, e.g. 1e-3; 0 leaves them out",
    )
    stress: bool = Field(
        False,
        description="learn the shear stress, too, where forces are learnt and the DFT results "
        "have it; the pressure follows from energies of several volumes",
    )
    pressure: bool = Field(
        False,
        description="with `stress`, fit the last layer to the pressure, too, up to a constant that "
        "all snapshots share: the Pulay stress",
    )
    density_weight: Weight = Field(
        0.0,
        description="of the Hartree energy of the density's error, eV/atom, in the loss, e.g. "
        "0.02: forces in larger cells depend on it; 0 leaves it out",
    )
    readout: bool = Field(
        True,
        description="after the training, fit the last layer to total free energies and forces of "
        "the training snapshots in closed form, where the DFT results have them",
    )
    mixed_precision: bool = Field(
        False,
        description="matrix products in bfloat16: faster where the hardware has it, and another "
        "rounding of the weights",
    )
    data_memory_mebibytes: PositiveInt | None = Field(
        None,
        description="memory that the data may take in each process; if they need more, they are "
        "read in each epoch, in another order of the points; all are kept if null",
    )
    processes: Count = Field(
        1,
        description="processes on one machine that share each batch, a GPU each with `use_gpu`; "
        "the numbers are the same to rounding",
        json_schema_extra=NO_RERUN,
    )
    use_gpu: bool = Field(False, description="train on a CUDA device", json_schema_extra=NO_RERUN)

    @model_validator(mode="after")
    def _pressure_is_part_of_a_stress(self) -> Self:
        if self.pressure and not self.stress:
            msg = "the pressure is learnt beside the shear stress: set train.stress: true"
            raise ValueError(msg)
        return self

    @property
    def strains(self) -> int:
        """Along how many strains the stress of a snapshot is learnt."""
        if not self.stress:
            return 0
        return STRAINS if self.pressure else SHEARS

    @property
    def learns_energies(self) -> bool:
        """Whether energies, forces or densities of whole snapshots are part of the loss."""
        return max(self.energy_weight, self.force_weight, self.density_weight) > 0

    @property
    def uses_energies(self) -> bool:
        """Whether energies or forces decide the weights, in the loss or in the last layer."""
        return self.readout or self.learns_energies
