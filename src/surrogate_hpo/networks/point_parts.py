"""Points that may not fit in memory, part by part: gone through, or a few of them picked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float32]


@dataclass(frozen=True)
class PointParts:
    """Rows of numbers, in parts that are read when they are wanted.

    Attributes
    ----------
    sizes
        Number of points of each part.
    read
        Gives a part, `[point, number]`, float32.
    """

    sizes: Sequence[int]
    read: Callable[[int], Array]

    def __iter__(self) -> Iterator[Tensor]:
        """Go through the parts; this can be repeated."""
        return (torch.from_numpy(self.read(part)) for part in range(len(self.sizes)))

    def __len__(self) -> int:
        """Number of points."""
        return sum(self.sizes)

    def rows(self, points: Tensor) -> Tensor:
        """Pick points.

        Parameters
        ----------
        points
            Their numbers, counted through all parts, in any order.

        Returns
        -------
        torch.Tensor
            `[point, number]`, in that order.
        """
        ends = torch.cumsum(torch.tensor(self.sizes), 0)
        parts = torch.searchsorted(ends, points, right=True)
        picked = [
            torch.from_numpy(self.read(part))[points[parts == part] - ends[part] + self.sizes[part]]
            for part in sorted(set(parts.tolist()))
        ]
        as_read = torch.argsort(parts, stable=True)
        return torch.cat(picked)[torch.argsort(as_read)]


def in_memory(values: Array) -> PointParts:
    """One part that is in memory anyway."""
    return PointParts([len(values)], lambda _: values)
