"""Exchange-correlation energy of a density on a grid, and the energy of its potential."""

from functools import partial

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.physics.guards import check_cell, check_float64
from surrogate_hpo.physics.reciprocal import gradient
from surrogate_hpo.physics.xc.functionals import (
    Functional,
    check_functional,
    gradient_energy,
    is_gradient_corrected,
    local_energy,
)
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV

# Quantum ESPRESSO's thresholds, in atomic units: below them it leaves the term out.
_SMALLEST_DENSITY = 1e-10
_SMALLEST_DENSITY_FOR_GRADIENT = 1e-6
_SMALLEST_SQUARED_GRADIENT = 1e-10
# Ultrasoft atoms with vacuum around them have 1 %.
_LARGEST_NEGATIVE_SHARE = 5e-2
# Grid points at a time: a functional and its derivatives hold some thirty numbers for each.
_CHUNK_POINTS = 2**16


def exchange_correlation(
    density: Tensor,
    cell: Tensor,
    functional: Functional,
    core_density: Tensor | None = None,
    *,
    density_cutoff: float | None = None,
    create_graph: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""Energy :math:`E_{xc}[n + n_{core}]` and :math:`\int v_{xc} n\,dr` with the valence density.

    .. math::
        E_{xc} = \Delta V \sum_r n_t\,\epsilon_{xc}(|n_t|, |\nabla n_t|^2), \qquad
        v_{xc}(r) = \frac{1}{\Delta V} \frac{\partial E_{xc}}{\partial n_t(r)}, \qquad
        n_t = n + n_{core}

    The potential is the exact derivative of the discretised energy (White, Bird, Phys. Rev. B 50,
    4954 (1994)), as Quantum ESPRESSO has it. It is not formed: its energy is the derivative of
    the energy along n, which is pointwise,

    .. math::
        \int v_{xc} n\,dr = \Delta V \sum_r \Bigl[\frac{\partial e}{\partial n_t} n +
        \operatorname{sgn}(n_t) \frac{\partial e}{\partial |\nabla n_t|^2}
        \,2\nabla n_t\cdot\nabla n\Bigr],
        \qquad e = n_t\,\epsilon_{xc},

    with derivatives by automatic differentiation. Where the pseudo-density is negative (between
    ultrasoft atoms, in vacuum) the sign makes it Quantum ESPRESSO's potential, not the exact
    derivative: its `xc_gcx` gives the sign of n_t to the energy and to nothing else, so
    that the second term is that of \|n_t\|. Quantum ESPRESSO's thresholds are kept: points
    below 1e-10 bohr⁻³ contribute nothing, and no gradient correction where the density is below
    1e-6 bohr⁻³ or its squared gradient below 1e-10 bohr⁻⁸.

    Parameters
    ----------
    density
        Valence electron density in 1/Å³, float64, shape [x, y, z].
    cell
        Lattice vectors in Å as rows, float64, shape [3, 3].
    functional
        "lda_pz", "lda_pw92", "pbe" or "pbesol".
    core_density
        Core density of the non-linear core correction in 1/Å³, shape [x, y, z], or None.
    density_cutoff
        Largest kinetic energy in eV of the wave vectors in the gradient; None takes all.
    create_graph
        Whether the results are to be differentiated, which takes three times the time.

    Returns
    -------
    tuple of Tensor
        Energy and potential energy in eV per cell, each of shape [].

    Raises
    ------
    ConfigError
        If the functional is unknown.
    DataError
        If an argument has the wrong shape or precision.
    PhysicsError
        If a noticeable part of the density is negative.
    """
    check_functional(functional)
    _check_densities(density, core_density)
    volume_element = check_cell(cell) / density.numel()
    total = density if core_density is None else density + core_density
    with torch.set_grad_enabled(create_graph):
        fields = [total, density]
        if is_gradient_corrected(functional):
            fields += _gradient_products(total, density, cell, density_cutoff)
        chunks = zip(
            *(torch.split(field.reshape(-1), _CHUNK_POINTS) for field in fields), strict=True
        )
        sums = [_chunk_sums(chunk, functional, create_graph=create_graph) for chunk in chunks]
        energy, potential_energy = (torch.stack(part).sum() for part in zip(*sums, strict=True))
    scale = HARTREE_EV * volume_element
    return scale * energy, scale * potential_energy


def _gradient_products(
    total: Tensor, valence: Tensor, cell: Tensor, density_cutoff: float | None
) -> list[Tensor]:
    """Squared gradient of the total density, and its product with that of the valence density."""
    squared = product = torch.zeros_like(total)
    if valence is total:
        for slope in gradient(total, cell, density_cutoff):
            squared = torch.addcmul(squared, slope, slope)
        return [squared, squared]
    along_valence = gradient(valence, cell, density_cutoff)
    for of_total in gradient(total, cell, density_cutoff):
        of_valence = next(along_valence)
        squared = torch.addcmul(squared, of_total, of_total)
        product = torch.addcmul(product, of_total, of_valence)
        # Else they would be there while the next ones are made.
        del of_total, of_valence
    return [squared, product]


def _chunk_sums(
    fields: tuple[Tensor, ...], functional: Functional, *, create_graph: bool
) -> tuple[Tensor, Tensor]:
    """Sums of one chunk; what its graph would hold is computed again when it is needed."""
    if not create_graph:
        return _sums(*fields, functional=functional, create_graph=False)
    found: tuple[Tensor, Tensor] = checkpoint(
        partial(_sums, functional=functional, create_graph=True), *fields, use_reentrant=False
    )
    return found


def _sums(
    total: Tensor,
    valence: Tensor,
    squared: Tensor | None = None,
    product: Tensor | None = None,
    *,
    functional: Functional,
    create_graph: bool,
) -> tuple[Tensor, Tensor]:
    """Sums of n_t eps_xc and of its derivative along the valence density, in hartree per Å³."""
    with torch.enable_grad():
        variables = [field for field in (total, squared) if field is not None]
        if not (create_graph and total.requires_grad):
            variables = [field.detach().requires_grad_() for field in variables]
        energy = (variables[0] * _energy_per_electron(*variables, functional=functional)).sum()
        slopes = torch.autograd.grad(energy, variables, create_graph=create_graph)
        along = (slopes[0] * valence).sum()
        if product is not None:
            # Quantum ESPRESSO's gradient term is that of |n|, also where n is negative.
            along = along + 2 * (slopes[1] * torch.sign(variables[0].detach()) * product).sum()
    return (energy, along) if create_graph else (energy.detach(), along.detach())


def _energy_per_electron(
    total: Tensor, squared_gradient: Tensor | None = None, *, functional: Functional
) -> Tensor:
    """Energy per electron in hartree; |n|, so that n times it has QE's sign where n < 0."""
    atomic = total.abs() * BOHR_ANGSTROM**3
    energy = torch.where(
        atomic > _SMALLEST_DENSITY,
        local_energy(atomic.clamp_min(_SMALLEST_DENSITY), functional),
        0.0,
    )
    if squared_gradient is None:
        return energy
    squared = squared_gradient * BOHR_ANGSTROM**8
    corrected = (atomic > _SMALLEST_DENSITY_FOR_GRADIENT) & (squared > _SMALLEST_SQUARED_GRADIENT)
    correction = gradient_energy(
        atomic.clamp_min(_SMALLEST_DENSITY_FOR_GRADIENT), squared, functional
    )
    return energy + torch.where(corrected, correction, 0.0)


def _check_densities(density: Tensor, core_density: Tensor | None) -> None:
    check_float64("density", density, 3)
    if core_density is not None:
        check_float64("core_density", core_density, 3)
        if core_density.shape != density.shape:
            raise DataError(
                "the core density lies on another grid than the density",
                expected=str(tuple(density.shape)),
                got=str(tuple(core_density.shape)),
            )
    values = density.detach()
    negative, positive = -float(values.clamp_max(0).sum()), float(values.clamp_min(0).sum())
    if not negative <= _LARGEST_NEGATIVE_SHARE * positive:
        raise PhysicsError(
            "the density is negative",
            expected=f"a negative part of at most {_LARGEST_NEGATIVE_SHARE:g} of the positive one",
            got=f"{negative:g} against {positive:g} (sums over the grid, 1/Å³)",
            remedy="check the LDOS: its sign, its unit, its energy axis, the model that made it",
        )
