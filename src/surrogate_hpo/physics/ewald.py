"""Ewald energy of point charges in a neutralising background."""

import math

import torch
from torch import Tensor

from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.physics.guards import check_cell, check_float64
from surrogate_hpo.physics.hartree import COULOMB_EV_ANGSTROM
from surrogate_hpo.physics.reciprocal import reciprocal_cell

_REACH = 6.2
"""Both sums end where their Gaussian has fallen to exp(-_REACH²) = 2e-17."""
_CLOSEST_APPROACH = 0.1
"""Å; nuclei closer than this are a mistake in the structure."""


def ewald_energy(
    positions: Tensor, charges: Tensor, cell: Tensor, *, splitting: float | None = None
) -> Tensor:
    r"""Electrostatic energy of ions in a uniform background that neutralises them.

    .. math::
        \frac{E}{e^2/4\pi\epsilon_0} =
        \frac12 \sum_{ijR}{}^{'} q_i q_j \frac{\mathrm{erfc}(\alpha|r_{ij}+R|)}{|r_{ij}+R|}
        + \frac{2\pi}{V} \sum_{G\ne0} \frac{e^{-G^2/4\alpha^2}}{G^2}
          \Bigl|\sum_i q_i e^{iGr_i}\Bigr|^2
        - \frac{\alpha}{\sqrt\pi} \sum_i q_i^2
        - \frac{\pi}{2V\alpha^2} \Bigl(\sum_i q_i\Bigr)^2

    Both sums are carried to machine precision, so that the result does not depend on alpha.
    Source: Ewald, Ann. Phys. 369, 253 (1921), with the background term of de Leeuw, Perram,
    Smith, Proc. R. Soc. A 373, 27 (1980).

    Parameters
    ----------
    positions
        Cartesian positions in Å, inside the cell or not, float64, shape [atoms, 3].
    charges
        Charges of the ions in units of e (valence electrons of their pseudopotentials), [atoms].
    cell
        Lattice vectors in Å as rows, float64, shape [3, 3].
    splitting
        alpha in 1/Å; by default the one that balances the cost of both sums.

    Returns
    -------
    Tensor
        Energy in eV per cell, shape []; differentiable with respect to `positions`.

    Raises
    ------
    DataError
        If an argument has the wrong shape or precision.
    PhysicsError
        If two ions coincide.
    """
    volume = check_cell(cell)
    _check_ions(positions, charges)
    atoms = positions.shape[0]
    if splitting is None:
        splitting = math.sqrt(math.pi) * (atoms / float(volume.detach()) ** 2) ** (1 / 6)
    energy = _real_space_sum(positions, charges, cell, splitting)
    energy = energy + _reciprocal_sum(positions, charges, cell, splitting) * 2 * math.pi / volume
    energy = energy - splitting / math.sqrt(math.pi) * (charges**2).sum()
    energy = energy - math.pi / (2 * volume * splitting**2) * charges.sum() ** 2
    return COULOMB_EV_ANGSTROM * energy


def _check_ions(positions: Tensor, charges: Tensor) -> None:
    check_float64("positions", positions, 2)
    check_float64("charges", charges, 1)
    if positions.shape[1] != 3 or positions.shape[0] != charges.shape[0] or not len(charges):
        raise DataError(
            "positions and charges do not fit each other",
            expected="positions [atoms, 3] in Å and charges [atoms], at least one atom",
            got=f"{tuple(positions.shape)} and {tuple(charges.shape)}",
        )


def _lattice_points(vectors: Tensor, radius: float) -> Tensor:
    """Lattice points that can lie within radius of any point of the parallelepiped around 0."""
    plane_spacings = 1 / torch.linalg.norm(torch.linalg.inv(vectors), dim=0)
    ranges = [math.ceil(radius / float(spacing) + 0.5) for spacing in plane_spacings]
    axes = [torch.arange(-n, n + 1, dtype=vectors.dtype, device=vectors.device) for n in ranges]
    return torch.cartesian_prod(*axes)


def _real_space_sum(positions: Tensor, charges: Tensor, cell: Tensor, splitting: float) -> Tensor:
    radius = _REACH / splitting
    inverse = torch.linalg.inv(cell.detach())
    images = _lattice_points(cell.detach(), radius)
    energy = positions.new_zeros(())
    for i in range(positions.shape[0]):
        # Only pairs up to i; a pair counts twice, an ion with its own images once.
        difference = positions[: i + 1] - positions[i]
        wrap = torch.round(difference.detach() @ inverse)
        shifts = images[None, :, :] - wrap[:, None, :]
        reach = (difference.detach()[:, None, :] + shifts @ cell.detach()).square().sum(dim=-1)
        close = reach < radius**2
        close[i] &= shifts[i].abs().sum(dim=-1) > 0
        _check_apart(reach, close, i)
        partner, image = torch.nonzero(close, as_tuple=True)
        distance = torch.linalg.norm(difference[partner] + shifts[partner, image] @ cell, dim=-1)
        pair = torch.special.erfc(splitting * distance) / distance * charges[partner]
        multiplicity = torch.where(partner == i, 0.5, 1.0)
        energy = energy + charges[i] * (multiplicity * pair).sum()
    return energy


def _check_apart(squared_distances: Tensor, close: Tensor, i: int) -> None:
    closest = torch.where(close, squared_distances, torch.inf).min(dim=1).values
    partner = int(closest.argmin())
    if float(closest[partner]) < _CLOSEST_APPROACH**2:
        raise PhysicsError(
            "two ions coincide",
            where=f"atoms {partner} and {i}",
            expected=f"a distance of at least {_CLOSEST_APPROACH:g} Å",
            got=f"{math.sqrt(float(closest[partner])):g} Å",
        )


def _reciprocal_sum(positions: Tensor, charges: Tensor, cell: Tensor, splitting: float) -> Tensor:
    radius = 2 * _REACH * splitting
    reciprocal = reciprocal_cell(cell)
    vectors = _lattice_points(reciprocal.detach(), radius) @ reciprocal
    squared = (vectors**2).sum(dim=-1)
    kept = (squared.detach() < radius**2) & (squared.detach() > (1e-9 * splitting) ** 2)
    vectors, squared = vectors[kept], squared[kept]
    phases = vectors @ positions.transpose(0, 1)
    structure = (torch.cos(phases) @ charges) ** 2 + (torch.sin(phases) @ charges) ** 2
    return (torch.exp(-squared / (4 * splitting**2)) / squared * structure).sum()
