"""Free energies and forces of the training snapshots, in the form that a training takes."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from surrogate_hpo.config.train import TrainSettings
from surrogate_hpo.descriptors.bispectrum import Bispectrum
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.elements import atom_parameters
from surrogate_hpo.dft.kernels import kernel_variance
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.io.dft_results import read_dft_result
from surrogate_hpo.io.ldos_store import LdosData, read_ldos
from surrogate_hpo.io.structures import read_structure
from surrogate_hpo.io.upf import Pseudopotential, read_upf
from surrogate_hpo.networks.energy_terms import EnergyTerm, EnergyTerms
from surrogate_hpo.networks.options import LARGEST_NUMBER_OF_DIRECTIONS
from surrogate_hpo.networks.scaling import AffineScaler
from surrogate_hpo.physics.coarse_grid import coarse_points, coarse_shape, sample_coarsely
from surrogate_hpo.physics.core_density import core_density_of_all
from surrogate_hpo.physics.exchange_correlation import exchange_correlation
from surrogate_hpo.physics.free_energy_gradient import (
    LdosCotangent,
    electron_slope,
    ion_gradient,
    ldos_cotangent,
)
from surrogate_hpo.physics.functionals import Functional
from surrogate_hpo.physics.hartree import hartree_weights
from surrogate_hpo.physics.ldos_integrals import density_from_ldos
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.total_energy import energy_terms_from_ldos

logger = logging.getLogger(__name__)
FloatArray = NDArray[np.float64]
Grid = tuple[int, int, int]

_DISPLACEMENT_ANGSTROM = 1e-3


@dataclass(frozen=True)
class Scalers:
    """Scalings of descriptors and LDOS that the network is trained with."""

    inputs: AffineScaler
    outputs: AffineScaler


@dataclass(frozen=True)
class _Snapshot:
    """What is known of a training snapshot."""

    atoms: Atoms
    result: DftResult
    data: LdosData
    potentials: Mapping[str, Pseudopotential]


@dataclass(frozen=True)
class _Derivatives:
    """Free energy of the reference LDOS, its derivative by the LDOS, and the direct part by R."""

    free_energy: float
    cotangent: LdosCotangent
    ions: FloatArray


def read_energy_terms(
    files: Sequence[tuple[Path, Path, Path]],
    pseudopotentials: Sequence[Path],
    definition: DescriptorDefinition,
    scalers: Scalers,
    *,
    settings: TrainSettings,
    seed: int,
    threads: int,
) -> EnergyTerms:
    """Compute the terms of all training snapshots.

    Parameters
    ----------
    files
        Structure, DFT result and LDOS store of each training snapshot.
    pseudopotentials
        UPF files.
    definition
        The descriptor.
    scalers
        Scalings of the training data.
    settings
        Weights of energies and forces.
    seed
        Decides the directions where there are too many to keep all.
    threads
        CPU threads.

    Returns
    -------
    EnergyTerms
        One term per training snapshot.

    Raises
    ------
    DataError
        If a DFT result lacks the total free energy, or a cell's LDOS makes no sense.
    """
    potentials = {p.element: p for p in map(read_upf, pseudopotentials)}
    terms, without = [], []
    for number, (structure, dft, ldos) in enumerate(files):
        snapshot = _Snapshot(
            read_structure(structure), read_dft_result(dft), read_ldos(ldos), potentials
        )
        if snapshot.result.total_free_energy is None:
            raise DataError(
                "a training snapshot has no total free energy to train on",
                where=str(dft),
                expected="total_free_energy_ev",
                got="null",
                remedy="set train.energy_weight and train.force_weight to 0",
            )
        if snapshot.result.forces is None:
            without.append(structure.stem)
        generator = np.random.default_rng((seed, number))
        with_forces = settings.force_weight > 0
        terms.append(_term(snapshot, definition, scalers, generator, threads, with_forces))
    if without and settings.force_weight:
        logger.warning(
            "%d training snapshots have no forces and teach their energies only: %s",
            len(without),
            ", ".join(without[:5]),
        )
    return EnergyTerms(terms, settings.energy_weight, settings.force_weight)


def _term(
    snapshot: _Snapshot,
    definition: DescriptorDefinition,
    scalers: Scalers,
    generator: np.random.Generator,
    threads: int,
    with_forces: bool,
) -> EnergyTerm:
    atoms, result, data = snapshot.atoms, snapshot.result, snapshot.data
    derivatives = _derivatives(snapshot)
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
    known = float(result.total_free_energy or 0.0)
    target = float(scaled.sum(0) @ band + field @ (scaled @ density))
    points = coarse_points(coarse, data.cell)
    descriptors = _at_points(points, atoms, definition, threads)
    tangents, slopes = torch.empty(0, len(points), scalers.inputs.features), torch.empty(0)
    if with_forces and result.forces is not None:
        tangents, slopes = _directions(
            points, snapshot, definition, scalers, derivatives.ions, generator, threads
        )
    return EnergyTerm(
        inputs=scalers.inputs.transform(torch.from_numpy(descriptors)).float(),
        targets=scaled.float(),
        band=band.float(),
        density=density.float(),
        field=field.float(),
        repulsion=hartree_weights(coarse, torch.from_numpy(data.cell)).float(),
        grid=coarse,
        target=target - (derivatives.free_energy - known),
        atoms=len(atoms),
        tangents=tangents.float(),
        slopes=slopes.float(),
    )


def _at_points(
    points: FloatArray, atoms: Atoms, definition: DescriptorDefinition, threads: int
) -> FloatArray:
    weights, radii = atom_parameters(
        atoms.get_chemical_symbols(), definition.element_weights, definition.element_radii
    )
    evaluate = Bispectrum(
        atoms.positions,
        atoms.cell[:],
        cutoff_radius=definition.cutoff_radius,
        twojmax=definition.twojmax,
        weights=weights,
        radii=radii,
    )
    return np.asarray(evaluate(points, threads=threads))


def _directions(
    points: FloatArray,
    snapshot: _Snapshot,
    definition: DescriptorDefinition,
    scalers: Scalers,
    ions: FloatArray,
    generator: np.random.Generator,
    threads: int,
) -> tuple[Tensor, Tensor]:
    """Derivatives of the scaled descriptors along displacements, and those of the energy."""
    atoms, forces = snapshot.atoms, snapshot.result.forces
    assert forces is not None  # noqa: S101 - asked before
    size = 3 * len(atoms)
    basis = np.eye(size)
    if size > LARGEST_NUMBER_OF_DIRECTIONS:
        drawn = generator.standard_normal((size, LARGEST_NUMBER_OF_DIRECTIONS))
        basis = np.linalg.qr(drawn)[0].T
    tangents = torch.empty(len(basis), len(points), scalers.inputs.features)
    for number, direction in enumerate(basis):
        step = _DISPLACEMENT_ANGSTROM * direction.reshape(-1, 3)
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions += sign * step
            ends.append(_at_points(points, moved, definition, threads))
        change = (ends[0] - ends[1]) / (2 * _DISPLACEMENT_ANGSTROM)
        tangents[number] = torch.from_numpy(change) @ scalers.inputs.forward
    wanted = basis @ (-forces - ions).reshape(-1)
    return tangents, torch.from_numpy(wanted)


def _derivatives(snapshot: _Snapshot) -> _Derivatives:
    """Integrate the reference LDOS and differentiate its free energy."""
    atoms, result, data = snapshot.atoms, snapshot.result, snapshot.data
    functional = cast(Functional, result.functional)
    variance = kernel_variance(data.kernel, data.width)
    cell, energy = torch.from_numpy(data.cell), torch.from_numpy(data.energy)
    ldos = torch.from_numpy(data.values)
    positions = torch.from_numpy(atoms.positions.copy()).requires_grad_()
    symbols = atoms.get_chemical_symbols()
    charges = torch.tensor(
        [snapshot.potentials[symbol].z_valence for symbol in symbols], dtype=torch.float64
    )
    core = core_density_of_all(
        snapshot.potentials, symbols, positions, data.values.shape[:3], cell, result.density_cutoff
    )
    core_at_rest = None if core is None else core.detach()
    temperature, cutoff = result.electronic_temperature, result.density_cutoff
    terms = energy_terms_from_ldos(
        ldos,
        energy,
        cell=cell,
        positions=positions.detach(),
        charges=charges,
        electrons=result.electrons,
        temperature=temperature,
        functional=functional,
        broadening_variance=variance,
        density_cutoff=cutoff,
        core_density=core_at_rest,
    )
    mu = terms.fermi_energy.detach()
    weights = occupation_weights(energy, mu, temperature, "electrons", broadening_variance=variance)
    slope = electron_slope(energy, mu, temperature, broadening_variance=variance)
    density = density_from_ldos(ldos, weights)
    cotangent = ldos_cotangent(
        density,
        density_from_ldos(ldos, slope),
        energy,
        fermi_energy=mu,
        temperature=temperature,
        cell=cell,
        functional=functional,
        broadening_variance=variance,
        density_cutoff=cutoff,
        core_density=core_at_rest,
    )
    core_energy = None
    if core is not None:
        exchange, potential = exchange_correlation(
            density, cell, functional, core, density_cutoff=cutoff, create_graph=True
        )
        core_energy = exchange - potential
    ions = ion_gradient(positions, charges, cell, core_energy=core_energy)
    return _Derivatives(float(terms.total_free_energy.detach()), cotangent, ions.numpy())
