"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

N. Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", arXiv:2409.11321,
algorithm 3. SNAP components are highly collinear, so the loss is badly conditioned in the
weights of every layer; this optimiser finds the scale of each direction from the gradients.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, overload

import torch
from torch import Tensor


class Soap(torch.optim.Optimizer):
    r"""Adam whose second moments are kept in a slowly rotating eigenbasis.

    For a weight matrix with gradient :math:`G`, moving averages of :math:`GG^T` and
    :math:`G^TG` have eigenvectors :math:`Q_L` and :math:`Q_R`. Adam runs on
    :math:`Q_L^T G Q_R`, and its step is rotated back. The eigenvectors are refreshed every
    `refresh_interval` steps by one power iteration and a QR decomposition. Biases, and
    sides longer than `longest_side`, are not rotated.

    Parameters
    ----------
    parameters
        Tensors to optimise: vectors and matrices.
    learning_rate
        Length of a step; an outer schedule sets it through ``param_groups``.
    betas
        Decay of the first moment, and of the second moment and the preconditioner.
    epsilon
        Added to the root of the second moment.
    weight_decay
        Decoupled weight decay, times the learning rate.
    refresh_interval
        Steps between two refreshes of the eigenbasis.
    longest_side
        Sides of a matrix longer than this keep the identity as their basis.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        learning_rate: float,
        betas: tuple[float, float] = (0.95, 0.95),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        refresh_interval: int = 10,
        longest_side: int = 1024,
    ) -> None:
        defaults = {
            "lr": learning_rate,
            "betas": betas,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
            "refresh_interval": refresh_interval,
            "longest_side": longest_side,
        }
        super().__init__(parameters, defaults)

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step with the gradients stored in the parameters.

        Parameters
        ----------
        closure
            Evaluates the loss again and leaves its gradients, as for other optimisers.

        Returns
        -------
        float or None
            What the closure returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    _update(parameter, parameter.grad, self.state[parameter], group)
        return loss


def _update(
    parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: Mapping[str, Any]
) -> None:
    if not state:
        state["step"] = 0
        state["first"] = torch.zeros_like(gradient)
        state["second"] = torch.zeros_like(gradient)
        _initialise_bases(gradient, state, group["longest_side"])
    state["step"] += 1
    decay_first, decay_second = group["betas"]
    state["first"].lerp_(gradient, 1 - decay_first)
    rotated = _rotate(gradient, state)
    state["second"].mul_(decay_second).addcmul_(rotated, rotated, value=1 - decay_second)

    first = _rotate(state["first"], state) / (1 - decay_first ** state["step"])
    second = state["second"] / (1 - decay_second ** state["step"])
    direction = _rotate_back(first / (second.sqrt() + group["epsilon"]), state)
    if group["weight_decay"]:
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
    parameter.add_(direction, alpha=-group["lr"])

    for side, product in _products(gradient, state):
        state[f"{side}_average"].lerp_(product, 1 - decay_second)
    if state["step"] % group["refresh_interval"] == 0:
        _refresh_bases(state)


def _initialise_bases(gradient: Tensor, state: dict[str, Any], longest_side: int) -> None:
    if gradient.ndim != 2:
        return
    for axis, side in enumerate(("left", "right")):
        if gradient.shape[axis] <= longest_side:
            product = gradient @ gradient.T if side == "left" else gradient.T @ gradient
            state[f"{side}_average"] = product
            # Eigenvalues fall from the front, the order that QR iterations settle into.
            state[f"{side}_basis"] = torch.linalg.eigh(product).eigenvectors.flip(1).contiguous()


def _products(gradient: Tensor, state: dict[str, Any]) -> list[tuple[str, Tensor]]:
    products = []
    if "left_basis" in state:
        products.append(("left", gradient @ gradient.T))
    if "right_basis" in state:
        products.append(("right", gradient.T @ gradient))
    return products


def _rotate(tensor: Tensor, state: dict[str, Any]) -> Tensor:
    if "left_basis" in state:
        tensor = state["left_basis"].T @ tensor
    return tensor @ state["right_basis"] if "right_basis" in state else tensor


def _rotate_back(tensor: Tensor, state: dict[str, Any]) -> Tensor:
    if "left_basis" in state:
        tensor = state["left_basis"] @ tensor
    return tensor @ state["right_basis"].T if "right_basis" in state else tensor


def _refresh_bases(state: dict[str, Any]) -> None:
    for axis, side in enumerate(("left", "right")):
        if f"{side}_basis" not in state:
            continue
        basis, average = state[f"{side}_basis"], state[f"{side}_average"]
        image = average @ basis
        # Second moments belong to directions: they move with them when the order changes.
        order = (basis * image).sum(0).argsort(descending=True, stable=True)
        state["second"] = state["second"].index_select(axis, order)
        state[f"{side}_basis"] = torch.linalg.qr(image[:, order]).Q
