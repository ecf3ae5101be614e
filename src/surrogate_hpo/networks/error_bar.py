r"""How far predicted energies and forces are expected to be off: the networks' spread, calibrated.

Networks of several initialisations agree where the training decides, and differ where it does
not, whatever the reason: too few snapshots, other sizes, extrapolation. What all of them get wrong
alike does not show. So the spread is scaled to errors that are known,

.. math::
    \sigma^2 = \alpha^2 s^2 + \beta^2,

with the standard deviation s over the networks, of an energy per atom or of a component of a
force. Their ratio is that of the largest Gaussian likelihood, their size that at which 68.3 % of
the known errors lie within one bar: of few networks the spread is uncertain itself, and errors in
units of it have longer tails than a Gaussian. (The scaling of an ensemble's spread: Imbalzano et
al., J. Chem. Phys. 154, 074102 (2021); the constant is an addition.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_RATIOS = np.logspace(-3, 3, 61)
"""Of the constant to the spread's part, in squares."""
_PRIOR_SNAPSHOTS = 3
"""As many snapshots as these have to contradict the left-out errors, to outweigh them."""
_FEWEST = 2
_WITHIN_ONE_BAR = math.erf(math.sqrt(0.5))


@dataclass(frozen=True)
class SpreadBar:
    """Expected error of a mean over the networks, from their spread.

    Attributes
    ----------
    spread_factor
        α.
    constant
        β, in the unit of what is predicted.
    """

    spread_factor: float
    constant: float

    def bars(self, values: ArrayLike) -> NDArray[np.float64]:
        """Compute the expected errors of means over the networks.

        Parameters
        ----------
        values
            Of each network, shape (networks, ...).

        Returns
        -------
        array
            Expected errors, shape (...).
        """
        spreads = _spreads(np.asarray(values, dtype=np.float64))
        return np.hypot(self.spread_factor * spreads, self.constant)


@dataclass(frozen=True)
class ErrorBar(SpreadBar):
    """Expected error (one standard deviation) of the mean of the networks' free energies, eV/atom.

    Attributes
    ----------
    left_out_snapshots
        Number of training snapshots for the calibration, each left out of a fit of the last layer.
    validation_snapshots
        Number of snapshots for the calibration that no layer has seen.
    """

    left_out_snapshots: int
    validation_snapshots: int

    def as_document(self) -> dict[str, Any]:
        """The bar as part of a document or of a surrogate file."""
        return {
            "spread_factor": self.spread_factor,
            "constant_ev_per_atom": self.constant,
            "left_out_snapshots": self.left_out_snapshots,
            "validation_snapshots": self.validation_snapshots,
        }

    def of(self, energies: ArrayLike) -> float:
        """Compute the expected error of the mean.

        Parameters
        ----------
        energies
            Of each network, eV/atom.

        Returns
        -------
        float
            Expected error, eV/atom.
        """
        return float(self.bars(energies))


@dataclass(frozen=True)
class ForceErrorBar(SpreadBar):
    """Expected error (one standard deviation) of a component of the mean force, eV/Å.

    Attributes
    ----------
    validation_snapshots
        Number of snapshots for the calibration.
    """

    validation_snapshots: int

    def as_document(self) -> dict[str, Any]:
        """The bar as part of a document or of a surrogate file."""
        return {
            "spread_factor": self.spread_factor,
            "constant_ev_per_angstrom": self.constant,
            "validation_snapshots": self.validation_snapshots,
        }


def calibrated_error_bar(left_out: ArrayLike, validation: ArrayLike) -> ErrorBar | None:
    r"""Find :math:`\alpha` and :math:`\beta` from errors that are known.

    The errors of left-out training snapshots, of which there are many, decide both. They are too
    small, because the lower layers have seen these snapshots: the errors of n validation snapshots
    scale both by :math:`\sqrt{(3 + \sum z^2) / (3 + n)}`, z in units of the bar and of the
    left-out errors' root mean square in it. Without left-out snapshots, the validation snapshots
    decide alone.

    Parameters
    ----------
    left_out
        Shape (networks, snapshots): errors of training snapshots, eV/atom.
    validation
        Shape (networks, snapshots): errors of validation snapshots, eV/atom.

    Returns
    -------
    ErrorBar or None
        None if fewer than two errors are known.
    """
    own = np.asarray(left_out, dtype=np.float64)
    held_out = np.asarray(validation, dtype=np.float64)
    counts = own.shape[1], held_out.shape[1]
    if counts[0] < _FEWEST:
        if counts[1] < _FEWEST:
            return None
        return ErrorBar(*_fitted(held_out), 0, counts[1])
    bar = ErrorBar(*_fitted(own), *counts)
    usual = max(_mean_square(own, bar), np.finfo(np.float64).tiny)
    squares = counts[1] * _mean_square(held_out, bar) / usual if counts[1] else 0.0
    scale = math.sqrt((_PRIOR_SNAPSHOTS + squares) / (_PRIOR_SNAPSHOTS + counts[1]))
    return ErrorBar(scale * bar.spread_factor, scale * bar.constant, *counts)


def calibrated_force_error_bar(errors: Sequence[ArrayLike]) -> ForceErrorBar | None:
    r"""Find :math:`\alpha` and :math:`\beta` of forces from the errors of validation snapshots.

    All components count alike. Training snapshots do not help: all layers have seen their forces.

    Parameters
    ----------
    errors
        Of each snapshot, shape (networks, atoms, 3), eV/Å.

    Returns
    -------
    ForceErrorBar or None
        None if the errors of fewer than two snapshots are known.
    """
    if len(errors) < _FEWEST:
        return None
    arrays = [np.asarray(one, dtype=np.float64) for one in errors]
    components = np.concatenate([one.reshape(len(one), -1) for one in arrays], axis=1)
    return ForceErrorBar(*_fitted(components), len(errors))


def _mean_square(errors: NDArray[np.float64], bar: ErrorBar) -> float:
    """Of the errors of the mean over the networks, in units of the bar."""
    bars = np.maximum(bar.bars(errors), np.finfo(np.float64).tiny)
    return float(np.square(errors.mean(axis=0) / bars).mean())


def _fitted(errors: NDArray[np.float64]) -> tuple[float, float]:
    """α and β; errors of shape (networks, snapshots)."""
    magnitudes = np.abs(errors.mean(axis=0))
    spreads = np.square(_spreads(errors))
    mean = float(spreads.mean())
    shapes = [(0.0, 1.0)]
    if mean > 0:
        shapes += [(1.0, ratio * mean) for ratio in _RATIOS]
    spread, constant = min(
        shapes, key=lambda shape: _minus_log_likelihood(magnitudes, shape[0] * spreads + shape[1])
    )
    relative = magnitudes / np.sqrt(spread * spreads + constant)
    scale = float(np.quantile(relative, _WITHIN_ONE_BAR))
    return scale * math.sqrt(spread), scale * math.sqrt(constant)


def _minus_log_likelihood(magnitudes: NDArray[np.float64], shape: NDArray[np.float64]) -> float:
    """Of Gaussian errors with variances of this shape, times two, at their most likely scale."""
    scale = float(np.mean(np.square(magnitudes) / shape))
    return math.log(max(scale, np.finfo(np.float64).tiny)) + float(np.log(shape).mean())


def _spreads(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation over the networks, shape (networks, ...); 0 of one network."""
    if len(values) < 2:
        return np.zeros(values.shape[1:])
    return np.asarray(values.std(axis=0, ddof=1), np.float64)
