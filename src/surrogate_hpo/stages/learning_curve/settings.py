"""The `learning_curve` section: what more training snapshots bring."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import Field

from surrogate_hpo.config.base import PositiveInt, Section

T = TypeVar("T")
Fraction = Annotated[float, Field(gt=0, le=1)]


class LearningCurveSettings(Section):
    """Networks are trained again with a part of the training snapshots; not part of the chain."""

    fractions: list[Fraction] = Field(
        [0.25, 0.5, 1.0],
        min_length=1,
        description="of the training snapshots, each as a part that is spread over all of them",
    )
    seeds: PositiveInt = Field(2, description="number of initialisations per fraction")

    def counts(self, snapshots: int) -> list[int]:
        """Numbers of training snapshots to train with, smallest first."""
        return sorted({max(1, round(fraction * snapshots)) for fraction in self.fractions})


def spread(snapshots: Sequence[T], count: int) -> list[T]:
    """Choose some that are spread evenly over all, so that each group of them has its share."""
    count = min(count, len(snapshots))
    return [snapshots[number * len(snapshots) // count] for number in range(count)]
