"""SIMD lanes for compiled code: one grid point per lane of a 64-byte register.

Numba turns loops over lanes into vector code, but keeps accumulators in memory. The
type here is LLVM's own vector, so that accumulators live in registers and the kernel
reads as if it handled a single point. LLVM splits the vectors on narrower processors.
Arrays of lanes have the shape [rows, lane_count(dtype)], see :func:`lane_array`.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model
from numpy.typing import NDArray

REGISTER_BYTES = 64
Lanes: TypeAlias = NDArray[Any]
# Objects of numba's and LLVM's code generators, which carry no annotations.
_Llvm: TypeAlias = Any
_tuple_type: _Llvm = types.UniTuple
_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile with numba: cached on disk, without the interpreter lock, IEEE NaN and inf.

    Where neither the package's folder nor a cache folder of the user can be written, as in an
    image that is read-only, it is compiled anew by each process.
    """
    try:
        return inlined(function, cache=True)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        return inlined(function)


def inlined(function: Callable[_P, _R], *, cache: bool = False) -> Callable[_P, _R]:
    """Compile a part of a `compiled` function.

    It has no cache of its own: that would not notice an edit of what the part uses itself.
    """
    jit = numba.njit(cache=cache, nogil=True, error_model="numpy")
    return cast(Callable[_P, _R], jit(function))


def lane_count(dtype: np.dtype[Any]) -> int:
    """Return the number of points that share a register: 8 in float64, 16 in float32."""
    return REGISTER_BYTES // dtype.itemsize


def lane_array(rows: int, dtype: np.dtype[Any]) -> Lanes:
    """Return zeros of shape [rows, lanes] that start on a register boundary."""
    buffer = np.zeros((rows + 1) * REGISTER_BYTES, np.uint8)
    start = -buffer.ctypes.data % REGISTER_BYTES
    aligned = buffer[start : start + rows * REGISTER_BYTES]
    return aligned.view(dtype).reshape(rows, lane_count(dtype))


class _LanesType(types.Type):
    """Numba's name for a vector of scalars."""

    def __init__(self, scalar: _Llvm) -> None:
        self.scalar = scalar
        self.count = REGISTER_BYTES * 8 // scalar.bitwidth
        super().__init__(name=f"Lanes({scalar} x {self.count})")


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    """LLVM's type for a vector of scalars."""

    def __init__(self, manager: _Llvm, lanes: _LanesType) -> None:
        scalar = manager.lookup(lanes.scalar).get_value_type()
        initialise: _Llvm = super().__init__
        initialise(manager, lanes, ir.VectorType(scalar, lanes.count))


def _operation(define: Callable[..., _Llvm]) -> Callable[..., Lanes]:
    """Make an operation of compiled code out of the function that types and generates it.

    Arguments may be tuples of equal length: the operation is then done for each position,
    with the other arguments as they are. Tuples of lanes are what a loop whose length
    is known when it is compiled works on, all in registers.
    """

    @functools.wraps(define)
    def typed(typing: _Llvm, *arguments: _Llvm) -> _Llvm:
        tuples = [a for a in arguments if isinstance(a, types.UniTuple)]
        if not tuples:
            return define(typing, *arguments)
        scalars = [a.dtype if a in tuples else a for a in arguments]
        signature, generate_one = define(typing, *scalars)

        def generate(context: _Llvm, builder: _Llvm, outer: _Llvm, args: _Llvm) -> _Llvm:
            results = []
            for i in range(tuples[0].count):
                picked = [
                    builder.extract_value(value, i) if kind in tuples else value
                    for kind, value in zip(outer.args, args, strict=True)
                ]
                results.append(generate_one(context, builder, signature, picked))
            if returned == types.void:
                return context.get_dummy_value()
            return context.make_tuple(builder, returned, results)

        returned = signature.return_type
        if returned != types.void:
            returned = _tuple_type(returned, tuples[0].count)
        return returned(*arguments), generate

    return cast(Callable[..., Lanes], intrinsic(typed))


@_operation
def load(_typing: _Llvm, array: _Llvm, row: _Llvm) -> _Llvm:
    """Read one row of a lane array."""

    def generate(context: _Llvm, builder: _Llvm, signature: _Llvm, args: _Llvm) -> _Llvm:
        return builder.load(_address(context, builder, signature, args), align=REGISTER_BYTES)

    return _LanesType(array.dtype)(array, row), generate


@_operation
def store(_typing: _Llvm, array: _Llvm, row: _Llvm, value: _Llvm) -> _Llvm:
    """Write one row of a lane array."""

    def generate(context: _Llvm, builder: _Llvm, signature: _Llvm, args: _Llvm) -> _Llvm:
        address = _address(context, builder, signature, args)
        builder.store(args[2], address, align=REGISTER_BYTES)
        return context.get_dummy_value()

    return types.void(array, row, value), generate


@_operation
def splat(_typing: _Llvm, array: _Llvm, scalar: _Llvm) -> _Llvm:
    """Fill all lanes of the kind that `array` holds with one number."""
    lanes = _LanesType(array.dtype)

    def generate(context: _Llvm, builder: _Llvm, signature: _Llvm, args: _Llvm) -> _Llvm:
        vector = context.get_value_type(lanes)
        number = context.cast(builder, args[1], signature.args[1], lanes.scalar)
        empty = ir.Constant(vector, ir.Undefined)
        one = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
        all_first = ir.Constant(ir.VectorType(ir.IntType(32), lanes.count), None)
        return builder.shuffle_vector(one, empty, all_first)

    return lanes(array, scalar), generate


