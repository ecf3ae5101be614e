"""Free energies and forces of the training snapshots, in the form that a training takes."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.descriptors.cell_components import components_at
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.networks.energies.energy_terms import EnergyTerms
from surrogate_hpo.networks.energies.snapshot_energy import StreamedTerm
from surrogate_hpo.networks.scaling import AffineScaler
from surrogate_hpo.physics.coarse_grid import coarse_points, sample_coarsely
from surrogate_hpo.stages.train.settings import TrainSettings
from surrogate_hpo.training.directions import NO_DIRECTIONS, Directions, directions_of
from surrogate_hpo.training.ldos_derivatives import reference_derivatives
from surrogate_hpo.training.reference_snapshot import ReferenceSnapshot
from surrogate_hpo.training.snapshot_term import descriptor_changes, snapshot_term

logger = logging.getLogger(__name__)
FloatArray = NDArray[np.float64]
Grid = tuple[int, int, int]


@dataclass(frozen=True)
class Scalers:
    """Scalings of descriptors and LDOS that the network is trained with."""

    inputs: AffineScaler
    outputs: AffineScaler


class SnapshotFiles(NamedTuple):
    """Structure, DFT result, and stores of the LDOS and of the descriptors of one snapshot."""

    structure: Path
    dft: Path
    ldos: Path
    descriptors: Path


@dataclass(frozen=True)
class TrainingSnapshots:
    """Where the free energies and forces of the training snapshots come from.

    Attributes
    ----------
    files
        Of each training snapshot.
    pseudopotentials
        UPF files.
    definition
        The descriptor.
    scalers
        Scalings of the training data.
    seed
        Decides the directions where there are too many to keep all.
    threads
        CPU threads.
    strains
        Along how many strains the stress of DFT is learnt where forces are: none, those that keep
        the volume, or all.
    """

    files: Sequence[SnapshotFiles]
    pseudopotentials: Sequence[Path]
    definition: DescriptorDefinition
    scalers: Scalers
    seed: int
    threads: int
    strains: int = 0

    def without_energy(self) -> list[Path]:
        """DFT results that do not tell the total free energy."""
        found = [one.dft for one in self.files]
        return [dft for dft in found if read_dft_result(dft).total_free_energy is None]

    def at(self, points: FloatArray, atoms: Atoms) -> FloatArray:
        """Descriptors of some points, not scaled."""
        symbols, where = atoms.get_chemical_symbols(), (atoms.positions, atoms.cell[:])
        return components_at(points, self.definition, *where, symbols, threads=self.threads)

    def references(self) -> Iterator[ReferenceSnapshot]:
        """Read one snapshot after the other."""
        potentials = {p.element: p for p in map(read_upf, self.pseudopotentials)}
        for one in self.files:
            known = read_structure(one.structure), read_dft_result(one.dft), read_ldos(one.ldos)
            yield ReferenceSnapshot(*known, potentials)

    def terms(self, *, with_forces: bool) -> Iterator[StreamedTerm]:
        """Compute one term after the other.

        Parameters
        ----------
        with_forces
            Whether to differentiate the descriptors, where forces are known.

        Yields
        ------
        StreamedTerm
            One per training snapshot.

        Raises
        ------
        DataError
            If a DFT result lacks the total free energy, or a cell's LDOS makes no sense.
        """
        without = []
        for number, snapshot in enumerate(self.references()):
            one = self.files[number]
            if snapshot.result.total_free_energy is None:
                raise _no_energy(one.dft)
            if snapshot.result.forces is None:
                without.append(one.structure.stem)
            reference = sample_coarsely(snapshot.data.values, snapshot.coarse_grid)
            scaled = self.scalers.outputs.transform(torch.from_numpy(reference).flatten(0, 2))
            directions = self.directions(number, snapshot) if with_forces else NO_DIRECTIONS
            inputs, tangents = self.computed(snapshot, directions)
            derivatives, outputs = reference_derivatives(snapshot), self.scalers.outputs
            term = snapshot_term(snapshot, derivatives, outputs, inputs, scaled, directions)
            yield StreamedTerm(term, tangents)
        if without and with_forces:
            logger.warning(
                "%d training snapshots have no forces and teach their energies only: %s",
                len(without),
                ", ".join(without[:5]),
            )

    def directions(self, number: int, snapshot: ReferenceSnapshot) -> Directions:
        """Along which the derivatives of a snapshot are known, always the same."""
        generator = np.random.default_rng((self.seed, number))
        points = math.prod(snapshot.coarse_grid)
        return directions_of(snapshot, points, generator, strains=self.strains)

    def computed(
        self, snapshot: ReferenceSnapshot, directions: Directions
    ) -> tuple[Tensor, Iterator[Tensor]]:
        """Scaled descriptors on the coarse grid, and their derivatives, when they are asked for."""
        scaler = self.scalers.inputs
        points = coarse_points(snapshot.coarse_grid, snapshot.data.cell)
        descriptors = torch.from_numpy(self.at(points, snapshot.atoms))
        changes = descriptor_changes(points, snapshot.atoms, directions, self.at)
        tangents = ((change @ scaler.forward).float() for change in changes)
        return scaler.transform(descriptors).float(), tangents


def read_energy_terms(snapshots: TrainingSnapshots, settings: TrainSettings) -> EnergyTerms:
    """Compute the terms of all training snapshots.

    Parameters
    ----------
    snapshots
        Their files.
    settings
        Weights of energies and forces.

    Returns
    -------
    EnergyTerms
        One term per training snapshot.

    Raises
    ------
    DataError
        If a DFT result lacks the total free energy, or a cell's LDOS makes no sense.
    """
    streamed = snapshots.terms(with_forces=settings.force_weight > 0)
    terms = [one.joined() for one in streamed]
    weights = settings.energy_weight, settings.force_weight, settings.density_weight
    return EnergyTerms(terms, *weights)


def _no_energy(dft: Path) -> DataError:
    return DataError(
        "a training snapshot has no total free energy to train on",
        where=str(dft),
        expected="total_free_energy_ev",
        got="null",
        remedy="set train.energy_weight, train.force_weight and train.density_weight to 0",
    )
