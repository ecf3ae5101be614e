"""Exchange-correlation energy per electron, unpolarised, in Hartree atomic units.

The parameters are those of Quantum ESPRESSO (its functionals `pz`, `pw`, `pbe`, `pbesol`).
"""

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from surrogate_hpo.errors import ConfigError

Functional = Literal["lda_pz", "lda_pw92", "pbe", "pbesol"]

_KAPPA = 0.804
_GAMMA = (1 - math.log(2)) / math.pi**2
_MU_BETA = {
    "pbe": (0.2195149727645171, 0.06672455060314922),
    "pbesol": (10 / 81, 0.046),
}


def check_functional(functional: str) -> None:
    """Refuse a functional that is not one of :data:`Functional`."""
    if functional not in get_args(Functional):
        raise ConfigError(
            f"unknown exchange-correlation functional {functional!r}",
            expected=", ".join(get_args(Functional)),
            remedy="choose the functional of the DFT run",
        )


def is_gradient_corrected(functional: Functional) -> bool:
    """Whether the functional depends on the gradient of the density."""
    return functional in _MU_BETA


def local_energy(density: Tensor, functional: Functional) -> Tensor:
    r"""Local part of the energy per electron: exchange and correlation of the uniform gas.

    .. math::
        \epsilon_x = -\frac34 \left(\frac{3n}{\pi}\right)^{1/3}

    and the correlation of Perdew and Zunger, Phys. Rev. B 23, 5048 (1981), appendix C, table XII
    (`lda_pz`), or of Perdew and Wang, Phys. Rev. B 45, 13244 (1992), eq. 10, table I (the others).

    Parameters
    ----------
    density
        Positive density in 1/bohr³, any shape.
    functional
        Name of the functional.

    Returns
    -------
    Tensor
        Energy per electron in hartree, of the shape of `density`.
    """
    exchange = -0.75 * (3 / math.pi * density) ** (1 / 3)
    radius = _wigner_seitz_radius(density)
    if functional == "lda_pz":
        return exchange + _perdew_zunger_correlation(radius)
    return exchange + _perdew_wang_correlation(radius)


def gradient_energy(density: Tensor, squared_gradient: Tensor, functional: Functional) -> Tensor:
    r"""Gradient correction to the energy per electron.

    .. math::
        \epsilon_x (F_x - 1) + H, \qquad F_x = 1 + \kappa - \frac{\kappa}{1 + \mu s^2/\kappa},
        \qquad H = \gamma \ln\left[1 + \frac\beta\gamma t^2
                   \frac{1 + A t^2}{1 + A t^2 + A^2 t^4}\right]

    Sources: Perdew, Burke, Ernzerhof, Phys. Rev. Lett. 77, 3865 (1996), eqs. 7, 8, 14 (`pbe`);
    Perdew et al., Phys. Rev. Lett. 100, 136406 (2008) for mu and beta of `pbesol`.

    Parameters
    ----------
    density
        Positive density in 1/bohr³, any shape.
    squared_gradient
        Squared gradient of the density in 1/bohr⁸, of the same shape.
    functional
        "pbe" or "pbesol".

    Returns
    -------
    Tensor
        Energy per electron in hartree, of the shape of `density`.
    """
    mu, beta = _MU_BETA[functional]
    fermi_wave_vector = (3 * math.pi**2 * density) ** (1 / 3)
    s_squared = squared_gradient / (2 * fermi_wave_vector * density) ** 2
    # Thomas-Fermi screening wave vector: k_s² = 4 k_F / pi, so t² = |grad n|² / (2 k_s n)².
    t_squared = squared_gradient * math.pi / (16 * fermi_wave_vector * density**2)
    exchange = -0.75 * (3 / math.pi * density) ** (1 / 3)
    enhancement = _KAPPA - _KAPPA / (1 + mu * s_squared / _KAPPA)
    correlation = _perdew_wang_correlation(_wigner_seitz_radius(density))
    a_t = beta / _GAMMA / torch.expm1(-correlation / _GAMMA) * t_squared
    ratio = (1 + a_t) / (1 + a_t + a_t**2)
    return exchange * enhancement + _GAMMA * torch.log1p(beta / _GAMMA * t_squared * ratio)


def _wigner_seitz_radius(density: Tensor) -> Tensor:
    radius: Tensor = (3 / (4 * math.pi * density)) ** (1 / 3)
    return radius


def _perdew_zunger_correlation(radius: Tensor) -> Tensor:
    logarithm = torch.log(radius)
    dense = 0.0311 * logarithm - 0.048 + 0.0020 * radius * logarithm - 0.0116 * radius
    dilute = -0.1423 / (1 + 1.0529 * torch.sqrt(radius) + 0.3334 * radius)
    return torch.where(radius < 1, dense, dilute)


def _perdew_wang_correlation(radius: Tensor) -> Tensor:
    root = torch.sqrt(radius)
    denominator = root * (7.5957 + root * (3.5876 + root * (1.6382 + root * 0.49294)))
    prefactor = 2 * 0.031091
    return -prefactor * (1 + 0.21370 * radius) * torch.log1p(1 / (prefactor * denominator))
