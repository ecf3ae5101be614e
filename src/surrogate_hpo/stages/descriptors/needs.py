"""Bytes and CPU or GPU seconds of the descriptors of a snapshot."""

from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    CUDA_BASE,
    FLOAT64,
    MEBIBYTE,
    NUMBA_BASE,
    STARTUP_SECONDS,
    TORCH_BASE,
    Need,
    snap_seconds,
)

_SNAP_ON_GPU = 2e-6


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
