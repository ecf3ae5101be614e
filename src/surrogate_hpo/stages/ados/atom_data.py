"""Atoms of all snapshots: surroundings and share of the density of states, in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from surrogate_hpo.data.models import OTHER_KIND, read_state, write_state
from surrogate_hpo.descriptors.cell_components import components_at
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import DataError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SnapshotAtoms:
    """The atoms of one snapshot.

    Attributes
    ----------
    vectors
        What describes the surroundings of each, `[atom, component]`, dimensionless.
    dos
        Share of each in the density of states, `[atom, energy]`, 1/eV per cell.
    points
        Grid points that its LDOS has.
    """

    vectors: FloatArray
    dos: FloatArray
    points: int


@dataclass(frozen=True)
class AtomData:
    """The atoms of all snapshots of a run.

    Attributes
    ----------
    snapshots
        By name.
    definition
        The descriptor.
    elements
        Chemical symbols that occur, by atomic number.
    axis
        Energies and broadening.
    """

    snapshots: Mapping[str, SnapshotAtoms]
    definition: DescriptorDefinition
    elements: tuple[str, ...]
    axis: LdosAxis

    def named(self, split: str) -> dict[str, SnapshotAtoms]:
        """The snapshots of a split, by name."""
        return {n: one for n, one in self.snapshots.items() if n.startswith(f"{split}-")}


def elements_of(structures: Sequence[Atoms]) -> tuple[str, ...]:
    """Chemical symbols that occur, by atomic number."""
    symbols = {str(symbol) for atoms in structures for symbol in atoms.symbols}
    return tuple(sorted(symbols, key=atomic_numbers.__getitem__))


def atom_vectors(
    atoms: Atoms, definition: DescriptorDefinition, elements: Sequence[str], *, where: str
) -> FloatArray:
    """Describe the surroundings of each atom.

    SNAP at the atoms: an atom is no neighbour of itself, its images are, and the self term is
    kept. The density of the cell follows, if it is part of the definition. As this does not tell
    what the atom itself is, a 1 among zeros comes last where there are several elements.

    Parameters
    ----------
    atoms
        Periodic structure, Å.
    definition
        The descriptor.
    elements
        Chemical symbols of the training.
    where
        What to name in messages.

    Returns
    -------
    array [N, components]
        Dimensionless.

    Raises
    ------
    DataError
        If the structure holds another element.
    """
    if unknown := sorted(set(atoms.get_chemical_symbols()) - set(elements)):
        raise DataError(
            "the densities of states by atom know nothing of an element",
            where=where,
            expected=", ".join(elements),
            got=", ".join(unknown),
            remedy="train on snapshots that hold all elements",
        )
    symbols = atoms.get_chemical_symbols()
    cell = atoms.cell.array
    values = components_at(atoms.positions, definition, atoms.positions, cell, symbols)
    if len(elements) == 1:
        return values
    own = [[float(symbol == element) for element in elements] for symbol in symbols]
    return np.hstack([values, own])


def write_atom_data(path: Path, data: AtomData, provenance: Mapping[str, Any]) -> None:
    """Write the file atomically: tensors, numbers and strings only."""
    snapshots = {
        name: {
            "vectors": torch.from_numpy(one.vectors),
            "dos_per_ev": torch.from_numpy(one.dos),
            "grid_points": one.points,
        }
        for name, one in data.snapshots.items()
    }
    write_state(
        path,
        {
            "snapshots": snapshots,
            "descriptor": data.definition.as_document(),
            "elements": list(data.elements),
            "energy_ev": torch.from_numpy(data.axis.energy),
            "kernel": data.axis.kernel,
            "width_ev": data.axis.width,
            "provenance": dict(provenance),
        },
    )


def read_atom_data(path: Path) -> AtomData:
    """Read what `write_atom_data` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    AtomData
        All of it.

    Raises
    ------
    DataError
        If the file is missing, damaged, or another one.
    """
    state = read_state(path)
    try:
        return AtomData(
            snapshots={
                str(name): SnapshotAtoms(
                    one["vectors"].numpy(), one["dos_per_ev"].numpy(), int(one["grid_points"])
                )
                for name, one in state["snapshots"].items()
            },
            definition=DescriptorDefinition.from_document(state["descriptor"]),
            elements=tuple(map(str, state["elements"])),
            axis=LdosAxis(
                energy=np.asarray(state["energy_ev"].numpy(), np.float64),
                kernel=str(state["kernel"]),
                width=float(state["width_ev"]),
            ),
        )
    except OTHER_KIND as error:
        raise DataError(
            "the file is not one of densities of states by atom",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            remedy="delete it and run `snakemake ados` again",
        ) from error
