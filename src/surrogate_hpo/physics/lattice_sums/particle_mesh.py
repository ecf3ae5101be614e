"""The reciprocal part of Ewald's sum on a mesh, at a cost that grows as the number of ions."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from surrogate_hpo.physics.lattice_sums.spreading import Kernel, spread
from surrogate_hpo.physics.reciprocal import (
    COULOMB_EV_ANGSTROM,
    half_multiplicity,
    reciprocal_cell,
)

TOLERANCE = 1e-8
"""eV per ion: bound of what each of both sums leaves out."""
_SPLITTING = 1.4
"""alpha in units of the cube root of the density: pairs and mesh take equal time there."""
_SUPPORT = 10
_OVERSAMPLING = 1.5
_KERNEL = Kernel(_SUPPORT, math.pi * _SUPPORT * (1 - 0.5 / _OVERSAMPLING))


@dataclass(frozen=True)
class Splitting:
    """How the sum is divided between pairs and a mesh.

    Attributes
    ----------
    alpha
        1/Å.
    reach
        s: the pairs end at s/alpha, the wave vectors at 2 s alpha.
    """

    alpha: float
    reach: float

    @property
    def radius(self) -> float:
        """Largest distance of a pair, Å."""
        return self.reach / self.alpha

    @property
    def largest_wave(self) -> float:
        """Length of the largest wave vector, 1/Å."""
        return 2 * self.reach * self.alpha

    def mesh(self, cell: Tensor) -> tuple[int, int, int]:
        """Number of mesh points along each lattice vector."""
        lengths = torch.linalg.norm(cell.detach(), dim=1).tolist()
        least = [self.largest_wave * length / math.pi * _OVERSAMPLING for length in lengths]
        x, y, z = (next_fast_len(max(_SUPPORT, math.ceil(n)), real=True) for n in least)
        return x, y, z


def splitting_of(charges: Tensor, volume: float) -> Splitting:
    r"""Choose where both sums end from a bound of what they leave out.

    Beyond s/alpha the other ions are about uniform, and beyond 2 s alpha the structure factor is
    on average that of independent ions:

    .. math::
        |\Delta E_{real}| \le \frac{e^2}{4\pi\epsilon_0} \frac{\sqrt\pi}{V\alpha^2 s}
            \Bigl(\sum_i |q_i|\Bigr)^2 e^{-s^2}, \qquad
        |\Delta E_{reciprocal}| \le \frac{e^2}{4\pi\epsilon_0} \frac{\alpha}{\pi s}
            \sum_i q_i^2 \, e^{-s^2}

    Parameters
    ----------
    charges
        In units of e, shape [atoms].
    volume
        Å³.

    Returns
    -------
    Splitting
        With s so large that neither exceeds `TOLERANCE` per ion.
    """
    alpha = _SPLITTING * (len(charges) / volume) ** (1 / 3)
    real = math.sqrt(math.pi) * float(charges.abs().sum()) ** 2 / (volume * alpha**2)
    waves = alpha / math.pi * float((charges**2).sum())
    largest = COULOMB_EV_ANGSTROM * max(real, waves) / len(charges)
    # At s >= 1, dividing by s only makes them smaller.
    return Splitting(alpha, math.sqrt(max(1.0, math.log(largest / TOLERANCE))))


def mesh_sum(positions: Tensor, charges: Tensor, cell: Tensor, splitting: Splitting) -> Tensor:
    r"""Sum over the wave vectors, with structure factors from a non-uniform FFT.

    .. math::
        \sum_{0<|G|<2s\alpha} \frac{e^{-G^2/4\alpha^2}}{G^2} |S(G)|^2, \qquad
        S(G) = \sum_i q_i e^{-iGR_i}

    As smooth particle-mesh Ewald (Essmann et al., J. Chem. Phys. 103, 8577 (1995)), with the
    kernel of :mod:`~surrogate_hpo.physics.lattice_sums.spreading` in the place of B-splines
    (Lindbo, Tornberg, J. Comput. Phys. 230, 8744 (2011)). With 10 points of support and a mesh 1.5
    times as fine as the largest wave vector asks for, a structure factor there, where its weight
    is e^{-s²}, is right to 1e-8, and those of half its length to 1e-11.

    Parameters
    ----------
    positions
        Å, shape [atoms, 3].
    charges
        In units of e, shape [atoms].
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    splitting
        alpha and s.

    Returns
    -------
    Tensor
        Å², shape []; differentiable, once, with respect to `positions` and `cell`.
    """
    fractions = positions @ torch.linalg.inv(cell)
    mesh = spread(fractions, splitting.mesh(cell), _KERNEL, charges=charges)
    found: Tensor = _WeightedPower.apply(  # type: ignore[no-untyped-call]
        mesh, reciprocal_cell(cell), splitting
    )
    return found


class _WeightedPower(torch.autograd.Function):
    """The sum from the charges on the mesh; plane by plane, so that few arrays are in memory."""

    @staticmethod
    def forward(ctx: Any, mesh: Tensor, reciprocal: Tensor, splitting: Splitting) -> Tensor:  # noqa: ANN401
        total, *slopes = _weighted_power(mesh, reciprocal, splitting, any(ctx.needs_input_grad))
        ctx.save_for_backward(*slopes)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        by_mesh, by_vector = ctx.saved_tensors
        return slope * by_mesh, slope * by_vector, None


def _weighted_power(
    mesh: Tensor, reciprocal: Tensor, splitting: Splitting, differentiate: bool
) -> tuple[Tensor, ...]:
    """Sum of weights times |S|², and its derivatives by the mesh and the reciprocal vectors."""
    counts = mesh.shape
    amplitudes = torch.fft.rfftn(mesh)
    waves = [torch.fft.fftfreq(n, 1 / n, dtype=mesh.dtype, device=mesh.device) for n in counts]
    waves[2] = torch.arange(counts[2] // 2 + 1, dtype=mesh.dtype, device=mesh.device)
    # |S|² is the mesh's power divided by the square of the kernel's transform.
    x, y, z = (_KERNEL.transform(k / n) ** -2 for k, n in zip(waves, counts, strict=True))
    z = half_multiplicity(counts[2], z) * z
    total, by_vector = mesh.new_zeros(()), torch.zeros_like(reciprocal)
    for plane, (k, own) in enumerate(zip(waves[0], x, strict=True)):
        indices = torch.stack(torch.meshgrid(k[None], *waves[1:], indexing="ij"), dim=-1)[0]
        vectors = indices @ reciprocal
        squared = (vectors**2).sum(dim=-1)
        inside = (squared > 0) & (squared < splitting.largest_wave**2)
        factors = own * (y[:, None] * z)
        weights = torch.where(
            inside, factors * torch.exp(squared / (-4 * splitting.alpha**2)) / squared, 0.0
        )
        amplitude = amplitudes[plane]
        terms = weights * (amplitude.real**2 + amplitude.imag**2)
        total += terms.sum()
        if differentiate:
            # d ln(weight)/d(G²), and G = indices @ reciprocal.
            rate = torch.where(inside, -1 / (4 * splitting.alpha**2) - 1 / squared, 0.0)
            by_vector += 2 * torch.einsum("yz,yzi,yzj->ij", terms * rate, indices, vectors)
            amplitude *= weights / half_multiplicity(counts[2], z)
    if not differentiate:
        return (total,)
    by_mesh = torch.fft.irfftn(amplitudes, s=counts) * (2 * mesh.numel())
    return total, by_mesh, by_vector
