r"""Losses of a training: the LDOS at each point, and the density of states of a batch.

With :math:`\delta_{pe}` the error of the scaled LDOS at point :math:`p` and energy
:math:`e`, :math:`P` points, :math:`E` energies and weights :math:`w_e`:

.. math::

    L = \frac{1}{PE} \sum_{pe} w_e \delta_{pe}^2
        + \lambda \frac{1}{E} \sum_e w_e \Big( \frac1P \sum_p \delta_{pe} \Big)^2

The second term is the squared error of the density of states that the batch's points have
together, per point. Errors that differ from point to point cancel in it; a shift that all
points share counts in full, as it does in an energy, which is a sum over the cell.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.group import Group


def ldos_error(prediction: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean squared error over points and energies.

    Parameters
    ----------
    prediction
        Shape (points, energies).
    targets
        Shape (points, energies).
    weights
        Shape (energies,): factors on the squared errors; ones if left out.

    Returns
    -------
    torch.Tensor
        The first sum of the module's formula, a scalar.
    """
    if weights is None:
        return torch.nn.functional.mse_loss(prediction, targets)
    return ((prediction - targets).square().mean(0) * weights).mean()


def dos_error(prediction: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over energies of the squared error of the points' density of states, per point.

    Parameters
    ----------
    prediction
        Shape (points, energies).
    targets
        Shape (points, energies).
    weights
        Shape (energies,): factors on the squared errors; ones if left out.

    Returns
    -------
    torch.Tensor
        The second sum of the module's formula, a scalar.
    """
    squares = (prediction - targets).mean(0).square()
    return (squares if weights is None else squares * weights).mean()


def training_loss(
    prediction: Tensor,
    targets: Tensor,
    *,
    weights: Tensor | None = None,
    dos_weight: float = 0.0,
) -> Tensor:
    """Sum of the error of the LDOS and, with a weight, that of the density of states.

    Parameters
    ----------
    prediction
        Shape (points, energies), scaled.
    targets
        Shape (points, energies), scaled.
    weights
        Shape (energies,): factors on the squared errors; ones if left out.
    dos_weight
        Factor on the error of the density of states.

    Returns
    -------
    torch.Tensor
        The loss of the module's formula, a scalar.
    """
    error = ldos_error(prediction, targets, weights)
    return error + dos_weight * dos_error(prediction, targets, weights) if dos_weight else error


def shared_training_loss(
    prediction: Tensor,
    targets: Tensor,
    *,
    points: int,
    add: Callable[[Tensor], Tensor],
    weights: Tensor | None = None,
    dos_weight: float = 0.0,
) -> Tensor:
    """Loss of a batch of which each of several processes holds a piece.

    Parameters
    ----------
    prediction
        Shape (rows, energies): this process' piece, which may be empty.
    targets
        Shape (rows, energies).
    points
        Points of the whole batch.
    add
        Adds a tensor up over all processes, in place.
    weights
        Shape (energies,): factors on the squared errors; ones if left out.
    dos_weight
        Factor on the error of the density of states.

    Returns
    -------
    torch.Tensor
        A scalar. Its value is `training_loss` of the whole batch; its gradients are parts,
        which add up to the gradient of that loss.
    """
    difference = prediction - targets
    sums = torch.stack([difference.square().sum(0), difference.sum(0)]) / points
    # The value of the sum over all processes, with the gradient of this one's part.
    squares, mean = sums + (add(sums.detach().clone()) - sums.detach())
    per_energy: Tensor = squares + dos_weight * mean.square() if dos_weight else squares
    return (per_energy if weights is None else per_energy * weights).mean()


def group_loss(
    prediction: Tensor,
    targets: Tensor,
    *,
    points: int,
    group: Group,
    weights: Tensor | None,
    dos_weight: float,
) -> Tensor:
    """Loss of a batch: of the whole of it in one process, else shared; see both functions."""
    if group.size == 1:
        return training_loss(prediction, targets, weights=weights, dos_weight=dos_weight)
    return shared_training_loss(
        prediction, targets, points=points, add=group.add, weights=weights, dos_weight=dos_weight
    )


def normalised_weights(weights: Tensor | None, targets: Tensor) -> Tensor | None:
    """Check the energies' weights and bring them to a mean of one.

    Parameters
    ----------
    weights
        Shape (energies,): relative weights, or none.
    targets
        Shape (points, energies): what they are meant for; decides type and device.

    Returns
    -------
    torch.Tensor or None
        The weights to use.

    Raises
    ------
    DataError
        Weights that do not fit the energies, or are negative, not finite or all zero.
    """
    if weights is None:
        return None
    valid = weights.shape == targets.shape[1:] and bool(weights.isfinite().all())
    if not valid or bool((weights < 0).any()) or not weights.sum() > 0:
        raise DataError(
            "The loss weights do not fit the energies.",
            expected=f"shape {tuple(targets.shape[1:])}, finite, none negative, one positive",
            got=f"shape {tuple(weights.shape)}, sum {float(weights.sum()):g}",
        )
    return (weights / weights.mean()).to(targets)
