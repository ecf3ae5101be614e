"""The `report` section."""

from typing import Annotated

from pydantic import Field

from surrogate_hpo.config.base import PositiveFloat, PositiveInt, Section
from surrogate_hpo.figure_widths import FigureWidth


class ReportSettings(Section):
    """Title, what goes into it, and the targets that the total free energy is compared with."""

    title: str = Field("Surrogate of the electronic structure", min_length=1)
    figure_width: FigureWidth = Field(
        "single", description="of the figures on disk: 86 mm, one column of a journal, or 178 mm"
    )
    comparison: bool = Field(
        False,
        description="with cost and error of every search method: runs the `compare` stage first",
    )
    kpoint_noise: bool = Field(
        False,
        description="with the k noise of the labels beside the errors: runs the `knoise` stage "
        "first, DFT of a snapshot of each size with a denser mesh",
    )
    learning_curve: bool = Field(
        False,
        description="with the error against the number of training snapshots: runs the "
        "`learning_curve` stage first, trainings with a part of them",
    )
    ados: bool = Field(
        False,
        description="with densities of states by atom: runs the `ados` stage first",
    )
    potential: bool = Field(
        False,
        description="with energies and forces of an interatomic potential: runs the `potential` "
        "stage first",
    )
    target_mev_per_atom: PositiveFloat = Field(
        5.0, description="largest mean absolute error of the total free energy"
    )
    target_baseline_fraction: Annotated[float, Field(gt=0, le=1)] = Field(
        0.2, description="largest mean absolute error as a fraction of the baseline's"
    )
    target_floor_mev_per_atom: PositiveFloat = Field(
        1.0, description="largest error from the reference LDOS"
    )
    target_held_out_snapshots: PositiveInt = Field(
        16, description="smallest number of held-out snapshots that the errors must rest on"
    )
