"""Densities of states of parts of a cell and of its atoms, a few points of the LDOS at a time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.ldos_store import DIMENSIONS, read_ldos
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.descriptors.grid import GridBox, grid_boxes
from surrogate_hpo.files.zarr_zip import chunk_shape, damage_named, open_dataset
from surrogate_hpo.physics.atom_partition import AtomSums
from surrogate_hpo.physics.space.regions import Mask
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.descriptor_engines import grid_engine
from surrogate_hpo.run.devices import device_name
from surrogate_hpo.verbs.analyse.parts import Parts

FloatArray = NDArray[np.float64]
Shape = tuple[int, int, int]


class LdosSource(Protocol):
    """An LDOS that gives the values of a few points."""

    shape: Shape
    cell: FloatArray
    energy: FloatArray

    def boxes(self) -> Iterator[GridBox]:
        """Parts of the grid that are in memory at a time; rows along z, in order."""

    def __call__(self, box: GridBox) -> NDArray[np.float32]:
        """Values at the points of a box, 1/(eV Å³), [point, network, energy]."""


class StoredLdos:
    """Of a store: the mean over the networks, which counts as one.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    DataError
        If the file is missing, damaged or no LDOS store.
    """

    def __init__(self, path: Path) -> None:
        frame = read_ldos(path, slice(0, 1))
        self._path, self._dataset = path, open_dataset(path)
        x, y, z = (self._dataset.sizes[name] for name in DIMENSIONS[:3])
        self.shape = (x, y, z)
        self.cell, self.energy = frame.cell, frame.energy

    def boxes(self) -> Iterator[GridBox]:
        """Chunk by chunk."""
        chunk = chunk_shape((*self.shape, len(self.energy)))
        return grid_boxes(self.shape, (chunk[0], chunk[1], chunk[2]), points=1)

    def __call__(self, box: GridBox) -> NDArray[np.float32]:
        """Values at the points of a box, as of `LdosSource`."""
        with damage_named(self._path):
            values = self._dataset["ldos"][box.slices].values
        return np.asarray(values.reshape(box.size, 1, -1), np.float32)


class PredictedLdos:
    """Of a surrogate: predicted where it is looked at, and kept nowhere.

    Parameters
    ----------
    surrogate
        Networks and descriptor.
    atoms
        The structure, Å.
    shape
        Number of grid points along each cell vector.
    conditions
        How it is predicted.
    """

    def __init__(
        self, surrogate: Surrogate, atoms: Atoms, shape: Shape, conditions: Conditions
    ) -> None:
        how, definition = conditions.descriptors, surrogate.definition
        self._compute = grid_engine(how, definition, atoms, shape, threads=conditions.threads)
        self._device = device_name(use_gpu=conditions.use_gpu)
        self._models, self._block = surrogate.models, conditions.block_points
        self.shape, self.cell, self.energy = shape, atoms.cell[:], surrogate.energy

    def boxes(self) -> Iterator[GridBox]:
        """Rows along z, parts of a plane."""
        _, y, z = self.shape
        rows = min(y, max(1, self._block // z))
        return grid_boxes(self.shape, (1, rows, z), points=self._block)

    def __call__(self, box: GridBox) -> NDArray[np.float32]:
        """Values at the points of a box, as of `LdosSource`."""
        descriptors = torch.from_numpy(self._compute(box)).to(self._models[0].precision)
        values = [model.predict(descriptors, device=self._device) for model in self._models]
        return np.asarray(torch.stack(values, dim=1).numpy(), np.float32)


@dataclass
class States:
    """Densities of states.

    Attributes
    ----------
    energy
        eV, [energy].
    parts
        1/eV, [network, energy] by name.
    atoms
        1/eV, [network, atom, energy]; none if no atom was asked for.
    """

    energy: FloatArray
    parts: dict[str, FloatArray] = field(default_factory=dict)
    atoms: FloatArray | None = None


def _around(box: GridBox, needed: Mask, masks: dict[str, Mask]) -> tuple[GridBox, dict[str, Mask]]:
    """The smallest box that holds what is needed of a box, and the masks there."""
    places = np.argwhere(needed)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    x, y, z = (slice(*ends) for ends in zip(low, high, strict=True))
    begin = tuple(map(int, np.array(box.begin) + low))
    end = tuple(map(int, np.array(box.begin) + high))
    smaller = GridBox((begin[0], begin[1], begin[2]), (end[0], end[1], end[2]))
    return smaller, {name: mask[x, y, z] for name, mask in masks.items()}


def states_of(source: LdosSource, parts: Parts, atoms: Atoms | None, *, width: float) -> States:
    """Sum up an LDOS over parts of the cell, and over the shares of atoms.

    Parameters
    ----------
    source
        The LDOS. It is asked for points of the parts alone where no shares of atoms are needed.
    parts
        The parts.
    atoms
        The structure, if states of atoms are wanted or a part is a group of atoms.
    width
        Of the weights that share space among the atoms, Å.

    Returns
    -------
    States
        Sums over points times their volume.
    """
    found = States(source.energy)
    volume = abs(float(np.linalg.det(source.cell))) / math.prod(source.shape)
    shares = None
    if atoms is not None:
        shares = AtomSums(source.shape, atoms.positions, source.cell, width=width)
    for whole in source.boxes():
        box = whole
        masks = parts.masks(box, source.shape, source.cell)
        if shares is None:
            needed = np.any(list(masks.values()), axis=0)
            if not needed.any():
                continue
            box, masks = _around(box, needed, masks)
        values = source(box)
        networks, energies = values.shape[1:]
        for name, mask in masks.items():
            inside = values[mask.ravel()].sum(axis=0, dtype=np.float64) * volume
            found.parts[name] = found.parts.get(name, 0.0) + inside
        if shares is not None:
            first = int(np.ravel_multi_index(box.begin, source.shape))
            each = shares(values.reshape(len(values), -1), first) * volume
            each = each.reshape(-1, networks, energies).transpose(1, 0, 2)
            found.atoms = each if found.atoms is None else found.atoms + each
    if found.atoms is not None:
        for name, group in parts.groups.items():
            found.parts[name] = found.atoms[:, group].sum(axis=1)
    return found
