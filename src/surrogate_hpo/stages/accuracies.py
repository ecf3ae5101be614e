"""Errors of the energies of held-out snapshots."""

from collections.abc import Sequence
from dataclasses import asdict

from surrogate_hpo.physics.accuracy import accuracy
from surrogate_hpo.stages.energies import (
    DFT,
    FERMI_ENERGY,
    QUANTITIES,
    REFERENCE_LDOS,
    SnapshotEnergies,
)


def accuracies(
    rows: Sequence[SnapshotEnergies], training: Sequence[SnapshotEnergies], sources: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Errors per quantity; energies in meV/atom, the Fermi energy in meV.

    Parameters
    ----------
    rows
        Energies of all held-out snapshots from all sources, DFT among them.
    training
        Energies of the training snapshots from DFT: their mean is the baseline.
    sources
        What the predictions of the initialisations are called.

    Returns
    -------
    dict
        Quantity -> errors over all initialisations.
    """

    def values(source: str, quantity: str) -> list[float]:
        return [1000 * r.comparable(quantity) for r in rows if r.source == source]

    result = {}
    for quantity in QUANTITIES:
        found = accuracy(
            [values(source, quantity) for source in sources],
            values(DFT, quantity),
            values(REFERENCE_LDOS, quantity),
            [1000 * row.comparable(quantity) for row in training],
        )
        unit = "mev" if quantity == FERMI_ENERGY else "mev_per_atom"
        result[quantity] = {
            (key if key == "std_over_seeds" else f"{key}_{unit}"): value
            for key, value in asdict(found).items()
        }
    return result
