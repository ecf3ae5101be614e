"""From the LDOS to the density of states (over space) and the density (over energy)."""

import math

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.guards import Array, array_like, is_tensor, namespace

_CHUNK_VALUES = 2**24
"""LDOS values converted to float64 at a time, so that a large float32 LDOS is not doubled."""


def dos_from_ldos(ldos: Array, volume_element: Array | float) -> Array:
    r"""Density of states :math:`D(\epsilon) = \sum_r d(\epsilon, r)\,\Delta V`.

    Parameters
    ----------
    ldos
        LDOS in 1/(eV Å³), energy last, shape [..., E], any floating-point precision.
    volume_element
        Volume of a grid point in Å³: that of the cell over the number of grid points.

    Returns
    -------
    Tensor or ndarray
        DOS in 1/eV, shape [E], summed in float64.

    Raises
    ------
    DataError
        If the LDOS is not an array of finite floating-point numbers, or the volume not positive.
    """
    _check_ldos(ldos)
    xp = namespace(ldos)
    # Of a tensor without its gradient.
    volume = volume_element if isinstance(volume_element, int | float) else volume_element.item()
    if not volume > 0:
        raise DataError(
            "the volume of a grid point is not positive",
            expected="volume_element > 0 Å³",
            got=f"{volume:g} Å³",
        )
    rows = ldos.reshape(-1, ldos.shape[-1])
    dos: Array = xp.sum(rows, axis=0, dtype=xp.float64) * volume_element
    if not bool(xp.isfinite(dos).all()):
        raise DataError("the LDOS holds values that are not finite", expected="finite numbers")
    return dos


def density_from_ldos(ldos: Array, weights: Array) -> Array:
    r"""Density :math:`n(r) = \int f(\epsilon) d(\epsilon, r)\,d\epsilon = \sum_i w_i d_i(r)`.

    With the weights "electrons" of
    :func:`~surrogate_hpo.physics.quadrature.occupation_weights` at the Fermi energy of the same
    LDOS, the density integrates to the number of electrons by construction: both sums are the
    same numbers in another order. It is therefore not rescaled.

    Parameters
    ----------
    ldos
        LDOS in 1/(eV Å³), energy last, shape [..., E], any floating-point precision.
    weights
        Quadrature weights in eV, float64, shape [E].

    Returns
    -------
    Tensor or ndarray
        Density in 1/Å³, float64, shape [...].

    Raises
    ------
    DataError
        If the shapes disagree, or the LDOS is not of a floating-point type.
    """
    _check_ldos(ldos)
    if weights.shape != ldos.shape[-1:]:
        raise DataError(
            "the quadrature weights and the LDOS do not fit each other",
            expected=f"{ldos.shape[-1]} weights, one per energy (the last axis)",
            got=f"shape {tuple(weights.shape)}",
        )
    points = ldos.reshape(-1, ldos.shape[-1])
    xp = namespace(ldos)
    split = xp.tensor_split if is_tensor(ldos) else xp.array_split
    chunks = split(points, math.ceil(math.prod(points.shape) / _CHUNK_VALUES))
    density: Array = xp.concat([array_like(chunk, weights) @ weights for chunk in chunks])
    return density.reshape(ldos.shape[:-1])


def _check_ldos(ldos: Array) -> None:
    if ldos.ndim < 2 or math.prod(ldos.shape) == 0 or "float" not in str(ldos.dtype):
        raise DataError(
            "the LDOS is not an array of floating-point numbers over space and energy",
            expected="shape [..., E] with at least one axis of space, in 1/(eV Å³)",
            got=f"shape {tuple(ldos.shape)}, {ldos.dtype}",
        )
