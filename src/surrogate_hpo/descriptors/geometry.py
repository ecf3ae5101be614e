"""Compiled geometry of the bispectrum: neighbours of a point, as rotations.

Always in double precision, whatever the precision of the contraction: it costs little,
and single-precision distances would be the largest error of all.
"""

from math import factorial

import numpy as np
from numba import literal_unroll
from numpy.typing import NDArray

from surrogate_hpo.descriptors.lanes import (
    Lanes,
    divide,
    inlined,
    lane_array,
    load,
    multiply,
    multiply_add,
    multiply_subtract,
    splat,
    square_root,
    store,
)
from surrogate_hpo.descriptors.neighbours import NeighbourBins

# LAMMPS' rfac0: the cutoff maps to 0.99363·π, just short of the pole of the 3-sphere.
ANGLE_FACTOR = 0.99363
# At or below this squared distance (Å²) LAMMPS does not count an atom as a neighbour.
ON_POINT = 1e-20
# Rows per neighbour: dx, dy, dz, 1/cutoff, weight in the geometry buffer, and
# Re a, Im a, Re b, Im b, weight among the rotations.
ROWS_PER_NEIGHBOUR = 5
_SINE = tuple((-1) ** n / factorial(2 * n + 1) for n in range(8, -1, -1))
_COSINE = tuple((-1) ** n / factorial(2 * n) for n in range(9, -1, -1))


def neighbour_array(max_neighbours: int, rows_per_neighbour: int = ROWS_PER_NEIGHBOUR) -> Lanes:
    """Allocate double-precision rows for the neighbours of a group of points."""
    # `gather` pads the longest list to an even length: neighbours are taken two by two.
    return lane_array(rows_per_neighbour * (max_neighbours + 1), np.dtype(np.float64))


