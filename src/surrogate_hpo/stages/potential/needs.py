"""Bytes and CPU seconds of a potential: descriptors at the atoms, and a least-squares fit."""

from collections.abc import Sequence

from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import FLOAT64, NUMBA_BASE, PRODUCT_RATE, STARTUP_SECONDS, Need
from surrogate_hpo.stages.potential.settings import FitSettings

# Derivatives of all components at an atom for 2 J_max = 8; they grow with the fifth power.
_SECONDS_PER_ATOM, _AT, _POWER = 3e-3, 8, 5.0
_ELEMENTS = 2


def potential(case: Case) -> Need:
    """Rows of all structures for every candidate, one after the other; of own files a guess."""
    return fit_need(case, case.config.potential, case.config.names("training"))


def fit_need(case: Case, settings: FitSettings, names: Sequence[str]) -> Need:
    """What fitting a potential needs.

    Parameters
    ----------
    case
        The case.
    settings
        What it is chosen from.
    names
        Of the snapshots that it is fitted to.

    Returns
    -------
    Need
        Of the rows of all structures for every candidate, one after the other.
    """
    atoms = max(sum(case.sizes.get(name, case.size).atoms for name in names), case.size.atoms)
    structures = max(len(names), 1)
    cutoffs, weights = len(settings.cutoff_radii_angstrom) or 3, len(settings.force_weights) or 1
    largest = _ELEMENTS * n_components(max(settings.twojmax))
    describing = sum(_SECONDS_PER_ATOM * (twojmax / _AT) ** _POWER for twojmax in settings.twojmax)
    rows = min(3 * atoms, structures * largest)
    fits = cutoffs * len(settings.twojmax) * weights + settings.members
    fitting = fits * (6 * rows * largest**2 + 20 * structures * largest**3) / PRODUCT_RATE
    memory = NUMBA_BASE + FLOAT64 * largest * (6 * atoms + 6 * rows)
    seconds = 4 * STARTUP_SECONDS + cutoffs * atoms * describing + fitting
    return Need(memory, seconds)
