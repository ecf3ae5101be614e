"""From the tables of the evaluate stage to its figures."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.predict.energies import DFT, REFERENCE_LDOS
from surrogate_hpo.report.error_summary import QuantityError
from surrogate_hpo.report.errors import ClassError, SnapshotEnergies
from surrogate_hpo.report.style import DrawnFigure
from surrogate_hpo.stages.evaluate.figure_dos import dos_overlay
from surrogate_hpo.stages.evaluate.figure_error_by_size import error_by_size
from surrogate_hpo.stages.evaluate.figure_forces import force_figures
from surrogate_hpo.stages.evaluate.figure_ldos import ldos_overlay
from surrogate_hpo.stages.evaluate.figure_parity import parity
from surrogate_hpo.stages.report.energies import EnergyTable, Row, numbers


def draw_dos(rows: Sequence[Row], energies: EnergyTable) -> DrawnFigure:
    """The density of states of the first held-out snapshot."""
    snapshot = rows[0]["snapshot"]
    curves: dict[str, list[Row]] = {}
    for row in rows:
        if row["snapshot"] == snapshot:
            curves.setdefault(row["source"], []).append(row)
    fermi = energies.fermi_energies(snapshot)
    reference = curves[REFERENCE_LDOS]
    return dos_overlay(
        snapshot=snapshot,
        energy_ev=numbers(reference, "energy_ev"),
        reference_per_ev=numbers(reference, "dos_per_ev"),
        predicted_per_ev=[numbers(curves[seed], "dos_per_ev") for seed in energies.seeds],
        fermi_energy_reference_ev=fermi[DFT],
        fermi_energy_predicted_ev=[fermi[seed] for seed in energies.seeds],
    )


def draw_ldos(rows: Sequence[Row]) -> DrawnFigure:
    """The LDOS of the first held-out snapshot at the sampled points."""
    points = list(dict.fromkeys(row["point"] for row in rows))
    sources = list(dict.fromkeys(row["source"] for row in rows))

    def values(source: str) -> NDArray[np.float64]:
        chosen = [row for row in rows if row["source"] == source]
        return numbers(chosen, "ldos_per_ev_angstrom3").reshape(len(points), -1)

    energy = numbers(rows, "energy_ev")
    return ldos_overlay(
        snapshot=rows[0]["snapshot"],
        point=points,
        energy_ev=np.unique(energy),
        reference=values(REFERENCE_LDOS),
        predicted=[values(source) for source in sources if source != REFERENCE_LDOS],
    )


def draw_parity(
    energies: SnapshotEnergies, error: QuantityError, kind: Sequence[Hashable]
) -> DrawnFigure:
    """One quantity of the snapshots whose DFT value is known."""
    judged = energies.judged
    return parity(
        snapshot=judged.snapshot,
        dft_ev_per_atom=judged.dft,
        surrogate_ev_per_atom=judged.surrogate,
        floor_ev_per_atom=judged.floor,
        baseline_ev_per_atom=judged.baseline,
        error=error,
        kind=[one for one, value in zip(kind, energies.dft, strict=True) if np.isfinite(value)],
    )


def draw_error_by_size(classes: Sequence[ClassError]) -> list[DrawnFigure]:
    """The errors against the number of atoms, where there are several and they are known."""
    known = [entry for entry in classes if entry.error.known]
    return [error_by_size(known)] if len({entry.atoms for entry in known}) > 1 else []


def draw_forces(rows: Sequence[Row]) -> list[DrawnFigure]:
    """Forces against DFT, where they are known."""
    return force_figures(
        element=[row["element"] for row in rows],
        dft=numbers(rows, "dft_ev_per_angstrom"),
        mean=numbers(rows, "mean_ev_per_angstrom"),
        spread=numbers(rows, "spread_ev_per_angstrom"),
    )
