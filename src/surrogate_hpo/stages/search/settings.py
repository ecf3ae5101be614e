"""The `search` section: the reduced study of the optimisation hyperparameters."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from surrogate_hpo.config.base import NO_RERUN, Count, PositiveFloat, PositiveInt, Section, Split
from surrogate_hpo.networks.options import (
    LARGEST_COUPLED_DECAY,
    InputScaling,
    OptimiserName,
    OutputScaling,
    Schedule,
)
from surrogate_hpo.search.options import ObjectiveName

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, lt=1)]


class SearchSettings(Section):
    """Optuna TPE study; a trial's value is the mean of the objective over initialisations."""

    trials: PositiveInt = Field(..., description="number of trials")
    initialisations: Count = Field(2, description="trainings that each trial averages over")
    maximum_epochs: PositiveInt = Field(..., description="length of a trial's training")
    objective: ObjectiveName = Field(
        "ldos_loss",
        description="what is minimised on held-out snapshots: the loss of their LDOS, or the mean "
        "absolute error of one of their energies against DFT",
    )
    folds: Count = Field(
        1,
        description="1: the validation snapshots are held out; k: training and validation "
        "snapshots are dealt to k folds, each held out once, which takes k times as long",
    )
    points: PositiveInt | None = Field(
        None, description="training points per trial, drawn once; all if null"
    )
    learning_rate: Annotated[list[PositiveFloat], Field(min_length=2, max_length=2)] = Field(
        [3e-4, 1e-2], description="lower and upper bound, searched on a logarithmic scale"
    )
    batch_size: list[PositiveInt] = Field([500, 1000, 2000], min_length=1)
    schedule: list[Schedule] = Field(
        ["cosine"],
        min_length=1,
        description="`cosine` anneals and takes the last weights; `constant` stops early; "
        "`plateau` lowers the learning rate when the validation loss stands still",
    )
    patience: list[PositiveInt] = Field(
        [8],
        min_length=1,
        description="epochs without gain before `constant` stops or `plateau` lowers the rate",
    )
    plateau_factor: list[Factor] = Field(
        [0.1], min_length=1, description="for `plateau`: factor on the learning rate"
    )
    weight_decay: list[NotNegative] = Field(
        [0.3],
        min_length=1,
        description="decoupled for `soap` and `adamw`; for `adam` added to the gradient, "
        f"at most {LARGEST_COUPLED_DECAY}",
    )
    dos_weight: list[NotNegative] = Field(
        [0.0],
        min_length=1,
        description="weight in the loss of the density of states of a batch; the validation loss "
        "is the error of the LDOS alone",
    )
    optimiser: list[OptimiserName] = Field(
        ["soap"],
        min_length=1,
        description="`soap`: Adam in the eigenbasis of the gradients' second moments",
    )
    input_scaling: list[InputScaling] = Field(
        ["standardised", "whitened"],
        min_length=1,
        description="`whitened`: rotated to uncorrelated components of unit variance",
    )
    output_scaling: list[OutputScaling] = Field(
        ["maximum"],
        min_length=1,
        description="of the LDOS: by its largest value, by its spread, or each energy by its own "
        "largest value; a trial's value is in the same unit with all",
    )
    workers: Count = Field(
        1,
        description="jobs that share the trials; decides the numbers: with N workers trial k is "
        "sampled by what the trials 0 to k−N found",
    )
    grace_seconds: PositiveFloat = Field(
        120,
        description="a worker that gives no sign of life for so long loses its trial to another",
        json_schema_extra=NO_RERUN,
    )
    known_trials: Annotated[int, Field(ge=0)] = Field(
        3,
        description="trials that come first, with what was best for other materials, as far as "
        "the lists and intervals here allow it (docs/concepts/table.md)",
    )
    startup_trials: PositiveInt = Field(
        5, description="trials, the known ones included, before TPE takes over from random ones"
    )
    mixed_precision: bool = Field(
        False,
        description="matrix products in bfloat16: faster where the hardware has it, and another "
        "rounding of the weights",
    )
    use_gpu: bool = Field(False, description="train on a CUDA device", json_schema_extra=NO_RERUN)

    @property
    def judged_splits(self) -> tuple[Split, ...]:
        """Splits whose snapshots are held out from some training of a trial."""
        return ("validation",) if self.folds == 1 else ("training", "validation")

    @property
    def needs_energies(self) -> bool:
        """Whether the objective compares energies with DFT."""
        return self.objective != "ldos_loss"

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        low, high = self.learning_rate
        if low >= high:
            msg = f"learning_rate: the lower bound {low} is not below the upper bound {high}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _decay_fits_adam(self) -> Self:
        largest = max(self.weight_decay)
        if "adam" in self.optimiser and largest > LARGEST_COUPLED_DECAY:
            msg = (
                f"weight_decay: {largest} is too large for adam, which adds it to the gradient; "
                f"list values up to {LARGEST_COUPLED_DECAY}, or use adamw, whose decay is decoupled"
            )
            raise ValueError(msg)
        return self
