"""Weights and radii of the elements: what tells the atoms of a compound apart."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from surrogate_hpo.errors import ConfigError

DEFAULT_RADIUS = 0.5


def element_parameters(
    elements: Iterable[str],
    element_weights: Mapping[str, float],
    element_radii: Mapping[str, float],
) -> tuple[dict[str, float], dict[str, float]]:
    """Complete the weight w and the radius factor of every element.

    Parameters
    ----------
    elements
        Symbols of the elements that occur.
    element_weights
        LAMMPS' wj, dimensionless. May be empty with one element, whose weight then is 1.
    element_radii
        LAMMPS' radelem, dimensionless; 0.5 where absent. An atom is seen up to
        R_i = 2 · radius · cutoff_radius.

    Returns
    -------
    dict, dict
        Weight and radius per element: of those that occur and of those that were given.

    Raises
    ------
    ConfigError
        If several elements have no weights, an element lacks its own, a symbol is no
        element's, or a number has no meaning.
    """
    present = set(elements)
    for name, given in (("element_weights", element_weights), ("element_radii", element_radii)):
        for symbol in given:
            check_symbol(symbol, where=f"{name}.{symbol}")
    if not element_weights and len(present) > 1:
        raise ConfigError(
            "Several elements and no weights: equal weights would make them indistinguishable.",
            where="element_weights",
            expected=f"a weight for each of {', '.join(sorted(present))}",
            got="none",
            remedy=f"give weights that differ, e.g. atomic numbers over the largest: "
            f"{{{_suggestion(present)}}}; equal ones must be given explicitly",
        )
    weights = dict(element_weights) or dict.fromkeys(present, 1.0)
    missing = sorted(present - set(weights))
    if missing:
        raise ConfigError(
            "An element has no weight.",
            where="element_weights",
            expected=f"a weight for each of {', '.join(sorted(present))}",
            got=f"none for {', '.join(missing)}",
            remedy="give all elements of all snapshots a weight, or none if there is one element",
        )
    names = sorted(set(weights) | set(element_radii))
    radii = {symbol: float(element_radii.get(symbol, DEFAULT_RADIUS)) for symbol in names}
    _check_numbers(weights, radii)
    return {symbol: float(weights[symbol]) for symbol in sorted(weights)}, radii


def atom_parameters(
    symbols: Sequence[str],
    element_weights: Mapping[str, float],
    element_radii: Mapping[str, float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Look up weight and radius factor of each atom, for :func:`.bispectrum.bispectrum`.

    Parameters
    ----------
    symbols
        Chemical symbol of each atom, [N].
    element_weights
        As for :func:`element_parameters`.
    element_radii
        As for :func:`element_parameters`.

    Returns
    -------
    array [N], array [N]
        `weights` and `radii`, dimensionless.

    Raises
    ------
    ConfigError
        As :func:`element_parameters`.
    """
    weights, radii = element_parameters(symbols, element_weights, element_radii)
    return np.array([weights[s] for s in symbols]), np.array([radii[s] for s in symbols])


def check_symbol(symbol: str, *, where: str) -> None:
    """Raise ConfigError unless `symbol` is that of an element."""
    if symbol in atomic_numbers and symbol != "X":
        return
    known = [name for name in atomic_numbers if name != "X"]
    # Wrong case is the usual slip: `AL` is nearer to aluminium than to silver.
    near = [symbol.capitalize()] if symbol.capitalize() in known else []
    near = near or difflib.get_close_matches(symbol.capitalize(), known, n=1)
    raise ConfigError(
        "There is no such element.",
        where=where,
        expected="a chemical symbol" + (f"; did you mean `{near[0]}`?" if near else ""),
        got=symbol,
    )


def _suggestion(elements: set[str]) -> str:
    numbers = {symbol: atomic_numbers[symbol] for symbol in sorted(elements)}
    heaviest = max(numbers.values())
    return ", ".join(f"{symbol}: {number / heaviest:.3g}" for symbol, number in numbers.items())


def _check_numbers(weights: Mapping[str, float], radii: Mapping[str, float]) -> None:
    for symbol, weight in weights.items():
        if not np.isfinite(weight):
            raise ConfigError(
                "A weight is not a finite number.",
                where=f"element_weights.{symbol}",
                expected="a finite number; 0 makes the element invisible",
                got=str(weight),
            )
    for symbol, radius in radii.items():
        if not (np.isfinite(radius) and radius > 0):
            raise ConfigError(
                "A radius is not positive.",
                where=f"element_radii.{symbol}",
                expected="a finite factor above 0; 0.5 makes the cutoff that of cutoff_radius",
                got=str(radius),
            )