@inlined
def gather(
    points: NDArray[np.float64],
    begin: int,
    filled: int,
    bins: NeighbourBins,
    cutoffs: NDArray[np.float64],
    weights: NDArray[np.float64],
    geometry: NDArray[np.float64],
) -> int:
    """Write the neighbours of `filled` points into the lanes; return the longest list.

    Lanes past the last point, and lists shorter than the longest, are padded with
    neighbours of no weight.
    """
    lanes = geometry.shape[1]
    found = np.zeros(lanes, np.int64)
    near = np.empty(geometry.shape[0] // ROWS_PER_NEIGHBOUR, np.int64)
    for lane in range(filled):
        found[lane] = _find(points, begin + lane, bins, cutoffs, weights, near, geometry, lane)
    longest = found.max() + found.max() % 2
    for lane in range(lanes):
        for k in range(found[lane], longest):
            row = ROWS_PER_NEIGHBOUR * k
            geometry[row, lane] = 1.0
            for zero in range(row + 1, row + ROWS_PER_NEIGHBOUR):
                geometry[zero, lane] = 0.0
    return int(longest)


@inlined
def _find(
    points: NDArray[np.float64],
    p: int,
    bins: NeighbourBins,
    cutoffs: NDArray[np.float64],
    weights: NDArray[np.float64],
    near: NDArray[np.int64],
    geometry: NDArray[np.float64],
    lane: int,
) -> int:
    """Write the neighbours of point `p` into its lane and return their number."""
    x, y, z = points[p, 0], points[p, 1], points[p, 2]
    home_x, home_y, home_z = x, y, z
    target = 0
    for k in range(3):
        scaled = x * bins.inverse[0, k] + y * bins.inverse[1, k] + z * bins.inverse[2, k]
        turns = np.floor(scaled)
        home_x -= turns * bins.cell[k, 0]
        home_y -= turns * bins.cell[k, 1]
        home_z -= turns * bins.cell[k, 2]
        index = min(int((scaled - turns) * bins.shape[k]), bins.shape[k] - 1)
        target = target * bins.shape[k] + index
    found = 0
    # Without a branch: which candidates are near cannot be predicted.
    for candidate in range(bins.start[target], bins.start[target + 1]):
        dx = home_x - bins.positions[candidate, 0]
        dy = home_y - bins.positions[candidate, 1]
        dz = home_z - bins.positions[candidate, 2]
        squared = dx * dx + dy * dy + dz * dz
        cutoff = cutoffs[bins.atoms[candidate]]
        near[found] = candidate
        found += int((squared > ON_POINT) & (squared < cutoff * cutoff))
    for k in range(found):
        candidate = near[k]
        row = ROWS_PER_NEIGHBOUR * k
        geometry[row, lane] = home_x - bins.positions[candidate, 0]
        geometry[row + 1, lane] = home_y - bins.positions[candidate, 1]
        geometry[row + 2, lane] = home_z - bins.positions[candidate, 2]
        geometry[row + 3, lane] = 1 / cutoffs[bins.atoms[candidate]]
        geometry[row + 4, lane] = weights[bins.atoms[candidate]]
    return found


@inlined
def rotate(geometry: Lanes, rotations: Lanes, n_neighbours: int) -> None:
    """Turn distances into unit quaternions and weights.

    θ = ANGLE_FACTOR·π·r/R is the angle on the 3-sphere, a = cos θ − i sin θ z/r and
    b = sin θ (y − i x)/r; a*, −b* and w·f_c are stored. Quarter angles keep the series short.
    """
    one, two = splat(geometry, 1), splat(geometry, 2)
    zero = splat(geometry, 0)
    for k in range(0, ROWS_PER_NEIGHBOUR * n_neighbours, ROWS_PER_NEIGHBOUR):
        x, y, z = load(geometry, k), load(geometry, k + 1), load(geometry, k + 2)
        r, sine, cosine, quarter_sine, _ = angles(geometry, k)
        slope = divide(multiply(two, multiply(sine, cosine)), r)
        store(rotations, k, double_angle(sine, one, two))
        store(rotations, k + 1, multiply(z, slope))
        store(rotations, k + 2, multiply_subtract(y, slope, zero))
        store(rotations, k + 3, multiply_subtract(x, slope, zero))
        switch = double_angle(quarter_sine, one, two)
        store(rotations, k + 4, multiply(load(geometry, k + 4), multiply(switch, switch)))


@inlined
def angles(geometry: Lanes, k: int) -> tuple[Lanes, Lanes, Lanes, Lanes, Lanes]:
    """Distance of the neighbour in row k; sine and cosine of θ/2, and of a quarter of πr/R."""
    one, two = splat(geometry, 1), splat(geometry, 2)
    x, y, z = load(geometry, k), load(geometry, k + 1), load(geometry, k + 2)
    r = square_root(multiply_add(x, x, multiply_add(y, y, multiply(z, z))))
    quarter = multiply(splat(geometry, 0.25 * np.pi), multiply(r, load(geometry, k + 3)))
    sine, cosine = sine_cosine(geometry, multiply(splat(geometry, ANGLE_FACTOR), quarter))
    sine, cosine = multiply(two, multiply(sine, cosine)), double_angle(sine, one, two)
    quarter_sine, quarter_cosine = sine_cosine(geometry, quarter)
    return r, sine, cosine, quarter_sine, quarter_cosine


@inlined
def double_angle(sine: Lanes, one: Lanes, two: Lanes) -> Lanes:
    """Return the cosine of the double angle, 1 − 2 sin²."""
    return multiply_subtract(two, multiply(sine, sine), one)


@inlined
def sine_cosine(like: Lanes, angle: Lanes) -> tuple[Lanes, Lanes]:
    """Taylor series of sin and cos, exact to the last bit or two for |angle| ≤ π/4."""
    square = multiply(angle, angle)
    sine, cosine = splat(like, 0), splat(like, 0)
    for k in literal_unroll(_SINE):
        sine = multiply_add(sine, square, splat(like, k))
    for k in literal_unroll(_COSINE):
        cosine = multiply_add(cosine, square, splat(like, k))
    return multiply(angle, sine), cosine
