"""Descriptors and networks at the points of a grid, and what is summed up in passing."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.descriptors.grid import GridBox, grid_boxes
from surrogate_hpo.files.scratch import Scratch
from surrogate_hpo.files.zarr_zip import chunk_shape
from surrogate_hpo.log import Progress
from surrogate_hpo.networks.ensemble.projection import ProjectedEnsemble
from surrogate_hpo.networks.training_range import RangeMonitor
from surrogate_hpo.physics.density_expansion import DensityExpansion
from surrogate_hpo.physics.fermi_bracket import FermiBracket
from surrogate_hpo.physics.prediction_grid import Grid
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.descriptor_engines import grid_engine
from surrogate_hpo.run.devices import device_name

logger = logging.getLogger(__name__)
OnLdos = Callable[[GridBox, NDArray[np.float32]], None]
OnDescriptors = Callable[[Tensor], None]


@dataclass(frozen=True)
class Passing:
    """What looks at the points as they pass, besides the sums.

    Attributes
    ----------
    monitor
        Watches the descriptors.
    on_ldos
        Receives the mean LDOS over the networks, 1/(eV Å³), box by box.
    keep
        File to which the descriptors go.
    """

    monitor: RangeMonitor | None = None
    on_ldos: OnLdos | None = None
    keep: Scratch | None = None


class PointPass:
    """Passes over the points of a grid of one structure.

    Parameters
    ----------
    surrogate
        Networks and descriptor.
    atoms
        Periodic structure, Å.
    grid
        Number of grid points along each lattice vector.
    conditions
        Engine, threads, device, points at a time, electronic temperature.
    """

    def __init__(
        self, surrogate: Surrogate, atoms: Atoms, grid: Grid, conditions: Conditions
    ) -> None:
        how, definition = conditions.descriptors, surrogate.definition
        self._compute = grid_engine(how, definition, atoms, grid, threads=conditions.threads)
        self._device = device_name(use_gpu=conditions.use_gpu)
        self._surrogate, self._grid = surrogate, grid
        self._block_points = conditions.block_points
        self._rough = conditions.precision == "float32"
        self._temperature = (
            conditions.electronic_temperature or surrogate.origin.electronic_temperature
        )
        self._volume = float(atoms.get_volume()) / math.prod(grid)

    def boxes(self, *, stored: bool = False) -> Iterator[GridBox]:
        """All points, box by box, in the order of the flattened grid.

        Parameters
        ----------
        stored
            Whether the boxes are to hold whole chunks of an LDOS store, however large these are.

        Returns
        -------
        iterator of GridBox
            Else of no more points than are held at a time, or one row along z.
        """
        x, y, z = 1, self._rows(), self._grid[2]
        if stored:
            x, y, z, _ = chunk_shape((*self._grid, len(self._surrogate.energy)))
        return grid_boxes(self._grid, (x, y, z), points=self._block_points)

    def _rows(self) -> int:
        """Rows along z that are held at a time: all of a plane, or equal parts of it."""
        _, n_y, n_z = self._grid
        return math.ceil(n_y / math.ceil(n_y / max(1, self._block_points // n_z)))

    def planes(self, begin: int, end: int) -> Iterator[GridBox]:
        """Points of some planes along x, in the order of the flattened grid.

        No box holds points of two planes, so that each point is computed beside the same others
        whatever planes are asked for: its numbers are the same to the last bit.

        Parameters
        ----------
        begin
            First plane.
        end
            One past the last.

        Yields
        ------
        GridBox
            Of about so many points as are held at a time, or one row along z.
        """
        _, n_y, n_z = self._grid
        rows = self._rows()
        for x, y in product(range(begin, end), range(0, n_y, rows)):
            yield GridBox((x, y, 0), (x + 1, min(y + rows, n_y), n_z))

    def descriptors(self, boxes: Iterable[GridBox]) -> Iterator[Tensor]:
        """Descriptors of parts of the grid, one part after the other.

        Parameters
        ----------
        boxes
            The parts.

        Yields
        ------
        Tensor
            [points, components], in the precision of the networks.
        """
        precision = self._surrogate.models[0].precision
        for box in boxes:
            yield torch.from_numpy(self._compute(box)).to(precision)

    def expansions(
        self, brackets: Sequence[FermiBracket | None], points: int | None = None
    ) -> list[DensityExpansion | None]:
        """Room for the density of each network, as far as it has a bracket.

        Parameters
        ----------
        brackets
            Of each network.
        points
            How many; all of the grid if absent.

        Returns
        -------
        list
            An expansion for each bracket.
        """
        surrogate = self._surrogate
        return [
            None
            if bracket is None
            else DensityExpansion(
                bracket,
                bracket.coefficients(
                    torch.from_numpy(surrogate.energy),
                    self._temperature,
                    broadening_variance=surrogate.axis.broadening_variance,
                ),
                math.prod(self._grid) if points is None else points,
                model.precision,
            )
            for model, bracket in zip(surrogate.models, brackets, strict=True)
        ]

    def __call__(
        self,
        expansions: Sequence[DensityExpansion | None],
        passing: Passing | None = None,
        boxes: Iterable[GridBox] | None = None,
    ) -> Tensor:
        """Fill the expansions and sum up the DOS.

        Parameters
        ----------
        expansions
            Of each network; points are numbered as they pass.
        passing
            What else looks at the points.
        boxes
            Parts of the grid; all of it if absent.

        Returns
        -------
        Tensor
            DOS of each network in 1/eV, [network, energy], of the points that have passed.
        """
        passing = passing or Passing()
        models = self._surrogate.models
        energies = len(self._surrogate.energy)
        ensemble = ProjectedEnsemble(
            models,
            [None if one is None else one.coefficients for one in expansions],
            device=self._device,
            rough=self._rough,
        )
        if boxes is None:
            boxes = self.boxes(stored=passing.on_ldos is not None)
        boxes = list(boxes)
        progress = Progress(logger, sum(box.size for box in boxes), unit="points")
        begin = 0
        for box, descriptors in zip(boxes, self.descriptors(boxes), strict=True):
            if passing.monitor is not None:
                passing.monitor.watch(descriptors)
            if passing.keep is not None:
                passing.keep.append(descriptors.numpy())
            for expansion, sums in zip(expansions, ensemble(descriptors), strict=True):
                if expansion is not None and sums is not None:
                    expansion.put(begin, sums)
            if passing.on_ldos is not None:
                # Again, for it alone: the sums are the same numbers with and without it.
                mean = torch.zeros(box.size, energies)
                for model in models:
                    mean += model.predict(descriptors, device=self._device) / len(models)
                passing.on_ldos(box, mean.numpy())
            progress.advance(box.size)
            begin += box.size
        progress.finish()
        return ensemble.dos() * self._volume
