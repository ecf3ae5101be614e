"""Gauss' and Newton's steps of the last layer's fit: near what the fit before predicts."""

import math
from collections.abc import Callable, Sequence

from torch import Tensor

from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.networks.energies.readout_metric import Metric
from surrogate_hpo.networks.energies.readout_problem import (
    Fit,
    Problem,
    as_it_is,
    fitted_weights,
    root_mean_square,
)
from surrogate_hpo.networks.energies.readout_sums import SnapshotSums

# Fits near what the one before predicts, until the squared errors fall by less than this share.
_STEPS, _WORTH_A_STEP = 3, 0.05


def trusted(
    candidates: Sequence[Fit],
    steps_from: Callable[[Fit], tuple[Fit, float, float]],
    error: Callable[[Fit], float],
) -> tuple[Fit, float]:
    """The first fit that keeps what its left-out errors promise, or else that which errs least.

    The form tells the errors of left-out snapshots. Where it does not hold any more, as with a
    large λ that leaves the density to itself, a prediction errs more than that even for the
    snapshots of the fit; then only smaller λ are tried.

    Parameters
    ----------
    candidates
        Fits near the reference, best first.
    steps_from
        The best step from a fit, its errors, and the root mean square of its energies' errors.
    error
        Of the left-out errors of a fit.

    Returns
    -------
    Fit, float
        The best step, and the root mean square of its free energies' errors, eV/atom.
    """
    taken, integrated, smallest, strongest = candidates[0], math.nan, math.inf, math.inf
    for fit in candidates:
        if fit.strength >= strongest:
            continue
        step, now, of_energies = steps_from(fit)
        if now < smallest:
            taken, integrated, smallest = step, of_energies, now
        if now <= error(fit):
            break
        strongest = fit.strength
    return taken, integrated


def stepped(
    first: Fit,
    near: Callable[[Fit], tuple[Problem, list[SnapshotSums]]],
    metric: Metric,
    weights: Tensor,
    error: Callable[[Fit], float],
) -> tuple[Fit, float, float]:
    """Fit again near what a fit predicts; the step with the smallest errors, these, and energies'.

    Parameters
    ----------
    first
        A fit near the reference.
    near
        The problem near what a fit predicts, and its sums; PhysicsError where that makes no sense.
    metric
        What a change of the weights costs.
    weights
        Of the trained network, shape (units, energies).
    error
        Of the errors of a fit.

    Returns
    -------
    Fit, float, float
        Errors are those of predictions, infinite where none makes sense; of energies in eV/atom.
    """
    fit, taken, smallest, integrated = first, first, math.inf, math.nan
    for _ in range(_STEPS + 1):
        try:
            problem, sums = near(fit)
        except PhysicsError:
            break
        made = as_it_is(problem, sums, fit.weights)
        before, now = smallest, error(made)
        if now < smallest:
            taken, smallest = fit, now
            integrated = root_mean_square(made.left_out_energies)
        if not now < (1 - _WORTH_A_STEP) * before:
            break
        (fit,) = fitted_weights(problem, sums, metric, weights, [first.strength])
    return taken, smallest, integrated
