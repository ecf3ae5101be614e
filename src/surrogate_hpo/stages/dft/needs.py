"""Bytes and CPU seconds of a run of pw.x."""

import math
import re

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import (
    COMPLEX,
    FFT_RATE,
    FLOAT64,
    MEBIBYTE,
    NUMPY_BASE,
    PRODUCT_RATE,
    STARTUP_SECONDS,
    Need,
    fft_operations,
)

# pw.x: iterations until self-consistency, and applications of H per band and iteration.
_SCF_STEPS = 12


_H_PER_STEP = 3
# Projectors of a norm-conserving pseudopotential: two s and two p are common.
_PROJECTORS_PER_ATOM = 8
# Vectors of Davidson's basis per band, each with its H psi and S psi.
_DAVIDSON = 2 * 3
# Real arrays on the density's grid, and complex ones of its plane waves with those of the mixing.
_DENSITY_ARRAYS, _DENSITY_VECTORS = 25, 24


def dft(case: Case) -> Need:
    r"""One pw.x run, all its processes together.

    Memory: orbitals of all k points, :math:`16 n_k n_b n_{pw}` B; the basis of Davidson's
    method at one k point, :math:`6 \cdot 16 n_b n_{pw}`, and its matrices; projectors,
    :math:`16 \cdot 8 n_{at} n_{pw}`; and 25 real arrays on the density's grid with 24 complex
    ones of its plane waves. Time: 12 iterations with three applications of H to each band, an
    application being two FFTs and the products with all bands and projectors.
    """
    if case.config.snapshots.finished:
        return Need(NUMPY_BASE, STARTUP_SECONDS)
    size, bands = case.size, case.size.bands
    projectors = _PROJECTORS_PER_ATOM * size.atoms
    orbitals = COMPLEX * bands * size.plane_waves
    memory = (
        (size.k_points + _DAVIDSON) * orbitals
        + 4 * COMPLEX * (2 * bands) ** 2
        + COMPLEX * projectors * size.plane_waves
        + _DENSITY_ARRAYS * FLOAT64 * size.grid_points
        + _DENSITY_VECTORS * COMPLEX * size.density_waves
    )
    applications = _SCF_STEPS * _H_PER_STEP * size.k_points * bands
    products = 8.0 * size.plane_waves * (4 * bands + 2 * projectors)
    seconds = applications * (
        2 * fft_operations(math.prod(size.orbital_grid)) / FFT_RATE + products / PRODUCT_RATE
    )
    processes = mpi_processes(case.config.dft.command)
    # Each process holds small tables of its own.
    base = NUMPY_BASE + 60 * MEBIBYTE * processes
    return Need(base + memory, STARTUP_SECONDS + seconds, fewest_threads=processes)


def mpi_processes(command: str | None) -> int:
    """Processes that a configured command starts: `mpirun -np 8 pw.x`, `srun -n 8 pw.x`.

    Parameters
    ----------
    command
        `dft.command` of the config.

    Returns
    -------
    int
        1 if the command names no number.
    """
    found = re.search(r"\s(?:-np|-n|--ntasks|-c)[ =](\d+)\s", f" {command or ''} ")
    return int(found[1]) if found else 1
