"""Bytes and CPU seconds of the choice of the descriptor."""

from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    FLOAT64,
    NUMBA_BASE,
    PRODUCT_RATE,
    STARTUP_SECONDS,
    Need,
    snap_seconds,
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
        + (draws * candidates * pairs * 2 * case.components + products) / PRODUCT_RATE,
    )
