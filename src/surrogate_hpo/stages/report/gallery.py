"""From the tables of a run to the figures of its report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from surrogate_hpo.files.documents import read_document
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.predict.transferred import read_transferred
from surrogate_hpo.report.error_summary import QuantityError, error_summary
from surrogate_hpo.report.errors import ClassError
from surrogate_hpo.report.style import DrawnFigure
from surrogate_hpo.report.table import format_with_spread
from surrogate_hpo.run.graph import STAGES, SUMMARIES, edges
from surrogate_hpo.search.options import OBJECTIVES
from surrogate_hpo.stages.acsd.figure import GUARD, SCORES, acsd_map
from surrogate_hpo.stages.acsd.figure_clouds import similarity_clouds, similarity_spread
from surrogate_hpo.stages.acsd.similarities import read_similarities
from surrogate_hpo.stages.ados.draw import figures_of
from surrogate_hpo.stages.audit.draw import figure_arguments
from surrogate_hpo.stages.audit.figure import score_agreement
from surrogate_hpo.stages.learning_curve.draw import curve_of
from surrogate_hpo.stages.naswot.figure import naswot_ranking
from surrogate_hpo.stages.potential.draw import potential_figures
from surrogate_hpo.stages.report.arguments import RunFiles
from surrogate_hpo.stages.report.energies import EnergyTable, Row, flags, numbers
from surrogate_hpo.stages.report.figure_cost import cost_per_stage
from surrogate_hpo.stages.report.figure_dag import dag
from surrogate_hpo.stages.report.figure_time_by_size import time_by_size
from surrogate_hpo.stages.report.gallery_evaluated import (
    draw_dos,
    draw_error_by_size,
    draw_forces,
    draw_ldos,
    draw_parity,
)
from surrogate_hpo.stages.report.records import size_times
from surrogate_hpo.stages.rounds.figure import rounds_figure
from surrogate_hpo.stages.search.figure import search_history
from surrogate_hpo.stages.train.figure import learning_curves

PARITY = ("band_energy", "total_free_energy")
COST_COLUMNS = (
    *("jobs", "cpu_seconds", "gpu_seconds", "wall_seconds"),
    *("allocated_cpu_seconds", "allocated_gpu_seconds"),
)

# Unit of the search's objective -> its column in the table of trials.
_OBJECTIVE_COLUMNS = {objective.unit: objective.column for objective in OBJECTIVES.values()}


def draw_all(
    files: RunFiles,
    acsd: Mapping[str, Any],
    naswot: Mapping[str, Any],
    search: Mapping[str, Any],
    errors: tuple[Sequence[QuantityError], Sequence[ClassError]],
    energies: EnergyTable,
    cost: Mapping[str, Mapping[str, float]],
    structures: Mapping[str, Atoms],
) -> list[DrawnFigure]:
    """Draw every figure of the report.

    Parameters
    ----------
    files
        The tables of the run, and what flows between its stages.
    acsd
        The choice of the acsd stage.
    naswot
        The choice of the naswot stage.
    search
        The choice of the search stage.
    errors
        Per quantity, and of the headline quantity per class, meV/atom; NaN where there is no
        reference.
    energies
        Energies of the held-out snapshots.
    cost
        Cost per stage in seconds.
    structures
        Snapshots by name whose DFT was run here.

    Returns
    -------
    list of DrawnFigure
        In the order of the report.
    """
    choices, evaluation, requested = files.choices, files.evaluation, files.requested
    candidates = read_table(choices.acsd_scores)
    known = [error for error in errors[0] if error.known]
    audits = list[DrawnFigure]()
    if requested.audit_scores:
        tables = [read_table(*requested.audit_scores), read_table(*requested.audit_agreement)]
        audits = [score_agreement(**figure_arguments(*tables))]
    return [
        _dag(files),
        *map(_rounds, requested.rounds),
        _acsd(candidates, acsd),
        _similarities(candidates, acsd, choices.acsd_similarities),
        _naswot(read_table(choices.naswot_scores), naswot),
        *audits,
        _search(read_table(choices.trials), search),
        _learning_curves(files.networks.histories),
        draw_dos(read_table(evaluation.dos), energies),
        draw_ldos(read_table(evaluation.ldos_samples)),
        *(
            draw_parity(energies.quantity(error.quantity), error, energies.classes)
            for error in known
            if error.quantity in PARITY
        ),
        error_summary(known),
        *draw_error_by_size(errors[1]),
        *draw_forces(read_table(evaluation.forces)),
        *map(curve_of, requested.learning_curve),
        *(figures_of(*requested.ados, *requested.ados_dos) if requested.ados else ()),
        *(
            potential_figures(*requested.potential, *requested.potential_forces)
            if requested.potential
            else ()
        ),
        *_time_by_size(files, structures),
        cost_per_stage(
            stage=list(cost),
            **{key: [total[key] for total in cost.values()] for key in COST_COLUMNS},
        ),
    ]


def _dag(files: RunFiles) -> DrawnFigure:
    """The stages of this run, in the order of its chain."""
    nodes, requested = list(STAGES), files.requested
    if requested.audit_scores:
        nodes.append("audit")
    for stage, before, there in (
        ("rounds", "ldos", requested.rounds),
        ("floor", "acsd", requested.floor),
        ("transfer", "evaluate", requested.transfer),
    ):
        if there:
            nodes.insert(nodes.index(before), stage)
    back = [("rounds", "snapshots")] if requested.rounds else []
    return dag(nodes=nodes, edges=edges(files.flow, nodes), descriptions=SUMMARIES, returning=back)


def _rounds(summary: Path) -> DrawnFigure:
    found = read_document(summary, keys=("rounds", "stop"))
    return rounds_figure(found["rounds"], found["stop"])


def _acsd(rows: Sequence[Row], choice: Mapping[str, Any]) -> DrawnFigure:
    score = SCORES[choice["objective"]]
    return acsd_map(
        cutoff_radius_angstrom=numbers(rows, "cutoff_radius_angstrom"),
        twojmax=numbers(rows, "twojmax"),
        acsd_mean=numbers(rows, f"{score.name}_mean"),
        acsd_std=numbers(rows, f"{score.name}_std"),
        within_spread=flags(rows, "within_spread"),
        chosen=(choice["cutoff_radius_angstrom"], choice["twojmax"]),
        constant_descriptor_acsd=choice["constant_descriptor_score"],
        score=score,
        guard={name: numbers(rows, name) for name in GUARD if name in rows[0]},
    )


def _similarities(rows: Sequence[Row], choice: Mapping[str, Any], store: Path) -> DrawnFigure:
    """Similarities of the pairs, for the chosen, the best and the worst candidate."""
    score = SCORES[choice["objective"]]
    data = read_similarities(store)
    mean, spread = (numbers(rows, f"{score.name}_{kind}") for kind in ("mean", "std"))
    eligible = [index for index, row in enumerate(rows) if not row["rejected"]]
    ranked = sorted(eligible, key=lambda i: mean[i] if score.better == "smaller" else -mean[i])
    roles: dict[int, list[str]] = {flags(rows, "chosen").index(True): ["chosen"]}
    roles.setdefault(ranked[0], []).append("best")
    roles.setdefault(ranked[-1], []).append("worst")
    titles = [
        f"{', '.join(words)}: {float(rows[i]['cutoff_radius_angstrom']):g} Å, "
        f"2J_max {rows[i]['twojmax']}, {score.label} {format_with_spread(mean[i], spread[i])}"
        for i, words in roles.items()
    ]
    clouds = data.descriptor[list(roles)]
    if data.ldos is None:
        return similarity_spread(
            snapshot=data.snapshot, candidate=titles, descriptor_similarity=clouds
        )
    return similarity_clouds(
        snapshot=data.snapshot,
        candidate=titles,
        ldos_similarity=data.ldos,
        descriptor_similarity=clouds,
    )


def _naswot(rows: Sequence[Row], choice: Mapping[str, Any]) -> DrawnFigure:
    return naswot_ranking(
        architecture=[row["architecture"].removesuffix(f" {row['activation']}") for row in rows],
        activation=[row["activation"] for row in rows],
        parameter_count=numbers(rows, "parameters"),
        score=numbers(rows, "score"),
        score_std=numbers(rows, "std"),
        chosen=flags(rows, "chosen").index(True),
        direction=choice["direction"],
    )


def _search(rows: Sequence[Row], choice: Mapping[str, Any]) -> DrawnFigure:
    return search_history(
        trial=numbers(rows, "trial"),
        value=numbers(rows, _OBJECTIVE_COLUMNS[choice["objective_unit"]]),
        state=[row["state"] for row in rows],
        learning_rate=numbers(rows, "learning_rate"),
        objective=choice["objective"],
        objective_unit=choice["objective_unit"],
    )


def _learning_curves(histories: Sequence[Path]) -> DrawnFigure:
    rows = [(number, row) for number, path in enumerate(histories) for row in read_table(path)]
    table = [row for _, row in rows]
    return learning_curves(
        seed=[number for number, _ in rows],
        epoch=numbers(table, "epoch"),
        training_loss=numbers(table, "training_loss"),
        validation_loss=numbers(table, "validation_loss"),
        used=flags(table, "used"),
    )


def _time_by_size(files: RunFiles, structures: Mapping[str, Atoms]) -> list[DrawnFigure]:
    """The times against the number of atoms, where structures beyond the run were predicted."""
    beyond = [one for path in files.requested.transfer for one in read_transferred(path)]
    times = size_times(beyond, structures, files.costs)
    return [time_by_size(times)] if times else []
