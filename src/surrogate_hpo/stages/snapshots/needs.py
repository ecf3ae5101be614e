"""Bytes and CPU seconds of a snapshot."""

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import NUMPY_BASE, STARTUP_SECONDS, Need


def snapshots(case: Case) -> Need:
    """Thermal configurations; molecular dynamics takes 50 µs per atom and step."""
    settings = case.config.snapshots
    steps = settings.equilibration_steps if settings.method == "molecular_dynamics" else 0
    return Need(
        NUMPY_BASE + 10_000.0 * case.size.atoms,
        STARTUP_SECONDS + 5e-5 * steps * case.size.atoms,
    )
