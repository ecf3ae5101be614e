"""Whether the entries of a surrogate file can be what they are called, before they are used."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, get_args

import numpy as np
import torch
from ase.data import atomic_numbers

from surrogate_hpo.data.models import OTHER_KIND
from surrogate_hpo.data.surrogate_contents import Ion, Surrogate
from surrogate_hpo.dft.ldos_axis import KernelName
from surrogate_hpo.networks.error_bar import SpreadBar
from surrogate_hpo.networks.scaling import AffineScaler
from surrogate_hpo.physics.xc.functionals import Functional

_LARGEST_TWOJMAX = 30
"""Far beyond what anybody uses; the number of components grows with its cube."""


def misfits(surrogate: Surrogate) -> list[str]:
    """Name the entries of a surrogate that are of another kind or do not fit the others.

    Parameters
    ----------
    surrogate
        As read from a file that anybody may have written.

    Returns
    -------
    list of str
        Entries of the file; empty if a prediction can be made.
    """
    return [entry for entry, fits in _ENTRIES.items() if not _holds(fits, surrogate)]


def _holds(fits: Callable[[Surrogate], object], surrogate: Surrogate) -> bool:
    try:
        return bool(fits(surrogate))
    except OTHER_KIND:
        return False


def _descriptor(surrogate: Surrogate) -> bool:
    definition = surrogate.definition
    weights, radii = definition.element_weights, definition.element_radii
    return (
        _positive(definition.cutoff_radius)
        and 0 <= definition.twojmax <= _LARGEST_TWOJMAX
        and {*weights, *radii} <= set(atomic_numbers)
        and all(map(isfinite, weights.values()))
        and all(map(_positive, radii.values()))
    )


def _models(surrogate: Surrogate) -> bool:
    inputs, outputs = surrogate.definition.components, surrogate.energy.size
    return len(surrogate.models) > 0 and all(
        _scaler(model.input_scaler, inputs) and _scaler(model.output_scaler, outputs)
        for model in surrogate.models
    )


def _scaler(scaler: AffineScaler, features: int) -> bool:
    square = (features, features)
    return (
        scaler.offset.shape == (features,)
        and scaler.forward.shape == scaler.backward.shape == square
    )


def _energy(surrogate: Surrogate) -> bool:
    energy = surrogate.energy
    steps = np.diff(energy)
    return (
        energy.dtype == np.float64
        and energy.ndim == 1
        and energy.size > 1
        and bool(np.all(steps > 0))
        and np.allclose(steps, steps[0], rtol=1e-6)
    )


def _ions(surrogate: Surrogate) -> bool:
    return len(surrogate.ions) > 0 and all(
        symbol in atomic_numbers and _ion(ion) for symbol, ion in surrogate.ions.items()
    )


def _ion(ion: Ion) -> bool:
    arrays = (ion.radial_grid, ion.radial_weights, ion.core_density)
    lengths = {len(array) for array in arrays}
    return (
        _positive(ion.charge)
        and isinstance(ion.core_correction, bool)
        and len(lengths) == 1
        and (lengths != {0} or not ion.core_correction)
        and all(a.ndim == 1 and a.dtype == np.float64 and np.isfinite(a).all() for a in arrays)
    )


def _grids(surrogate: Surrogate) -> bool:
    grids = surrogate.origin.grids
    return len(grids) > 0 and all(
        known.cell.shape == (3, 3)
        and abs(np.linalg.det(known.cell)) > 0
        and all(isinstance(points, int) and points > 0 for points in known.grid)
        for known in grids
    )


def _range(surrogate: Surrogate) -> bool:
    known = surrogate.known
    tensors = (known.minimum, known.maximum, known.deviation)
    shape = (surrogate.definition.components,)
    return (
        all(t.shape == shape and bool(torch.isfinite(t).all()) for t in tensors)
        and bool((known.minimum <= known.maximum).all())
        and bool((known.deviation > 0).all())
    )


def _error_bar(surrogate: Surrogate) -> bool:
    bar = surrogate.error_bar
    return bar is None or _calibrated(bar, bar.left_out_snapshots, bar.validation_snapshots)


def _force_error_bar(surrogate: Surrogate) -> bool:
    bar = surrogate.force_error_bar
    return bar is None or _calibrated(bar, bar.validation_snapshots)


def _calibrated(bar: SpreadBar, *counts: int) -> bool:
    numbers = (bar.spread_factor, bar.constant)
    return all(isinstance(n, float) and isfinite(n) and n >= 0 for n in numbers) and all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in counts
    )


def _positive(value: Any) -> bool:  # noqa: ANN401 (what a file holds)
    return isinstance(value, int | float) and isfinite(value) and value > 0


_ENTRIES: Mapping[str, Callable[[Surrogate], object]] = {
    "descriptor": _descriptor,
    "models": lambda s: _descriptor(s) and _models(s),
    "descriptor_range": lambda s: _descriptor(s) and _range(s),
    "energy_ev": _energy,
    "kernel": lambda s: s.kernel in get_args(KernelName),
    "width_ev": lambda s: _positive(s.width),
    "ions": _ions,
    "functional": lambda s: s.origin.functional in get_args(Functional),
    "density_cutoff_ev": lambda s: _positive(s.origin.density_cutoff),
    "electronic_temperature_kelvin": lambda s: _positive(s.origin.electronic_temperature),
    "training_cells_angstrom, training_grids": _grids,
    "error_bar": _error_bar,
    "force_error_bar": _force_error_bar,
    "training_snapshots": lambda s: isinstance(s.origin.snapshots, int) and s.origin.snapshots > 0,
    "description": lambda s: isinstance(s.description, str),
    "provenance": lambda s: isinstance(s.provenance, dict),
}
