"""Ewald energy of point charges in a neutralising background."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.physics.guards import check_cell, check_float64
from surrogate_hpo.physics.lattice_sums.ion_pairs import ion_pairs
from surrogate_hpo.physics.lattice_sums.particle_mesh import Splitting, mesh_sum, splitting_of
from surrogate_hpo.physics.reciprocal import COULOMB_EV_ANGSTROM, reciprocal_cell

_REACH = 6.2
"""Both sums end where their Gaussian has fallen to exp(-_REACH²) = 2e-17."""
_CLOSEST_APPROACH = 0.1
"""Å; nuclei closer than this are a mistake in the structure."""
_CHUNK_PHASES = 2**21
MESH_FROM = 500
"""Ions from which on the sum over wave vectors is taken on a mesh."""


def ewald_energy(
    positions: Tensor,
    charges: Tensor,
    cell: Tensor,
    *,
    splitting: float | None = None,
    mesh: bool | None = None,
) -> Tensor:
    r"""Electrostatic energy of ions in a uniform background that neutralises them.

    .. math::
        \frac{E}{e^2/4\pi\epsilon_0} =
        \frac12 \sum_{ijR}{}^{'} q_i q_j \frac{\mathrm{erfc}(\alpha|r_{ij}+R|)}{|r_{ij}+R|}
        + \frac{2\pi}{V} \sum_{G\ne0} \frac{e^{-G^2/4\alpha^2}}{G^2}
          \Bigl|\sum_i q_i e^{iGr_i}\Bigr|^2
        - \frac{\alpha}{\sqrt\pi} \sum_i q_i^2
        - \frac{\pi}{2V\alpha^2} \Bigl(\sum_i q_i\Bigr)^2

    Both sums are carried to machine precision, so that the result does not depend on alpha. With
    the alpha that balances them the cost grows as N^1.5 with the number of ions, the memory as N
    (Perram, Petersen, de Leeuw, Mol. Phys. 65, 875 (1988)).

    From `MESH_FROM` ions on alpha depends on the density alone, and the second sum is taken on a
    mesh (:mod:`~surrogate_hpo.physics.lattice_sums.particle_mesh`): the cost grows as N, and the
    error is some 1e-8 eV per ion.
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
        alpha in 1/Å of the exact sum; by default the one that balances the cost of both sums.
    mesh
        Whether the second sum is taken on a mesh; by default from `MESH_FROM` ions on.

    Returns
    -------
    Tensor
        Energy in eV per cell, shape []; differentiable with respect to `positions` and `cell`.

    Raises
    ------
    DataError
        If an argument has the wrong shape or precision.
    PhysicsError
        If two ions coincide.
    """
    return sum(_parts(positions, charges, cell, splitting, mesh), start=positions.new_zeros(()))


def ewald_gradient(positions: Tensor, charges: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Differentiate the Ewald energy, some pairs and wave vectors at a time.

    Parameters
    ----------
    positions
        As for :func:`ewald_energy`.
    charges
        As for :func:`ewald_energy`.
    cell
        As for :func:`ewald_energy`.

    Returns
    -------
    tuple of Tensor
        Derivatives in eV/Å by the positions, shape [atoms, 3], at a fixed cell, and by the
        lattice vectors, shape [3, 3], at fixed positions.

    Raises
    ------
    DataError
        If an argument has the wrong shape or precision.
    PhysicsError
        If two ions coincide.
    """
    variables = [array.detach().requires_grad_() for array in (positions, cell)]
    by_position, by_vector = (torch.zeros_like(array) for array in variables)
    for part in _parts(variables[0], charges, variables[1]):
        # What all parts have in common, as the reciprocal vectors, is needed again.
        slopes = torch.autograd.grad(
            part, variables, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        by_position += slopes[0]
        by_vector += slopes[1]
    return by_position, by_vector


def _parts(
    positions: Tensor,
    charges: Tensor,
    cell: Tensor,
    alpha: float | None = None,
    mesh: bool | None = None,
) -> Iterator[Tensor]:
    """Terms of the energy in eV, each of them of bounded memory."""
    volume = check_cell(cell)
    _check_ions(positions, charges)
    atoms = positions.shape[0]
    if mesh is None:
        mesh = alpha is None and atoms >= MESH_FROM
    if mesh:
        splitting = splitting_of(charges, float(volume.detach()))
        sums: Iterator[Tensor] = iter([mesh_sum(positions, charges, cell, splitting)])
    else:
        if alpha is None:
            alpha = math.sqrt(math.pi) * (atoms / float(volume.detach()) ** 2) ** (1 / 6)
        splitting = Splitting(alpha, _REACH)
        sums = _reciprocal_parts(positions, charges, cell, splitting)
    for part in _real_space_parts(positions, charges, cell, splitting, once=mesh):
        yield COULOMB_EV_ANGSTROM * part
    for part in sums:
        yield COULOMB_EV_ANGSTROM * 2 * math.pi / volume * part
    alpha = splitting.alpha
    own = alpha / math.sqrt(math.pi) * (charges**2).sum()
    background = math.pi / (2 * volume * alpha**2) * charges.sum() ** 2
    yield -COULOMB_EV_ANGSTROM * (own + background)


def _check_ions(positions: Tensor, charges: Tensor) -> None:
    check_float64("positions", positions, 2)
    check_float64("charges", charges, 1)
    if positions.shape[1] != 3 or positions.shape[0] != charges.shape[0] or not len(charges):
        raise DataError(
            "positions and charges do not fit each other",
            expected="positions [atoms, 3] in Å and charges [atoms], at least one atom",
            got=f"{tuple(positions.shape)} and {tuple(charges.shape)}",
        )


def _real_space_parts(
    positions: Tensor, charges: Tensor, cell: Tensor, splitting: Splitting, *, once: bool
) -> Iterator[Tensor]:
    for first, second, shifts in ion_pairs(positions, cell, splitting.radius, once=once):
        vectors = positions[second] - positions[first] + shifts @ cell
        distance = torch.linalg.norm(vectors, dim=-1)
        _check_apart(distance.detach(), first, second)
        pair = torch.special.erfc(splitting.alpha * distance) / distance
        yield (charges[first] * charges[second] * pair).sum() / (1 if once else 2)


def _check_apart(distance: Tensor, first: Tensor, second: Tensor) -> None:
    closest = int(distance.argmin())
    if float(distance[closest]) < _CLOSEST_APPROACH:
        raise PhysicsError(
            "two ions coincide",
            where="atoms {} and {}".format(*sorted((int(first[closest]), int(second[closest])))),
            expected=f"a distance of at least {_CLOSEST_APPROACH:g} Å",
            got=f"{float(distance[closest]):g} Å",
        )


def _reciprocal_parts(
    positions: Tensor, charges: Tensor, cell: Tensor, splitting: Splitting
) -> Iterator[Tensor]:
    reciprocal = reciprocal_cell(cell)
    indices = _half_sphere(reciprocal.detach(), splitting.largest_wave)
    for chunk in torch.split(indices, max(1, _CHUNK_PHASES // len(charges))):
        vectors = chunk @ reciprocal
        squared = (vectors**2).sum(dim=-1)
        phases = vectors @ positions.transpose(0, 1)
        structure = (torch.cos(phases) @ charges) ** 2 + (torch.sin(phases) @ charges) ** 2
        yield 2 * (torch.exp(-squared / (4 * splitting.alpha**2)) / squared * structure).sum()


def _half_sphere(reciprocal: Tensor, radius: float) -> Tensor:
    """Indices of the lattice points up to the radius, of G and -G one, without G = 0."""
    ranges = [
        math.floor(radius * float(length) / (2 * math.pi))
        for length in torch.linalg.norm(2 * math.pi * torch.linalg.inv(reciprocal), dim=0)
    ]
    axes = [
        torch.arange(-n, n + 1, dtype=reciprocal.dtype, device=reciprocal.device) for n in ranges
    ]
    indices = torch.cartesian_prod(*axes)[math.prod(2 * n + 1 for n in ranges) // 2 + 1 :]
    return indices[((indices @ reciprocal) ** 2).sum(dim=-1) < radius**2]


@dataclass(frozen=True)
class Ions:
    """Ions of a cell, as far as their direct part of the free energy goes.

    Attributes
    ----------
    positions
        Positions in Å, shape [atoms, 3], float64.
    charges
        Valence charges, shape [atoms].
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    """

    positions: Tensor
    charges: Tensor
    cell: Tensor

    def ewald(self) -> tuple[Tensor, Tensor]:
        """Derivatives of the Ewald energy by the positions, eV/Å, and by the strain, eV."""
        by_position, by_vector = ewald_gradient(self.positions, self.charges, self.cell)
        return by_position, strained(self.positions, by_position, self.cell, by_vector)


def strained(positions: Tensor, by_position: Tensor, cell: Tensor, by_vector: Tensor) -> Tensor:
    r"""Derivative by the strain from those by the positions and by the lattice vectors.

    .. math::
        \frac{\mathrm{d}E}{\mathrm{d}\varepsilon_{ab}} =
        \sum_i R_{ia} \frac{\partial E}{\partial R_{ib}}
        + \sum_j h_{ja} \frac{\partial E}{\partial h_{jb}},
        \qquad \mathbf{R} \to \mathbf{R}(1 + \varepsilon), \quad h \to h(1 + \varepsilon)

    Parameters
    ----------
    positions
        R in Å, shape [atoms, 3].
    by_position
        Derivative at a fixed cell, eV/Å, shape [atoms, 3].
    cell
        Lattice vectors h in Å as rows, shape [3, 3].
    by_vector
        Derivative at fixed positions, eV/Å, shape [3, 3].

    Returns
    -------
    Tensor
        eV, shape [3, 3].
    """
    return positions.T @ by_position + cell.T @ by_vector
