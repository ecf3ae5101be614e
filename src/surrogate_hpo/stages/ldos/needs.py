"""Bytes and CPU seconds of a local density of states."""

from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    COMPLEX,
    FLOAT64,
    LARGE_FFT_RATE,
    PRODUCT_RATE,
    STARTUP_SECONDS,
    TORCH_BASE,
    Need,
    fft_operations,
)

# The LDOS takes so many bands at a time, and transforms so many of them at once.
_BANDS, _TRANSFORMED = 32, 8


# Per grid point: densities of a batch; orbitals of a transform, and the squares of a part of them.
BATCH_BYTES = _BANDS * FLOAT64 + _TRANSFORMED * (COMPLEX + FLOAT64)


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
        (fft_operations(points) + 10 * points) / LARGE_FFT_RATE
        + 2 * energies * points / PRODUCT_RATE
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
