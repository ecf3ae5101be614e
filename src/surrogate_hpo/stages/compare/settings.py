"""The `compare` section: which search methods are set side by side, and how."""

from typing import Self, get_args

from pydantic import Field, model_validator

from surrogate_hpo.config.base import PositiveFloat, PositiveInt, Section
from surrogate_hpo.figure_widths import FigureWidth
from surrogate_hpo.search.options import VARIANTS, MethodName


class CompareSettings(Section):
    """The table and the figures; it trains nothing, so a change here repeats no training."""

    methods: list[MethodName] = Field(
        [name for name in get_args(MethodName) if name not in VARIANTS],
        min_length=1,
        description="which methods are compared",
    )
    reference: MethodName = Field(
        "tpe", description="method that cost and error of the others are divided by"
    )
    workers: list[PositiveInt] = Field(
        [1, 8], min_length=1, description="numbers of parallel trainings for the wall time"
    )
    comparable_mae_ratio: PositiveFloat = Field(
        1.2, description="largest ratio of the errors that is called comparable"
    )

    figure_width: FigureWidth = Field(
        "single", description="of the figures: 86 mm, one column of a journal, or 178 mm"
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name in ("methods", "workers"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                msg = f"a value is listed twice in {name}"
                raise ValueError(msg)
        return self
