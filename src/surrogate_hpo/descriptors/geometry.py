"""Compiled geometry of the bispectrum: neighbours of a point, as rotations.

Always in double precision, whatever the precision of the contraction: it costs little,
and single-precision distances would be the largest error of all.
"""

from math import factorial

import numpy as np
from numba import literal_unroll
from numpy.typing import NDArray

from surrogate_hpo.descriptors.lanes import Lanes, compiled
from surrogate_hpo.descriptors.neighbours import NeighbourBins

# LAMMPS' rfac0: the cutoff maps to 0.99363·π, just short of the pole of the 3-sphere.
ANGLE_FACTOR = 0.99363
# At or below this squared distance (Å²) LAMMPS does not count an atom as a neighbour.
ON_POINT = 1e-20
# Rows per neighbour: dx, dy, dz, 1/cutoff, weight in the geometry buffer, and
# Re a, Im a, Re b, Im b, weight among the rotations.
ROWS_PER_NEIGHBOUR = 5
_SINE = tuple((-1) ** n / factorial(2 * n + 1) for n in range(11, -1, -1))
_COSINE = tuple((-1) ** n / factorial(2 * n) for n in range(12, -1, -1))


@compiled
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
    for lane in range(filled):
        found[lane] = _find(points, begin + lane, bins, cutoffs, weights, geometry, lane)
    longest = found.max()
    for lane in range(lanes):
        for k in range(found[lane], longest):
            row = ROWS_PER_NEIGHBOUR * k
            geometry[row, lane] = 1.0
            for zero in range(row + 1, row + ROWS_PER_NEIGHBOUR):
                geometry[zero, lane] = 0.0
    return int(longest)


@compiled
def _find(
    points: NDArray[np.float64],
    p: int,
    bins: NeighbourBins,
    cutoffs: NDArray[np.float64],
    weights: NDArray[np.float64],
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
    for candidate in range(bins.start[target], bins.start[target + 1]):
        dx = home_x - bins.positions[candidate, 0]
        dy = home_y - bins.positions[candidate, 1]
        dz = home_z - bins.positions[candidate, 2]
        squared = dx * dx + dy * dy + dz * dz
        cutoff = cutoffs[bins.atoms[candidate]]
        if ON_POINT < squared < cutoff * cutoff:
            row = ROWS_PER_NEIGHBOUR * found
            geometry[row, lane] = dx
            geometry[row + 1, lane] = dy
            geometry[row + 2, lane] = dz
            geometry[row + 3, lane] = 1 / cutoff
            geometry[row + 4, lane] = weights[bins.atoms[candidate]]
            found += 1
    return found


@compiled
def rotate(geometry: NDArray[np.float64], rotations: Lanes, n_neighbours: int) -> None:
    """Turn distances into unit quaternions and weights.

    θ = ANGLE_FACTOR·π·r/R is the angle on the 3-sphere, a = cos θ − i sin θ z/r and
    b = sin θ (y − i x)/r; a*, −b* and w·f_c are stored. Half angles keep the series short,
    and plain arithmetic lets the loop over lanes become vector code.
    """
    for k in range(n_neighbours):
        for lane in range(geometry.shape[1]):
            x = geometry[ROWS_PER_NEIGHBOUR * k, lane]
            y = geometry[ROWS_PER_NEIGHBOUR * k + 1, lane]
            z = geometry[ROWS_PER_NEIGHBOUR * k + 2, lane]
            r = np.sqrt(x * x + y * y + z * z)
            quarter_turns = r * geometry[ROWS_PER_NEIGHBOUR * k + 3, lane]
            half = 0.5 * np.pi * ANGLE_FACTOR * quarter_turns
            sine, cosine = _sine_cosine(half)
            _, switch = _sine_cosine(0.5 * np.pi * quarter_turns)
            slope = 2 * sine * cosine / r
            rotations[5 * k, lane] = 1 - 2 * sine * sine
            rotations[5 * k + 1, lane] = z * slope
            rotations[5 * k + 2, lane] = -y * slope
            rotations[5 * k + 3, lane] = -x * slope
            rotations[5 * k + 4, lane] = (
                geometry[ROWS_PER_NEIGHBOUR * k + 4, lane] * switch * switch
            )


@compiled
def _sine_cosine(angle: float) -> tuple[float, float]:
    """Taylor series of sin and cos, exact to the last bit or two for |angle| ≤ π/2."""
    square = angle * angle
    sine, cosine = 0.0, 0.0
    for k in literal_unroll(_SINE):
        sine = sine * square + k
    for k in literal_unroll(_COSINE):
        cosine = cosine * square + k
    return angle * sine, cosine
