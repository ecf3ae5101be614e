"""Errors of the forces and of the stress of held-out snapshots."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.networks.error_bar import ForceErrorBar
from surrogate_hpo.physics.accuracy import deviation
from surrogate_hpo.predict.snapshot_forces import SnapshotForces
from surrogate_hpo.units import GIGAPASCAL_PER_EV_PER_CUBIC_ANGSTROM

FloatArray = NDArray[np.float64]
Errors = dict[str, Any]
_MEV_PER_EV = 1000.0
# The stress is symmetric: so many of its components are numbers of their own.
_SIX = np.triu_indices(3)


def force_accuracy(
    found: Sequence[SnapshotForces], bar: ForceErrorBar | None = None
) -> Errors | None:
    """Errors of all components of all forces.

    Parameters
    ----------
    found
        Snapshots whose forces are known, predicted by the same networks.
    bar
        How the expected errors are calibrated; None if they are not.

    Returns
    -------
    dict or None
        In meV/Å, with the correlation of the mean over the networks with DFT and, per element,
        errors and size of its forces; None without snapshots. ``error_bar_mev_per_angstrom`` is
        the root mean square of the expected errors, ``within_error_bar`` the share of components
        whose error is below theirs; None without a bar.
    """
    if not found:
        return None
    networks = np.concatenate([one.networks.reshape(len(one.networks), -1) for one in found], 1)
    reference = np.concatenate([one.dft.ravel() for one in found])
    species = np.concatenate([np.repeat(one.species, 3) for one in found])
    expected = _expected(networks, reference, bar)
    networks, reference = _MEV_PER_EV * networks, _MEV_PER_EV * reference
    elements = {
        str(element): _sizes(networks[:, of], reference[of], "force", "mev_per_angstrom")
        for element in np.unique(species)
        for of in [species == element]
    }
    return {
        "snapshots": len(found),
        **_errors(networks, reference, "force", "mev_per_angstrom"),
        **expected,
        "elements": elements,
    }


def stress_accuracy(found: Sequence[SnapshotForces]) -> Errors | None:
    """Errors of the six components of the stress.

    Parameters
    ----------
    found
        As for `force_accuracy`.

    Returns
    -------
    dict or None
        In GPa, as that of the forces, and the baseline `std_stress_gigapascal`: the error of
        predicting the mean of each component over these snapshots. `pressure_shift_gigapascal` is
        the mean error of the pressure, which holds the Pulay stress of a plane-wave cutoff that is
        not converged, and `rmse_without_shift_gigapascal` the error without it. None if no stress
        is known.
    """
    known = [(one, one.dft_stress) for one in found if one.dft_stress is not None]
    if not known:
        return None
    unit = GIGAPASCAL_PER_EV_PER_CUBIC_ANGSTROM
    networks = unit * np.stack([one.network_stresses[:, *_SIX] for one, _ in known], axis=1)
    reference = unit * np.stack([stress[_SIX] for _, stress in known])
    error = networks.mean(axis=0) - reference
    diagonal = np.equal(*_SIX)
    shift = error[:, diagonal].mean()
    return {
        "snapshots": len(known),
        **_errors(networks.reshape(len(networks), -1), reference.ravel(), "stress", "gigapascal"),
        "std_stress_gigapascal": _rms(reference - reference.mean(axis=0)),
        "pressure_shift_gigapascal": -float(shift),
        "rmse_without_shift_gigapascal": _rms(error - shift * diagonal),
    }


def _expected(networks: FloatArray, reference: FloatArray, bar: ForceErrorBar | None) -> Errors:
    """Expected errors, and how often they are kept; arguments in eV/Å."""
    keys = ("error_bar_mev_per_angstrom", "within_error_bar")
    if bar is None:
        return dict.fromkeys(keys)
    bars, errors = bar.bars(networks), np.abs(networks.mean(axis=0) - reference)
    return dict(zip(keys, (_MEV_PER_EV * _rms(bars), float((errors <= bars).mean())), strict=True))


def _errors(networks: FloatArray, reference: FloatArray, name: str, unit: str) -> Errors:
    """Errors of components, [network, component] against [component], both in the unit."""
    mean, spread = networks.mean(axis=0), deviation(networks)
    error = mean - reference
    several = len(networks) > 1
    return {
        **_sizes(networks, reference, name, unit),
        f"mae_{unit}": float(np.abs(error).mean()),
        f"rmse_per_network_{unit}": [_rms(one - reference) for one in networks],
        "correlation": _correlation(mean, reference),
        f"spread_{unit}": _rms(spread) if several else None,
        "within_spread": float((np.abs(error) <= spread).mean()) if several else None,
    }


def _sizes(networks: FloatArray, reference: FloatArray, name: str, unit: str) -> Errors:
    return {
        "components": reference.size,
        f"rms_{name}_{unit}": _rms(reference),
        f"rmse_{unit}": _rms(networks.mean(axis=0) - reference),
    }


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _correlation(predicted: FloatArray, reference: FloatArray) -> float | None:
    """Pearson's; None where one of the two does not vary, as forces of perfect crystals."""
    if min(np.ptp(predicted), np.ptp(reference)) == 0:
        return None
    return float(np.corrcoef(predicted, reference)[0, 1])
