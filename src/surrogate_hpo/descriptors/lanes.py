"""SIMD lanes for compiled code: one grid point per lane of a 64-byte register.

Numba turns loops over lanes into vector code, but keeps accumulators in memory. The
type here is LLVM's own vector, so that accumulators live in registers and the kernel
reads as if it handled a single point. LLVM splits the vectors on narrower processors.
Arrays of lanes have the shape [rows, lane_count(dtype)], see :func:`lane_array`.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

REGISTER_BYTES = 64
_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile with numba: cached on disk, without the interpreter lock, IEEE NaN and inf."""
    jit = numba.njit(cache=True, nogil=True, error_model="numpy")
    return cast(Callable[_P, _R], jit(function))


def lane_count(dtype: np.dtype[Any] | type) -> int:
    """Return the number of points that share a register: 8 in float64, 16 in float32."""
    return REGISTER_BYTES // np.dtype(dtype).itemsize


def lane_array(rows: int, dtype: np.dtype[Any] | type) -> np.ndarray[Any, np.dtype[Any]]:
    """Return zeros of shape [rows, lanes] that start on a register boundary."""
    item = np.dtype(dtype).itemsize
    buffer = np.zeros(rows * REGISTER_BYTES + REGISTER_BYTES, np.uint8)
    start = -buffer.ctypes.data % REGISTER_BYTES
    aligned = buffer[start : start + rows * REGISTER_BYTES]
    return aligned.view(dtype).reshape(rows, REGISTER_BYTES // item)


class _Lanes(types.Type):  # type: ignore[misc]  # numba has no annotations
    """Numba's name for a vector of scalars."""

    def __init__(self, scalar: Any) -> None:
        self.scalar = scalar
        self.count = REGISTER_BYTES * 8 // scalar.bitwidth
        super().__init__(name=f"Lanes({scalar} x {self.count})")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    """LLVM's type for a vector of scalars."""

    def __init__(self, manager: Any, lanes: _Lanes) -> None:
        scalar = manager.lookup(lanes.scalar).get_value_type()
        super().__init__(manager, lanes, ir.VectorType(scalar, lanes.count))


def _address(context: Any, builder: Any, array_type: Any, array: Any, row: Any) -> Any:
    lanes = _Lanes(array_type.dtype)
    data = context.make_array(array_type)(context, builder, array).data
    first = builder.gep(data, [builder.mul(row, ir.Constant(row.type, lanes.count))])
    return builder.bitcast(first, context.get_value_type(lanes).as_pointer())


@intrinsic  # type: ignore[untyped-decorator]
def load(_typing: Any, array: Any, row: Any) -> Any:
    """Read one row of a lane array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index = context.cast(builder, args[1], signature.args[1], types.intp)
        address = _address(context, builder, signature.args[0], args[0], index)
        return builder.load(address, align=REGISTER_BYTES)

    return _Lanes(array.dtype)(array, row), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(_typing: Any, array: Any, row: Any, value: Any) -> Any:
    """Write one row of a lane array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index = context.cast(builder, args[1], signature.args[1], types.intp)
        address = _address(context, builder, signature.args[0], args[0], index)
        builder.store(args[2], address, align=REGISTER_BYTES)
        return context.get_dummy_value()

    return types.void(array, row, value), generate


@intrinsic  # type: ignore[untyped-decorator]
def splat(_typing: Any, array: Any, scalar: Any) -> Any:
    """Fill all lanes of the kind that `array` holds with one number."""
    lanes = _Lanes(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = context.get_value_type(lanes)
        number = context.cast(builder, args[1], signature.args[1], lanes.scalar)
        empty = ir.Constant(vector, ir.Undefined)
        one = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes.count), None)
        return builder.shuffle_vector(one, empty, mask)

    return lanes(array, scalar), generate


@intrinsic  # type: ignore[untyped-decorator]
def multiply(_typing: Any, left: Any, right: Any) -> Any:
    """Return left·right, lane by lane."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.fmul(*args)

    return left(left, right), generate


@intrinsic  # type: ignore[untyped-decorator]
def multiply_add(_typing: Any, left: Any, right: Any, addend: Any) -> Any:
    """Return left·right + addend, lane by lane, fused where the processor can."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = context.get_value_type(signature.return_type)
        bits = REGISTER_BYTES * 8 // vector.count
        name = f"llvm.fmuladd.v{vector.count}f{bits}"
        call = ir.FunctionType(vector, [vector] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, call, name), args)

    return left(left, right, addend), generate


@intrinsic  # type: ignore[untyped-decorator]
def multiply_subtract(_typing: Any, left: Any, right: Any, minuend: Any) -> Any:
    """Return minuend − left·right, lane by lane, fused where the processor can."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = context.get_value_type(signature.return_type)
        bits = REGISTER_BYTES * 8 // vector.count
        name = f"llvm.fmuladd.v{vector.count}f{bits}"
        call = ir.FunctionType(vector, [vector] * 3)
        fused = cgutils.get_or_insert_function(builder.module, call, name)
        return builder.call(fused, [builder.fneg(args[0]), args[1], args[2]])

    return left(left, right, minuend), generate
