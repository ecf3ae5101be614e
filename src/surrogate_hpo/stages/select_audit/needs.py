"""Bytes and CPU seconds of replays: a linear fit after each batch of each rule and seed."""

from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import FLOAT64, NUMBA_BASE, STARTUP_SECONDS, Need

# Derivatives of all components at an atom for 2 J_max = 8; they grow with the fifth power.
_SECONDS_PER_ATOM, _AT, _POWER = 3e-3, 8, 5.0
# A fit with leave-one-out errors; 40 ms for 60 structures of 4 atoms with forces measured.
_SECONDS_PER_FIT_AND_STRUCTURE = 1.5e-3
# Of files the number of frames is not known before they are read.
_FRAMES = 200
_MEMBERS = 8


def select_audit(case: Case) -> Need:
    """Descriptors once, fits many times."""
    settings = case.config.select_audit
    structures = len(settings.files) * _FRAMES or case.snapshots("training", "validation", "test")
    atoms = structures * case.size.atoms
    steps = structures / settings.batch
    replays = settings.seeds * (len(settings.rules) + settings.random_draws + _MEMBERS)
    fits = replays * steps * _SECONDS_PER_FIT_AND_STRUCTURE * structures / 2
    components = n_components(settings.twojmax)
    return Need(
        NUMBA_BASE + 20 * FLOAT64 * components * 3 * atoms,
        4 * STARTUP_SECONDS + _SECONDS_PER_ATOM * (settings.twojmax / _AT) ** _POWER * atoms + fits,
    )
