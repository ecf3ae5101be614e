"""How the total free energy changes with the LDOS and the density."""

from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.reciprocal import hartree_energy
from surrogate_hpo.physics.xc.exchange_correlation import exchange_correlation
from surrogate_hpo.physics.xc.functionals import Functional
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN


@dataclass(frozen=True)
class LdosCotangent:
    r"""Derivative of the total free energy by the LDOS: of rank two at each point.

    .. math::
        \frac{\partial A}{\partial d_k(r)} = \Delta V\,
            [\,a_k + (v(r) - \bar v)\, w_{N,k}\,]

    Attributes
    ----------
    band
        :math:`\Delta V a_k` in eV²·Å³, shape [E]: what band energy, entropy and the
        number of electrons see.
    electrons
        :math:`\Delta V w_{N,k}` in eV·Å³, shape [E].
    field
        :math:`v(r) - \bar v` in eV, shape [x, y, z]: what the density's energies see.
    """

    band: Tensor
    electrons: Tensor
    field: Tensor

    def rows(self, start: int, stop: int) -> Tensor:
        """Derivative at some points of the flattened grid, shape [points, E], in eV²·Å³.

        Parameters
        ----------
        start
            First point.
        stop
            The point after the last.

        Returns
        -------
        Tensor
            float64, C order of the grid's axes.
        """
        field = self.field.reshape(-1)[start:stop]
        return self.band + field[:, None] * self.electrons


@dataclass(frozen=True)
class DensitySlopes:
    """Derivatives of -E_H + E_xc - ∫v_xc n, which the density alone decides.

    Attributes
    ----------
    density
        By the density at each point, eV·Å³, [x, y, z].
    core
        By the core density at each point, eV·Å³, [x, y, z]; None without one.
    vectors
        By the lattice vectors, with the densities at the points as they are, eV/Å, [3, 3].
    """

    density: Tensor
    core: Tensor | None
    vectors: Tensor


def density_slopes(
    density: Tensor,
    cell: Tensor,
    functional: Functional,
    *,
    core_density: Tensor | None = None,
    density_cutoff: float | None = None,
) -> DensitySlopes:
    """Differentiate the energies of the density, one after the other to save memory.

    Parameters
    ----------
    density
        Density n in 1/Å³, shape [x, y, z], float64.
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    functional
        "lda_pz", "lda_pw92", "pbe" or "pbesol".
    core_density
        Core density in 1/Å³, shape [x, y, z], or None.
    density_cutoff
        As in :func:`~surrogate_hpo.physics.total_energy.density_terms`.

    Returns
    -------
    DensitySlopes
        The derivatives.
    """
    varied, vectors = (array.detach().requires_grad_() for array in (density, cell))
    hartree = hartree_energy(varied, vectors, density_cutoff=density_cutoff)
    of_hartree = torch.autograd.grad(hartree, (varied, vectors))
    core = [] if core_density is None else [core_density.detach().requires_grad_()]
    exchange, potential = exchange_correlation(
        varied, vectors, functional, *core, density_cutoff=density_cutoff, create_graph=True
    )
    slope, by_vector, *by_core = torch.autograd.grad(exchange - potential, (varied, vectors, *core))
    return DensitySlopes(
        slope - of_hartree[0], by_core[0] if by_core else None, by_vector - of_hartree[1]
    )


def cotangent_from_slope(
    slope: Tensor,
    density_slope: Tensor,
    energy: Tensor,
    *,
    fermi_energy: Tensor,
    temperature: float,
    volume_element: float,
    broadening_variance: float | None = None,
) -> LdosCotangent:
    r"""Differentiate the total free energy at a fixed number of electrons by the LDOS.

    .. math::
        a = w_E + w_S - \mu w_N, \qquad
        v = \frac{\delta(-E_H + E_{xc} - \int v_{xc} n)}{\delta n}, \qquad
        \bar v = \frac{\sum_r v\, n'}{\sum_r n'}

    :math:`\bar v` is what the Fermi energy gives back: more states below it lower it, and with it
    the density everywhere. The weights' own derivative by mu drops out of band energy and
    entropy, because :math:`\partial(w_E + w_S)/\partial\mu = \mu\,\partial w_N/\partial\mu`.

    Parameters
    ----------
    slope
        The density's part of :func:`density_slopes`, eV·Å³, [x, y, z].
    density_slope
        n' = dn/dmu in 1/(eV Å³), shape [x, y, z].
    energy
        Uniform energy axis in eV, shape [E].
    fermi_energy
        mu in eV, shape [].
    temperature
        Electronic temperature in K.
    volume_element
        Volume of a grid point in Å³.
    broadening_variance
        As in :func:`~surrogate_hpo.physics.quadrature.occupation_weights`.

    Returns
    -------
    LdosCotangent
        The derivative in factors.
    """
    band, entropy, electrons = (
        occupation_weights(
            energy, fermi_energy, temperature, quantity, broadening_variance=broadening_variance
        ).detach()
        for quantity in ("band_energy", "entropy", "electrons")
    )
    free = band - BOLTZMANN_EV_PER_KELVIN * temperature * entropy - fermi_energy * electrons
    potential = slope / volume_element
    mean = (potential * density_slope).sum() / density_slope.sum()
    return LdosCotangent(volume_element * free, volume_element * electrons, potential - mean)
