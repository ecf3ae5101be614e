"""Errors of the energies of held-out snapshots."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from surrogate_hpo.files.tables import Cell
from surrogate_hpo.networks.error_bar import ErrorBar
from surrogate_hpo.physics.accuracy import accuracy
from surrogate_hpo.predict.energies import (
    DFT,
    FERMI_ENERGY,
    QUANTITIES,
    REFERENCE_LDOS,
    SnapshotClass,
    SnapshotEnergies,
    baseline_of,
)
from surrogate_hpo.predict.error_bars import with_error_bars

Errors = dict[str, Any]
# These have no unit, and that one has had none in its name from the first.
_WITHOUT_UNIT = ("std_over_seeds", "skill", "correlation")


def accuracies(
    rows: Sequence[SnapshotEnergies], training: Sequence[SnapshotEnergies], sources: Sequence[str]
) -> dict[str, Errors]:
    """Errors per quantity; energies in meV/atom, the Fermi energy in meV.

    Parameters
    ----------
    rows
        Energies of all held-out snapshots from all sources, DFT among them.
    training
        Energies of the training snapshots from DFT: the baseline, where they are of the same
        class.
    sources
        What the predictions of the initialisations are called.

    Returns
    -------
    dict
        Quantity -> errors over all initialisations and the snapshots whose DFT value is known,
        with `baseline_of`, what the baseline is, and `known_snapshots`, how many these are.
    """
    reference = [row for row in rows if row.source == DFT]

    def values(found: Sequence[SnapshotEnergies], quantity: str) -> list[float]:
        return [1000 * row.comparable(quantity) for row in found]

    def of(source: str) -> list[SnapshotEnergies]:
        return [row for row in rows if row.source == source]

    result: dict[str, Errors] = {}
    for quantity in QUANTITIES:
        truth, baseline = values(reference, quantity), baseline_of(reference, training, quantity)
        found = accuracy(
            [values(of(source), quantity) for source in sources],
            truth,
            values(of(REFERENCE_LDOS), quantity),
            1000 * baseline.values,
            [row.kind for row in reference],
        )
        result[quantity] = with_units(asdict(found), quantity) | {
            "baseline_of": baseline.kind,
            "known_snapshots": int(np.isfinite(truth).sum()),
        }
    return result


def with_units(errors: Mapping[str, float], quantity: str) -> Errors:
    """Put the unit behind each name: meV/atom, of the Fermi energy meV."""
    unit = "mev" if quantity == FERMI_ENERGY else "mev_per_atom"
    return {
        (key if key in _WITHOUT_UNIT else f"{key}_{unit}"): value for key, value in errors.items()
    }


def class_accuracies(
    rows: Sequence[SnapshotEnergies],
    training: Sequence[SnapshotEnergies],
    sources: Sequence[str],
    bar: ErrorBar | None = None,
) -> list[Errors]:
    """The same for each class of held-out snapshots by itself.

    Parameters
    ----------
    rows
        As for `accuracies`.
    training
        As for `accuracies`.
    sources
        As for `accuracies`.
    bar
        Calibrated error bar of the total free energy.

    Returns
    -------
    list of dict
        `atoms`, `temperature_kelvin` (None if not known), `snapshots` and all quantities; small
        cells first.
    """
    found = []
    for kind in classes_of(rows):
        members = [row for row in rows if row.kind == kind]
        count = sum(row.source == DFT for row in members)
        errors = with_error_bars(accuracies(members, training, sources), members, bar)
        found.append(described(kind, count) | errors)
    return found


def described(kind: SnapshotClass, snapshots: int) -> Errors:
    """What tells a class from others, and how many snapshots it has."""
    return {
        "atoms": kind.atoms,
        "temperature_kelvin": kind.temperature,
        "snapshots": snapshots,
    }


def classes_of(rows: Sequence[SnapshotEnergies]) -> list[SnapshotClass]:
    """The classes that occur: small cells first, then cold ones."""
    return sorted({row.kind for row in rows}, key=lambda kind: (kind.atoms, kind.temperature or 0))


def class_rows(classes: Sequence[Errors]) -> Iterator[dict[str, Cell]]:
    """Rows of the table of classes: one per class and energy.

    Parameters
    ----------
    classes
        As `class_accuracies` gives them.

    Yields
    ------
    dict
        Class, quantity and its errors; not of the Fermi energy, whose unit is another.
    """
    for entry in classes:
        kind = {name: entry[name] for name in ("atoms", "temperature_kelvin", "snapshots")}
        for quantity in QUANTITIES:
            if quantity != FERMI_ENERGY:
                yield kind | {"quantity": quantity} | entry[quantity]
