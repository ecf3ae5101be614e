"""The `floor` section: from which floor on a snapshot is warned of."""

from pydantic import Field

from surrogate_hpo.config.base import PositiveFloat, Section


class FloorSettings(Section):
    """Energies of all reference LDOS against DFT, before any training.

    Part of the chain where calculations are finished, otherwise asked for: `snakemake floor`.
    """

    warning_mev_per_atom: PositiveFloat = Field(
        5.0, description="a larger error of the total free energy is warned of, with likely causes"
    )
