"""One formula for NumPy's arrays and torch's tensors: with the former, torch need not be loaded."""

import sys
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", "Tensor", "NDArray[Any]")


def namespace(array: Any) -> Any:  # noqa: ANN401
    """Library that an array is of, `torch` or `numpy`; what both call the same is used of it."""
    return sys.modules["torch"] if is_tensor(array) else np


def is_tensor(array: Any) -> bool:  # noqa: ANN401
    """Whether it is one of torch: without torch there is none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def array_like(values: Any, like: Array) -> Array:  # noqa: ANN401
    """Numbers as an array of the library, type and device of another; gradients stay."""
    xp: Any = namespace(like)
    make = xp.as_tensor if is_tensor(like) else xp.asarray
    found: Array = make(values, dtype=like.dtype, device=like.device)
    return found


def relu(array: Array) -> Array:
    """Positive part; its derivative vanishes at 0."""
    xp = namespace(array)
    found: Array = xp.relu(array) if is_tensor(array) else xp.maximum(array, 0)
    return found


def sigmoid(array: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    xp = namespace(array)
    found: Array = xp.sigmoid(array) if is_tensor(array) else (1 + xp.tanh(array / 2)) / 2
    return found


def softplus(array: Array) -> Array:
    """ln(1 + exp(x)), without overflow."""
    xp = namespace(array)
    found: Array = xp.nn.functional.softplus(array) if is_tensor(array) else xp.logaddexp(0, array)
    return found
