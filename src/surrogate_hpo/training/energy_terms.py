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

from surrogate_hpo.data.descriptor_store import read_descriptors
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.descriptors.cell_components import components_at
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.networks.energies.energy_terms import EnergyTerms
from surrogate_hpo.networks.energies.snapshot_energy import EnergyTerm, StreamedTerm
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.scaling import AffineScaler
from surrogate_hpo.physics.coarse_grid import coarse_points, coarse_shape, sample_coarsely
from surrogate_hpo.physics.reciprocal import hartree_weights
from surrogate_hpo.stages.train.settings import TrainSettings
from surrogate_hpo.training.directions import NO_DIRECTIONS, Directions, directions_of
from surrogate_hpo.training.reference_derivatives import reference_derivatives
from surrogate_hpo.training.reference_snapshot import ReferenceSnapshot

logger = logging.getLogger(__name__)
FloatArray = NDArray[np.float64]
Grid = tuple[int, int, int]

_STEP_ANGSTROM = 1e-3


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

    def free_energy_errors(self, model: SurrogateModel) -> Tensor:
        """Integrate what a model predicts on the whole grids of the snapshots.

        Parameters
        ----------
        model
            Takes descriptors of this definition.

        Returns
        -------
        Tensor
            Shape (snapshots,): total free energy minus that of DFT, eV/atom; infinite where the
            predicted LDOS makes no sense.
        """
        errors = []
        for one, snapshot in zip(self.files, self.references(), strict=True):
            shape, result = snapshot.data.values.shape, snapshot.result
            descriptors = torch.from_numpy(read_descriptors(one.descriptors).values)
            points = descriptors.flatten(0, 2).to(model.precision)
            ldos = model.predict(points).reshape(shape)
            try:
                # The noise at the window's bottom is that of a prediction.
                terms = snapshot.integrals().energies(
                    ldos, result.electrons, bottom_tolerance=math.inf
                )
            except PhysicsError:
                errors.append(math.inf)
                continue
            error = float(terms.total_free_energy) - float(result.total_free_energy or 0.0)
            errors.append(error / len(snapshot.atoms))
        return torch.tensor(errors, dtype=torch.float64)

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
            generator = np.random.default_rng((self.seed, number))
            yield _term(snapshot, self, generator, with_forces=with_forces)
        if without and with_forces:
            logger.warning(
                "%d training snapshots have no forces and teach their energies only: %s",
                len(without),
                ", ".join(without[:5]),
            )


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


def _term(
    snapshot: ReferenceSnapshot,
    source: TrainingSnapshots,
    generator: np.random.Generator,
    *,
    with_forces: bool,
) -> StreamedTerm:
    atoms, result, data = snapshot.atoms, snapshot.result, snapshot.data
    scalers = source.scalers
    derivatives = reference_derivatives(snapshot)
    cotangent = derivatives.cotangent
    grid = data.values.shape[:3]
    coarse = coarse_shape(grid)
    # As many points stand for the whole cell: each of them for more of it.
    share = math.prod(grid) / math.prod(coarse)
    backward = scalers.outputs.backward
    band, density = (share * backward @ part for part in (cotangent.band, cotangent.electrons))
    field = torch.from_numpy(sample_coarsely(cotangent.field.numpy(), coarse).reshape(-1))
    reference = torch.from_numpy(sample_coarsely(data.values, coarse)).reshape(-1, len(data.energy))
    scaled = scalers.outputs.transform(reference)
    floor = derivatives.free_energy - float(result.total_free_energy or 0.0)
    target = float(scaled.sum(0) @ band + field @ (scaled @ density))
    points = coarse_points(coarse, data.cell)
    descriptors = source.at(points, atoms)
    directions = NO_DIRECTIONS
    if with_forces:
        directions = directions_of(snapshot, len(points), generator, strains=source.strains)
    term = EnergyTerm(
        inputs=scalers.inputs.transform(torch.from_numpy(descriptors)).float(),
        targets=scaled.float(),
        band=band.float(),
        density=density.float(),
        field=field.float(),
        repulsion=hartree_weights(coarse, torch.from_numpy(data.cell)).float(),
        grid=coarse,
        target=target - floor,
        atoms=len(atoms),
        tangents=torch.empty(0, len(points), scalers.inputs.features),
        slopes=torch.from_numpy(directions.slopes(snapshot, derivatives)).float(),
        volumes=torch.from_numpy(directions.volumes(atoms)).float(),
        floor=floor / len(atoms),
    )
    return StreamedTerm(term, _tangents(points, atoms, directions, source))


def _tangents(
    points: FloatArray, atoms: Atoms, directions: Directions, source: TrainingSnapshots
) -> Iterator[Tensor]:
    """Derivatives of the scaled descriptors along directions."""
    ends = (directions.moved(points, atoms, sign * _STEP_ANGSTROM) for sign in (1, -1))
    for forward, backward in zip(*ends, strict=True):
        change = torch.from_numpy(source.at(*forward) - source.at(*backward))
        yield (change / (2 * _STEP_ANGSTROM) @ source.scalers.inputs.forward).float()
