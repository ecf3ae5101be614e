"""One training snapshot in the form that a training takes, linear near a known LDOS."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from surrogate_hpo.networks.energies.snapshot_energy import EnergyTerm
from surrogate_hpo.networks.scaling import AffineScaler
from surrogate_hpo.physics.coarse_grid import sample_coarsely
from surrogate_hpo.physics.reciprocal import hartree_weights
from surrogate_hpo.training.directions import Directions
from surrogate_hpo.training.ldos_derivatives import LdosDerivatives
from surrogate_hpo.training.reference_snapshot import ReferenceSnapshot

FloatArray = NDArray[np.float64]
DescriptorsAt = Callable[[FloatArray, Atoms], FloatArray]
"""Descriptors of points near atoms, not scaled."""

_STEP_ANGSTROM = 1e-3


def snapshot_term(
    snapshot: ReferenceSnapshot,
    derivatives: LdosDerivatives,
    outputs: AffineScaler,
    inputs: Tensor,
    scaled: Tensor,
    directions: Directions,
) -> EnergyTerm:
    """Free energy and forces of DFT, linear near an LDOS.

    Parameters
    ----------
    snapshot
        Structure and DFT run.
    derivatives
        At the LDOS.
    outputs
        Scaling of the LDOS.
    inputs
        Shape (points, components): scaled descriptors on the coarse grid.
    scaled
        Shape (points, energies): the LDOS there, scaled, float64.
    directions
        Along which the forces are known.

    Returns
    -------
    EnergyTerm
        Without tangents; its floor is the free energy of the LDOS minus that of DFT.
    """
    coarse = snapshot.coarse_grid
    # As many points stand for the whole cell: each of them for more of it.
    share = math.prod(snapshot.grid) / math.prod(coarse)
    cotangent = derivatives.cotangent
    band, density = (
        share * outputs.backward @ part for part in (cotangent.band, cotangent.electrons)
    )
    field = torch.from_numpy(sample_coarsely(cotangent.field.numpy(), coarse).reshape(-1))
    floor = derivatives.free_energy - float(snapshot.result.total_free_energy or 0.0)
    target = float(scaled.sum(0) @ band + field @ (scaled @ density)) - floor
    atoms = snapshot.atoms
    return EnergyTerm(
        inputs=inputs,
        targets=scaled.float(),
        band=band.float(),
        density=density.float(),
        field=field.float(),
        repulsion=hartree_weights(coarse, torch.from_numpy(snapshot.data.cell)).float(),
        grid=coarse,
        target=target,
        atoms=len(atoms),
        tangents=torch.empty(0, *inputs.shape),
        slopes=torch.from_numpy(directions.slopes(snapshot, derivatives)).float(),
        volumes=torch.from_numpy(directions.volumes(atoms)).float(),
        floor=floor / len(atoms),
    )


def descriptor_changes(
    points: FloatArray, atoms: Atoms, directions: Directions, descriptors_at: DescriptorsAt
) -> Iterator[Tensor]:
    """Derivatives of the descriptors along each direction, by central differences.

    Parameters
    ----------
    points
        Shape (points, 3), Å.
    atoms
        The structure.
    directions
        Of atoms, cell and points.
    descriptors_at
        Descriptors of points.

    Yields
    ------
    Tensor
        Shape (points, components), 1/Å, float64, not scaled.
    """
    ends = (directions.moved(points, atoms, sign * _STEP_ANGSTROM) for sign in (1, -1))
    for forward, backward in zip(*ends, strict=True):
        change = torch.from_numpy(descriptors_at(*forward) - descriptors_at(*backward))
        yield change / (2 * _STEP_ANGSTROM)
