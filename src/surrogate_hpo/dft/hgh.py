"""Analytic pseudopotentials of Hartwigsen, Goedecker and Hutter on a radial grid.

The published tables are in Hartree atomic units, and so is everything here: the
only consumer is the pseudopotential file, which wants atomic units as well.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, gamma

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class HghChannel:
    """One angular momentum of the nonlocal part.

    Attributes
    ----------
    angular_momentum
        l of the channel.
    radius
        r_l of the table, in bohr.
    strengths
        The published diagonal h_11, h_22, h_33 (as many as differ from zero), in hartree.
    off_diagonal
        h_12, h_13, h_23 (as many as there are) of tables that give them, in hartree; the
        multiples of the diagonal of eqs. 17-25 if left out.
    """

    angular_momentum: int
    radius: float
    strengths: tuple[float, ...]
    off_diagonal: tuple[float, ...] | None = None


@dataclass(frozen=True)
class HghParameters:
    """A row of the published table.

    Attributes
    ----------
    element
        Chemical symbol.
    z_valence
        Number of valence electrons.
    local_radius
        r_loc, in bohr.
    local_coefficients
        C_1 ... C_4, trailing zeros left out, in hartree.
    channels
        The nonlocal channels, by ascending angular momentum.
    """

    element: str
    z_valence: int
    local_radius: float
    local_coefficients: tuple[float, ...]
    channels: tuple[HghChannel, ...]


ALUMINIUM_LDA = HghParameters(
    element="Al",
    z_valence=3,
    local_radius=0.45,
    local_coefficients=(-8.49135116,),
    channels=(
        HghChannel(angular_momentum=0, radius=0.46010427, strengths=(5.08833953, 2.67969975)),
        HghChannel(angular_momentum=1, radius=0.53674439, strengths=(2.19343827,)),
    ),
)

MAGNESIUM_LDA = HghParameters(
    element="Mg",
    z_valence=2,
    local_radius=0.65181169,
    local_coefficients=(-2.86429746,),
    channels=(
        HghChannel(angular_momentum=0, radius=0.55647814, strengths=(2.97095712, 1.32994091)),
        HghChannel(angular_momentum=1, radius=0.67756881, strengths=(1.04988101,)),
    ),
)

# One valence electron: its 1s electrons are in the core.
LITHIUM_LDA = HghParameters(
    element="Li",
    z_valence=1,
    local_radius=0.78755305,
    local_coefficients=(-1.89261247, 0.28605968),
    channels=(
        HghChannel(angular_momentum=0, radius=0.66637518, strengths=(1.85881111,)),
        HghChannel(angular_momentum=1, radius=1.07930561, strengths=(-0.00589504,)),
    ),
)

SILICON_LDA = HghParameters(
    element="Si",
    z_valence=4,
    local_radius=0.44,
    local_coefficients=(-7.33610297,),
    channels=(
        HghChannel(angular_momentum=0, radius=0.42273813, strengths=(5.90692831, 3.25819622)),
        HghChannel(angular_momentum=1, radius=0.48427842, strengths=(2.72701346,)),
    ),
)

# Off-diagonal elements as multiples of a diagonal one, eqs. 17-25 of the paper:
# h_12 = a * h_22, h_13 = b * h_33, h_23 = c * h_33, one row (a, b, c) per l.
_OFF_DIAGONAL = {
    0: (-0.5 * np.sqrt(3 / 5), 0.5 * np.sqrt(5 / 21), -0.5 * np.sqrt(100 / 63)),
    1: (-0.5 * np.sqrt(5 / 7), np.sqrt(35 / 11) / 6, -14 / (6 * np.sqrt(11))),
    2: (-0.5 * np.sqrt(7 / 9), 0.5 * np.sqrt(63 / 143), -9 / np.sqrt(143)),
}


@dataclass(frozen=True)
class RadialPotential:
    """A norm-conserving pseudopotential tabulated on a uniform radial grid.

    Attributes
    ----------
    element
        Chemical symbol.
    z_valence
        Number of valence electrons.
    radius
        Radial grid r, shape (n,), in bohr.
    local
        Local part V_loc(r), shape (n,), in hartree.
    angular_momenta
        l of each projector, length p.
    projectors
        r times the radial projector p(r), shape (p, n), in bohr^(-1/2).
    coupling
        D_ij between projectors, shape (p, p), in hartree.
    atomic_density
        4 pi r^2 n(r) of a Gaussian start density, shape (n,), in 1/bohr.
    """

    element: str
    z_valence: int
    radius: FloatArray
    local: FloatArray
    angular_momenta: tuple[int, ...]
    projectors: FloatArray
    coupling: FloatArray
    atomic_density: FloatArray


def local_potential(parameters: HghParameters, radius: FloatArray) -> FloatArray:
    """Evaluate the local part.

    V_loc(r) = -Z/r erf(r / (sqrt(2) r_loc)) + exp(-x^2/2) (C_1 + C_2 x^2 + C_3 x^4 + C_4 x^6)
    with x = r / r_loc; eq. 1 of Hartwigsen, Goedecker and Hutter, Phys. Rev. B 58, 3641 (1998).

    Parameters
    ----------
    parameters
        Row of the published table.
    radius
        Radii, any shape, in bohr; zero is allowed.

    Returns
    -------
    numpy.ndarray
        V_loc in hartree, shape of `radius`.
    """
    x = radius / parameters.local_radius
    z = parameters.z_valence
    at_origin = np.full_like(radius, -z * np.sqrt(2 / np.pi) / parameters.local_radius)
    coulomb = np.divide(-z * erf(x / np.sqrt(2)), radius, out=at_origin, where=radius > 1e-8)
    polynomial = np.polynomial.polynomial.polyval(x**2, parameters.local_coefficients)
    return np.asarray(coulomb + np.exp(-(x**2) / 2) * polynomial)


def projector(channel: HghChannel, index: int, radius: FloatArray) -> FloatArray:
    """Evaluate a radial projector, normalised to the integral of r^2 p(r)^2 = 1.

    p_i(r) = sqrt(2) r^(l+2(i-1)) exp(-r^2/(2 r_l^2)) / (r_l^a sqrt(Gamma(a))), a = l + (4i-1)/2;
    eq. 3 of Hartwigsen, Goedecker and Hutter, Phys. Rev. B 58, 3641 (1998).

    Parameters
    ----------
    channel
        Angular momentum and radius.
    index
        i = 1, 2 or 3.
    radius
        Radii, any shape, in bohr.

    Returns
    -------
    numpy.ndarray
        p(r) in bohr^(-3/2), shape of `radius`.
    """
    order = channel.angular_momentum + (4 * index - 1) / 2
    power = channel.angular_momentum + 2 * (index - 1)
    norm = np.sqrt(2 / gamma(order)) / channel.radius**order
    return np.asarray(norm * radius**power * np.exp(-0.5 * (radius / channel.radius) ** 2))


def channel_coupling(channel: HghChannel) -> FloatArray:
    """Fill the coupling matrix of a channel, from its diagonal alone where a table stops there.

    Parameters
    ----------
    channel
        The channel.

    Returns
    -------
    numpy.ndarray
        Symmetric matrix h_ij in hartree, shape (m, m) for m published strengths.
    """
    h = np.diag(channel.strengths).astype(np.float64)
    pairs = [(i, j) for i, j in ((0, 1), (0, 2), (1, 2)) if j < len(h)]
    values = channel.off_diagonal
    if values is None and pairs:
        factors = _OFF_DIAGONAL[channel.angular_momentum]
        values = tuple(f * h[j, j] for f, (_, j) in zip(factors, pairs, strict=False))
    for (i, j), value in zip(pairs, values or (), strict=True):
        h[i, j] = h[j, i] = value
    return h


def radial_potential(
    parameters: HghParameters, *, outer_radius: float = 12.0, points: int = 1201
) -> RadialPotential:
    """Tabulate a potential on a uniform grid from the origin.

    Parameters
    ----------
    parameters
        Row of the published table.
    outer_radius
        End of the grid in bohr; the local part is -Z/r there.
    points
        Number of grid points; odd, for Simpson integration.

    Returns
    -------
    RadialPotential
        All radial functions of the pseudopotential file.
    """
    radius = np.linspace(0.0, outer_radius, points)
    labels = [(c, i) for c in parameters.channels for i in range(1, len(c.strengths) + 1)]
    coupling = np.zeros((len(labels), len(labels)))
    start = 0
    for channel in parameters.channels:
        block = channel_coupling(channel)
        stop = start + len(block)
        coupling[start:stop, start:stop] = block
        start = stop
    # The start density only speeds up the first iteration; a Gaussian of 1/sqrt(2*1.2) bohr.
    exponent = 1.2
    gaussian = (exponent / np.pi) ** 1.5 * np.exp(-exponent * radius**2)
    return RadialPotential(
        element=parameters.element,
        z_valence=parameters.z_valence,
        radius=radius,
        local=local_potential(parameters, radius),
        angular_momenta=tuple(channel.angular_momentum for channel, _ in labels),
        projectors=np.array([radius * projector(c, i, radius) for c, i in labels]),
        coupling=coupling,
        atomic_density=parameters.z_valence * 4 * np.pi * radius**2 * gaussian,
    )
