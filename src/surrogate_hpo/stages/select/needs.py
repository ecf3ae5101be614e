"""Bytes and CPU seconds of a selection: descriptors at the atoms, distances between them."""

import math

from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import FLOAT64, NUMBA_BASE, STARTUP_SECONDS, Need
from surrogate_hpo.run.needs.predictions import predictions

# Descriptors of an atom for 2 J_max = 8, and of a structure; 0.2 and 1 ms measured.
_SECONDS_PER_ATOM, _AT, _POWER, _SECONDS_PER_STRUCTURE = 3e-4, 8, 3.3, 2e-3
# A step of the choice looks at all candidates again.
_SECONDS_PER_STEP_AND_ATOM = 5e-6
# Of files the number of frames is not known before they are read.
_FRAMES = 1000


def select(case: Case) -> Need:
    """All candidates described, and looked at again for each that is chosen, perhaps predicted."""
    settings = case.config.select
    pool = pool_need(case, twojmax=settings.twojmax, number=settings.number)
    if not settings.asks_networks:
        return pool
    candidates, largest = _candidates(case)
    points = math.ceil(case.grid_points * largest / case.size.atoms)
    predicted = predictions(case, [points] * (candidates + case.snapshots("validation")))
    return Need(
        pool.memory_bytes + predicted.memory_bytes, pool.cpu_seconds + predicted.cpu_seconds
    )


def pool_need(case: Case, *, twojmax: int, number: int) -> Need:
    """What a choice from the pool needs.

    Parameters
    ----------
    case
        The case.
    twojmax
        2·J_max of the descriptors at the atoms.
    number
        Of structures that are chosen.

    Returns
    -------
    Need
        Of all candidates, described and looked at again for each that is chosen.
    """
    candidates, largest = _candidates(case)
    structures = candidates + case.snapshots("training", "validation", "test")
    atoms = structures * largest
    components = n_components(twojmax)
    seconds = (
        4 * STARTUP_SECONDS
        + _SECONDS_PER_ATOM * (twojmax / _AT) ** _POWER * atoms
        + _SECONDS_PER_STRUCTURE * structures
        + _SECONDS_PER_STEP_AND_ATOM * number * atoms
    )
    return Need(NUMBA_BASE + 10 * FLOAT64 * components * atoms, seconds)


def _candidates(case: Case) -> tuple[int, int]:
    """Number of candidates, and the largest number of atoms of one."""
    pool, made = case.config.select.pool, case.config.select.made
    read = _FRAMES * sum(len(group.files or ()) for group in pool)
    listed = [group.supercell_atoms or 0 for group in pool]
    largest = max(max(n) if isinstance(n, list) else n for n in [*listed, case.size.atoms])
    return made + read, largest