@intrinsic
def _numbers(_typing: _Llvm, array: _Llvm, start: _Llvm, zeros: _Llvm) -> _Llvm:
    """Read as many successive numbers of an array as there are zeros."""
    result = _tuple_type(array.dtype, zeros.count)

    def generate(context: _Llvm, builder: _Llvm, signature: _Llvm, args: _Llvm) -> _Llvm:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        first = context.cast(builder, args[1], signature.args[1], types.intp)
        addresses = [
            builder.gep(data, [builder.add(first, ir.Constant(first.type, i))])
            for i in range(zeros.count)
        ]
        return context.make_tuple(builder, result, [builder.load(a) for a in addresses])

    return result(array, start, zeros), generate


numbers = cast(Callable[..., Any], _numbers)


@_operation
def store_part(_typing: _Llvm, array: _Llvm, row: _Llvm, first_lane: _Llvm, value: _Llvm) -> _Llvm:
    """Write lanes into a part of one row of a lane array, rounded to its precision."""

    def generate(context: _Llvm, builder: _Llvm, signature: _Llvm, args: _Llvm) -> _Llvm:
        lanes = _LanesType(signature.args[0].dtype)
        rounded, target = args[3], context.get_value_type(lanes.scalar)
        if rounded.type.element != target:
            rounded = builder.fptrunc(rounded, ir.VectorType(target, rounded.type.count))
        first = builder.bitcast(_address(context, builder, signature, args), target.as_pointer())
        lane = context.cast(builder, args[2], signature.args[2], types.intp)
        address = builder.bitcast(builder.gep(first, [lane]), rounded.type.as_pointer())
        builder.store(rounded, address, align=REGISTER_BYTES * rounded.type.count // lanes.count)
        return context.get_dummy_value()

    return types.void(array, row, first_lane, value), generate


@_operation
def multiply(_typing: _Llvm, left: _Llvm, right: _Llvm) -> _Llvm:
    """Return left·right, lane by lane."""

    def generate(_context: _Llvm, builder: _Llvm, _signature: _Llvm, args: _Llvm) -> _Llvm:
        return builder.fmul(*args)

    return left(left, right), generate


@_operation
def divide(_typing: _Llvm, left: _Llvm, right: _Llvm) -> _Llvm:
    """Return left/right, lane by lane."""

    def generate(_context: _Llvm, builder: _Llvm, _signature: _Llvm, args: _Llvm) -> _Llvm:
        return builder.fdiv(*args)

    return left(left, right), generate


@_operation
def square_root(_typing: _Llvm, value: _Llvm) -> _Llvm:
    """Return the square root, lane by lane."""

    def generate(_context: _Llvm, builder: _Llvm, _signature: _Llvm, args: _Llvm) -> _Llvm:
        return _call(builder, "sqrt", *args)

    return value(value), generate


@_operation
def multiply_add(_typing: _Llvm, left: _Llvm, right: _Llvm, addend: _Llvm) -> _Llvm:
    """Return left·right + addend, lane by lane, fused where the processor can."""

    def generate(_context: _Llvm, builder: _Llvm, _signature: _Llvm, args: _Llvm) -> _Llvm:
        return _call(builder, "fmuladd", *args)

    return left(left, right, addend), generate


@_operation
def multiply_subtract(_typing: _Llvm, left: _Llvm, right: _Llvm, minuend: _Llvm) -> _Llvm:
    """Return minuend − left·right, lane by lane, fused where the processor can."""

    def generate(_context: _Llvm, builder: _Llvm, _signature: _Llvm, args: _Llvm) -> _Llvm:
        return _call(builder, "fmuladd", builder.fneg(args[0]), args[1], args[2])

    return left(left, right, minuend), generate


@inlined
def complex_product(xr: Lanes, xi: Lanes, yr: Lanes, yi: Lanes) -> tuple[Lanes, Lanes]:
    """Multiply two complex numbers, lane by lane."""
    return (
        multiply_subtract(xi, yi, multiply(xr, yr)),
        multiply_add(xr, yi, multiply(xi, yr)),
    )


@intrinsic
def _dot(_typing: _Llvm, left: _Llvm, right: _Llvm) -> _Llvm:
    """Return the sum of left·right over the positions of two tuples, lane by lane."""

    def generate(_context: _Llvm, builder: _Llvm, _signature: _Llvm, args: _Llvm) -> _Llvm:
        pairs = [[builder.extract_value(value, i) for value in args] for i in range(left.count)]
        total = builder.fmul(*pairs[0])
        for pair in pairs[1:]:
            total = _call(builder, "fmuladd", *pair, total)
        return total

    return left.dtype(left, right), generate


dot = cast(Callable[[Any, Any], Lanes], _dot)


def _address(context: _Llvm, builder: _Llvm, signature: _Llvm, args: _Llvm) -> _Llvm:
    """Point to row args[1] of array args[0] as a vector."""
    lanes = _LanesType(signature.args[0].dtype)
    row = context.cast(builder, args[1], signature.args[1], types.intp)
    data = context.make_array(signature.args[0])(context, builder, args[0]).data
    first = builder.gep(data, [builder.mul(row, ir.Constant(row.type, lanes.count))])
    return builder.bitcast(first, context.get_value_type(lanes).as_pointer())


def _call(builder: _Llvm, function: str, *operands: _Llvm) -> _Llvm:
    """Call a mathematical function that LLVM knows for vectors."""
    vector = operands[0].type
    name = f"llvm.{function}.v{vector.count}f{REGISTER_BYTES * 8 // vector.count}"
    declare: _Llvm = cgutils.get_or_insert_function
    kind = ir.FunctionType(vector, [vector] * len(operands))
    return builder.call(declare(builder.module, kind, name), operands)
