"""A hyperbolic tangent for predictions: in torch it takes a third of their time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from surrogate_hpo.descriptors.lanes import compiled

# tanh x ≈ x P(x²)/Q(x²) for |x| < 10, to 1.2e-10, beyond which it is 1 in single precision; by
# least squares on Chebyshev's points, with weights that grow where the error is largest.
_BEYOND = 10.0
_P = (
    0.99999999934385,
    0.14059246565379374,
    0.004372852523995739,
    4.0919578273805135e-05,
    1.0357522925357014e-07,
    3.21744059056301e-11,
)
_Q = (
    1.0,
    0.47392579601636425,
    0.02901478843788807,
    0.0004906608887514046,
    2.479236486564029e-06,
    2.6741173657787306e-09,
)
_TABLES: dict[bool, tuple[NDArray[Any], NDArray[Any]]] = {
    rough: (np.array([*_P, _BEYOND], kind), np.array(_Q, kind))
    for rough, kind in ((True, np.float32), (False, np.float64))
}


def activation_of(
    layer: nn.Module, device: str, precision: torch.dtype, *, rough: bool = False
) -> Callable[[Tensor], Any]:
    """Choose what applies an activation.

    Parameters
    ----------
    layer
        As torch has it.
    device
        Where the values are.
    precision
        Of the values.
    rough
        Whether errors of 4e-7 will do.

    Returns
    -------
    callable
        From a tensor to one of the same shape; the layer itself, unless it is a tanh in single
        precision on the CPU: this is three times as fast and as exact, or eight times if `rough`.
    """
    if isinstance(layer, nn.Tanh) and device == "cpu" and precision == torch.float32:
        apply: Callable[[Tensor, bool], Any] = _FastTanh.apply
        return lambda values: apply(values, rough)
    return layer


class _FastTanh(torch.autograd.Function):
    """With the derivative of the tanh for the gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rough: bool) -> Tensor:  # noqa: ANN401 - torch's own context
        result = values.detach().clone(memory_format=torch.contiguous_format)
        _tanh(result.numpy().reshape(-1), *_TABLES[rough])
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (result,) = ctx.saved_tensors
        return torch.ops.aten.tanh_backward(gradients[0], result), None


@compiled
def _tanh(values: NDArray[np.float32], p: NDArray[np.floating], q: NDArray[np.floating]) -> None:
    """In place, in the precision of the tables; a loop without branches, to become vector code."""
    for i in range(len(values)):
        x = q[0] * values[i]
        x = p[6] if x > p[6] else (-p[6] if x < -p[6] else x)  # NaN stays NaN
        square = x * x
        above, below = p[5], q[5]
        for power in (4, 3, 2, 1, 0):
            above = above * square + p[power]
            below = below * square + q[power]
        values[i] = x * above / below
