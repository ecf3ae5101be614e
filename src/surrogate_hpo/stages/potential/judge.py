"""Errors of a potential on structures whose energies, and perhaps forces, are known."""

import math
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.files.tables import Cell
from surrogate_hpo.physics.accuracy import class_baseline
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.stages.potential.columns import COLUMNS, FORCE_COLUMNS
from surrogate_hpo.units import GIGAPASCAL_PER_EV_PER_CUBIC_ANGSTROM

FloatArray = NDArray[np.float64]
_MEV = 1000.0


@dataclass(frozen=True)
class Judged:
    """One structure, what is known of it and what the potential says.

    Attributes
    ----------
    one
        What is known.
    kind
        `test` or `transfer`.
    energy_error
        meV/atom.
    energy_spread
        Of the members, meV/atom; NaN without.
    baseline_error
        Of the mean energy of the training structures of this class, meV/atom.
    force_errors
        Of every component, meV/Å; empty where they are not known.
    force_spreads
        Of the members, of every component, meV/Å; empty without members.
    stress_errors
        Of every component, GPa; empty where it is not known, or was not learnt.
    seconds
        CPU time of energy, forces and stress, without members.
    """

    one: Labelled
    kind: str
    energy_error: float
    energy_spread: float
    baseline_error: float
    force_errors: FloatArray
    force_spreads: FloatArray
    stress_errors: FloatArray
    seconds: float

    @property
    def force_spread(self) -> float:
        """Root mean square of the spreads, meV/Å; NaN without members."""
        return rms(self.force_spreads)

    def as_row(self) -> dict[str, Cell]:
        """A row of the table."""
        one = self.one
        values = (
            *(one.name, self.kind, one.group, str(one.atoms.symbols), len(one.atoms)),
            self.energy_error,
            self.energy_spread,
            self.baseline_error,
            rms(self.force_errors),
            rms(_known_forces(one)),
            self.force_spread,
            rms(self.stress_errors),
        )
        return dict(zip(COLUMNS, values, strict=True))

    def force_rows(self) -> list[dict[str, Cell]]:
        """A row per component of the known forces, eV/Å."""
        known = self.one.forces
        if known is None:
            return []
        predicted = known + self.force_errors.reshape(-1, 3) / _MEV
        spreads = np.full(known.shape, np.nan)
        if self.force_spreads.size:
            spreads = self.force_spreads.reshape(-1, 3) / _MEV
        found: list[dict[str, Cell]] = []
        for atom, symbol in enumerate(self.one.atoms.symbols):
            for number, axis in enumerate("xyz"):
                row: list[Cell] = [self.one.name, self.kind, atom, str(symbol), axis]
                row += [float(of[atom, number]) for of in (known, predicted, spreads)]
                found.append(dict(zip(FORCE_COLUMNS, row, strict=True)))
        return found


def judge(
    potential: Potential,
    training: Sequence[Labelled],
    held_out: Sequence[Labelled],
    kind: str,
) -> list[Judged]:
    """Predict structures and compare with what is known of them.

    Parameters
    ----------
    potential
        What is judged.
    training
        What it was fitted to: its mean energies are the baseline.
    held_out
        Structures to predict.
    kind
        What they are called in the table.

    Returns
    -------
    list of Judged
        In their order.

    Raises
    ------
    DataError
        If a structure holds an element that the potential does not know.
    """
    for one in held_out:  # all of them, before the first is predicted
        potential.descriptor.kinds(one.atoms, where=one.name)
    of_class: dict[Hashable, list[float]] = {}
    for one in training:
        of_class.setdefault(one.group, []).append(one.energy / len(one.atoms))
    energies = [one.energy / len(one.atoms) for one in held_out]
    baseline = class_baseline(energies, [one.group for one in held_out], of_class).values
    return [
        _judged(potential, one, kind, _MEV * (constant - energy))
        for one, constant, energy in zip(held_out, baseline, energies, strict=True)
    ]


def _judged(potential: Potential, one: Labelled, kind: str, baseline_error: float) -> Judged:
    started = time.process_time()
    found = potential.predict(one.atoms)
    seconds = time.process_time() - started
    spread = potential.predict(one.atoms, spread=True)
    per_atom = _MEV / len(one.atoms)
    nothing = np.empty(0)
    return Judged(
        one,
        kind,
        per_atom * (found.energy - one.energy),
        math.nan if spread.energy_std is None else per_atom * spread.energy_std,
        baseline_error,
        nothing if one.forces is None else _MEV * (found.forces - one.forces).ravel(),
        nothing if spread.forces_std is None else _MEV * spread.forces_std.ravel(),
        nothing
        if one.stress is None or potential.stress_warnings
        else GIGAPASCAL_PER_EV_PER_CUBIC_ANGSTROM * (found.stress - one.stress).ravel(),
        seconds,
    )


def summary_of(rows: Sequence[Judged]) -> dict[str, Any] | None:
    """Errors over all structures of a set.

    Parameters
    ----------
    rows
        Of the set.

    Returns
    -------
    dict or None
        Energies in meV/atom beside the baseline and the spread of the members, forces in meV/Å
        beside their size, stress in GPa; None without structures.
    """
    if not rows:
        return None
    errors = np.array([row.energy_error for row in rows])
    baseline = np.array([row.baseline_error for row in rows])
    mae, of_baseline = float(np.abs(errors).mean()), float(np.abs(baseline).mean())
    forces = np.concatenate([row.force_errors for row in rows])
    known = np.concatenate([_known_forces(row.one) for row in rows])
    return {
        "structures": len(rows),
        "energy_mae_mev_per_atom": mae,
        "energy_mean_error_mev_per_atom": float(errors.mean()),
        "energy_largest_error_mev_per_atom": float(np.abs(errors).max()),
        "energy_baseline_mev_per_atom": of_baseline,
        "energy_skill": mae / of_baseline if of_baseline > 0 else None,
        "energy_spread_mev_per_atom": rms(np.array([row.energy_spread for row in rows])),
        "force_rmse_mev_per_angstrom": rms(forces),
        "rms_force_mev_per_angstrom": rms(known),
        "force_spread_mev_per_angstrom": rms(np.array([row.force_spread for row in rows])),
        "stress_rmse_gpa": rms(np.concatenate([row.stress_errors for row in rows])),
    }


def class_summaries(rows: Sequence[Judged]) -> list[dict[str, Any]]:
    """The same for each set and class by itself, in the order in which they come.

    Parameters
    ----------
    rows
        Of all sets.

    Returns
    -------
    list of dict
        With `set` and `class`.
    """
    kinds = dict.fromkeys((row.kind, row.one.group) for row in rows)
    return [
        {"set": kind, "class": group}
        | (summary_of([row for row in rows if (row.kind, row.one.group) == (kind, group)]) or {})
        for kind, group in kinds
    ]


def rms(values: FloatArray) -> float:
    """Root mean square; NaN of nothing."""
    return float(np.sqrt(np.mean(values**2))) if values.size else math.nan


def _known_forces(one: Labelled) -> FloatArray:
    return np.empty(0) if one.forces is None else _MEV * one.forces.ravel()
