"""Which descriptors a network was trained on, and how far others are from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogate_hpo.descriptors.lanes import compiled
from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.summary import summarise

# In standard deviations: rounding, and the same cell in another place, are no extrapolation.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class TrainingRange:
    """Range of each descriptor component over the training points, each of shape (components,).

    Attributes
    ----------
    minimum
        Smallest value.
    maximum
        Largest value.
    deviation
        Standard deviation; 1 for a component that is constant.
    """

    minimum: Tensor
    maximum: Tensor
    deviation: Tensor

    def state_dict(self) -> dict[str, Tensor]:
        """Return the tensors, float64 on the CPU."""
        return dict(vars(self))

    def excess(self, descriptors: Tensor) -> Tensor:
        """How far values are outside.

        Parameters
        ----------
        descriptors
            Shape (points, components).

        Returns
        -------
        Tensor
            In standard deviations of the training points, float64, of the same shape; negative
            inside.

        Raises
        ------
        DataError
            A value is not finite.
        """
        values = descriptors.to(torch.float64)
        excess = torch.maximum(values - self.maximum, self.minimum - values) / self.deviation
        if not bool(torch.isfinite(excess).all()):
            raise _not_finite()
        return excess

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "TrainingRange":
        """Restore a range from what `state_dict` returned."""
        return cls(state["minimum"], state["maximum"], state["deviation"])


def _not_finite() -> DataError:
    return DataError(
        "the descriptors hold values that are not finite",
        remedy="check the structure: its cell, and that no two atoms coincide",
    )


def training_range(parts: Iterable[Tensor]) -> TrainingRange:
    """Find the range of the training points.

    Parameters
    ----------
    parts
        Descriptors (points, components), part by part; gone through several times.

    Returns
    -------
    TrainingRange
        In float64.

    Raises
    ------
    DataError
        Fewer than two points, or a value that is not finite.
    """
    summary = summarise(parts, "descriptors")
    minimum = torch.stack([part.amin(0) for part in parts]).amin(0)
    deviation = summary.covariance.diagonal().clamp_min(0).sqrt()
    constant = deviation <= 1e-7 * summary.mean.abs()
    return TrainingRange(
        minimum=minimum.to(torch.float64),
        maximum=summary.maximum.to(torch.float64),
        deviation=torch.where(constant, torch.ones_like(deviation), deviation),
    )


@dataclass(frozen=True)
class Extrapolation:
    """How far descriptors were outside of the training range.

    Attributes
    ----------
    fraction_of_points
        Share of the points with a component outside.
    largest_excess
        Largest distance from the range, in standard deviations of the training points.
    component
        Number of the component with it, from 0; none if all points lie inside.
    """

    fraction_of_points: float
    largest_excess: float
    component: int | None


def combined(parts: Sequence[tuple[int, Extrapolation]]) -> Extrapolation:
    """What was seen of several parts of a grid.

    Parameters
    ----------
    parts
        Number of points, and what was seen of them.

    Returns
    -------
    Extrapolation
        Of all points.
    """
    points = sum(count for count, _ in parts)
    farthest = max((seen for _, seen in parts), key=lambda seen: seen.largest_excess)
    outside = sum(round(count * seen.fraction_of_points) for count, seen in parts)
    return replace(farthest, fraction_of_points=outside / max(1, points))


class RangeMonitor:
    """Watches descriptors, block by block.

    Parameters
    ----------
    known
        The training range.
    """

    def __init__(self, known: TrainingRange) -> None:
        self._known = known
        self._points = self._outside = 0
        self._largest = torch.zeros_like(known.minimum)

    def watch(self, descriptors: Tensor) -> None:
        """Take note of some points.

        Parameters
        ----------
        descriptors
            Shape (points, components).

        Raises
        ------
        DataError
            A value is not finite.
        """
        known = self._known
        outside = _watch(
            descriptors.numpy(),
            known.minimum.numpy(),
            known.maximum.numpy(),
            known.deviation.numpy(),
            self._largest.numpy(),
        )
        if outside < 0:
            raise _not_finite()
        self._points += len(descriptors)
        self._outside += outside

    def result(self) -> Extrapolation:
        """What was seen so far."""
        component = int(self._largest.argmax())
        largest = float(self._largest[component])
        inside = self._outside == 0
        return Extrapolation(
            fraction_of_points=self._outside / max(1, self._points),
            largest_excess=0.0 if inside else largest,
            component=None if inside else component,
        )


@compiled
def _watch(
    values: NDArray[np.floating],
    minimum: NDArray[np.float64],
    maximum: NDArray[np.float64],
    deviation: NDArray[np.float64],
    largest: NDArray[np.float64],
) -> int:
    """Raise `largest` to the excess of any point; return how many are outside, −1 if not finite."""
    outside, nothing = 0, 0.0
    for point in range(values.shape[0]):
        worst = 0.0
        for component in range(values.shape[1]):
            value = np.float64(values[point, component])
            excess = max(value - maximum[component], minimum[component] - value)
            excess /= deviation[component]
            nothing += 0.0 * value  # NaN if one of them is not finite
            largest[component] = max(largest[component], excess)
            worst = max(worst, excess)
        outside += int(worst > TOLERANCE)
    return outside if nothing == 0.0 else -1
