"""What the needs of all jobs are made of; those of a stage stand in its `needs.py`.

Memory is counted from the arrays that a stage holds at its worst moment, time from floating
point operations. The rates are those of one core of the machine that ran the tutorial (AMD
EPYC, Zen 4), rounded down; docs/concepts/resources.md compares both with measurements.
"""

import math
from dataclasses import dataclass

from surrogate_hpo.run.case import Case

FLOAT64 = 8
COMPLEX = 16
MEBIBYTE = 2**20

# Resident sets of a process that has imported what the stage imports, and done nothing.
NUMPY_BASE = 110 * MEBIBYTE
NUMBA_BASE = 270 * MEBIBYTE
TORCH_BASE = 330 * MEBIBYTE
# A CUDA context and pinned buffers, in the memory of the host.
CUDA_BASE = 3000 * MEBIBYTE

# Transforms that fit the cache, as those of orbitals do, and those that do not.
FFT_RATE, LARGE_FFT_RATE = 3e9, 0.8e9
PRODUCT_RATE = 5e9
STARTUP_SECONDS = 5.0


# SNAP, seconds per point at 2 J_max = 10, and the power of 2 J_max + 2 with which it grows.
_SNAP = {
    "native": (9.5e-6, 3.3),
    "torch": (2.1e-4, 3.3),
    "lammps": (2.6e-4, 4.6),
}


@dataclass(frozen=True)
class Need:
    """What one job needs.

    Attributes
    ----------
    memory_bytes
        Largest resident set.
    cpu_seconds
        Of one core, were it to do all of it.
    gpu_seconds
        Of a GPU; 0 without one. Then `cpu_seconds` is what the host does beside it.
    fewest_threads
        Threads that the stage uses however small the case.
    """

    memory_bytes: float
    cpu_seconds: float
    gpu_seconds: float = 0.0
    fewest_threads: int = 1


def snap_seconds(case: Case, engine: str) -> float:
    """Seconds of SNAP per point at the largest 2 J_max; more neighbours cost little.

    Parameters
    ----------
    case
        The case.
    engine
        Name of the engine.

    Returns
    -------
    float
        Of one core.
    """
    at_ten, power = _SNAP[engine]
    radius = max(case.config.acsd.cutoff_radii_angstrom)
    neighbours = case.size.atoms / case.size.volume * 4 / 3 * math.pi * radius**3
    crowding = 1 + neighbours / 200
    return at_ten * crowding * math.pow((case.twojmax + 2) / 12, power)


def fft_operations(points: int) -> float:
    """Of one complex transform: 5 N log2 N."""
    return 5 * points * math.log2(max(points, 2))


REPORT_SECONDS = 30.0


def figure(_: Case) -> Need:
    """The one figure of a stage."""
    return Need(NUMPY_BASE, REPORT_SECONDS)


def gathering(_: Case) -> Need:
    """Tables from what other jobs have found; the libraries behind them are imported."""
    return Need(TORCH_BASE, STARTUP_SECONDS)
