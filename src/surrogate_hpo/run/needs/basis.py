"""Bytes and CPU seconds of the jobs that make data: snapshots, dft, ldos, acsd, descriptors.

Memory is counted from the arrays that a stage holds at its worst moment, time from floating
point operations. The rates are those of one core of the machine that ran the tutorial (AMD
EPYC, Zen 4), rounded down; docs/concepts/resources.md compares both with measurements.
"""

import math
import re
from dataclasses import dataclass

from surrogate_hpo.run.case import FLOAT32, Case

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
_FFT_RATE, _LARGE_FFT_RATE = 3e9, 0.8e9
_PRODUCT_RATE = 5e9
STARTUP_SECONDS = 5.0

# pw.x: iterations until self-consistency, and applications of H per band and iteration.
_SCF_STEPS = 12
_H_PER_STEP = 3
# Projectors of a norm-conserving pseudopotential: two s and two p are common.
_PROJECTORS_PER_ATOM = 8
# Vectors of Davidson's basis per band, each with its H psi and S psi.
_DAVIDSON = 2 * 3
# Real arrays on the density's grid, and complex ones of its plane waves with those of the mixing.
_DENSITY_ARRAYS, _DENSITY_VECTORS = 25, 24

# The LDOS takes so many bands at a time, and transforms so many of them at once.
_BANDS, _TRANSFORMED = 32, 8
# Per grid point: densities of a batch; orbitals of a transform, and the squares of a part of them.
BATCH_BYTES = _BANDS * FLOAT64 + _TRANSFORMED * (COMPLEX + FLOAT64)

# SNAP, seconds per point at 2 J_max = 10, and the power of 2 J_max + 2 with which it grows.
_SNAP = {
    "native": (9.5e-6, 3.3),
    "torch": (2.1e-4, 3.3),
    "lammps": (2.6e-4, 4.6),
}
_SNAP_ON_GPU = 2e-6


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


def snapshots(case: Case) -> Need:
    """Thermal configurations; molecular dynamics takes 50 µs per atom and step."""
    settings = case.config.snapshots
    steps = settings.equilibration_steps if settings.method == "molecular_dynamics" else 0
    return Need(
        NUMPY_BASE + 10_000.0 * case.size.atoms,
        STARTUP_SECONDS + 5e-5 * steps * case.size.atoms,
    )


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
        2 * _fft_operations(math.prod(size.orbital_grid)) / _FFT_RATE + products / _PRODUCT_RATE
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


def ldos(case: Case) -> Need:
    r"""Sum of orbital densities over k points and bands.

    Memory: the sum in double precision, :math:`8 N n_E` B, with a batch of bands,
    :math:`8 \cdot 32 N`, and the transforms that make it, :math:`24 \cdot 8 N`; then the sum
    with its copy in single precision, :math:`12 N n_E`. Neither bands nor k points count.
    Of a finished calculation without bands the LDOS is only read.
    """
    points, bands, energies = case.grid_points, case.size.bands, case.energies
    accumulating = energies * FLOAT64 + BATCH_BYTES
    writing = energies * (FLOAT64 + FLOAT32)
    pairs = case.size.k_points * bands
    seconds = pairs * (
        (_fft_operations(points) + 10 * points) / _LARGE_FFT_RATE
        + 2 * energies * points / _PRODUCT_RATE
    )
    if case.config.snapshots.finished and not bands:
        # Read as it is; counted over space and energy, and the density's transform.
        accumulating, seconds = energies * FLOAT32 + 4 * COMPLEX, energies * points / 1e8
    elif case.config.ldos.source == "cubes":
        # pp.x sums the same orbitals once per energy, and writes text.
        accumulating, seconds = energies * (FLOAT64 + FLOAT32), seconds * energies / 10
    return Need(
        TORCH_BASE
        + 2 * COMPLEX * _BANDS * case.size.plane_waves
        + points * max(accumulating, writing),
        STARTUP_SECONDS + seconds,
    )


def acsd(case: Case) -> Need:
    """SNAP at the drawn points for each cutoff radius, and similarities of all pairs.

    Memory: one LDOS, the vectors at the points twice (distinct, and dealt out to the draws),
    once more where they are pooled, and for each candidate the similarities of a draw. The
    guard takes a copy of one radius' vectors and of the LDOS at the points.
    """
    settings = case.config.acsd
    snapshots = min(settings.snapshots, case.snapshots("training"))
    radii = len(settings.cutoff_radii_angstrom) * (1 + settings.refine)
    draws = snapshots * settings.draws
    points = draws * 2 * settings.points
    labels = 2 * FLOAT32 * case.grid_points * case.energies if settings.needs_ldos else 0
    copies = 3 if settings.pairs == "across" else 2
    vectors = copies * FLOAT64 * points * radii * case.components
    guard = 3 * FLOAT64 * points * (case.components + case.energies) if settings.guard else 0
    products = (
        2 * points * radii * case.components * (case.components + case.energies)
        if settings.guard
        else 0
    )
    pairs = settings.points**2
    candidates = radii * len(settings.twojmax)
    return Need(
        NUMBA_BASE + labels + vectors + guard + pairs * (candidates * FLOAT32 + 6 * FLOAT64),
        STARTUP_SECONDS
        + points * radii * snap_seconds(case, "native")
        + (draws * candidates * pairs * 2 * case.components + products) / _PRODUCT_RATE,
    )


def descriptors(case: Case) -> Need:
    """SNAP on the grid, block by block: the memory does not grow with the grid."""
    settings = case.config.descriptors
    block = min(settings.block_points, case.grid_points)
    values = block * case.components * (2 * FLOAT64 + FLOAT32)
    base = TORCH_BASE if settings.engine == "torch" else NUMBA_BASE
    seconds = case.grid_points * snap_seconds(case, settings.engine)
    packing = 64 * MEBIBYTE
    if settings.use_gpu:
        return Need(
            base + CUDA_BASE + values + packing,
            2 * STARTUP_SECONDS,
            gpu_seconds=case.grid_points * _SNAP_ON_GPU,
        )
    if settings.engine == "torch":
        values *= 4  # products at the nodes of the quadrature
    return Need(base + values + packing, STARTUP_SECONDS + seconds)


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


def _fft_operations(points: int) -> float:
    """Of one complex transform: 5 N log2 N."""
    return 5 * points * math.log2(max(points, 2))
