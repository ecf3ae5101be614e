"""From the files of a run to the content of its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ase import Atoms

from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.report.error_summary import QuantityError, error_summary_table
from surrogate_hpo.report.errors import snapshot_errors_table
from surrogate_hpo.report.page import Notice, Provenance, ReportContext, ReportTable
from surrogate_hpo.report.verdict import Targets
from surrogate_hpo.stages.compare.method_costs import METHOD_COLUMNS, method_costs_table
from surrogate_hpo.stages.report.arguments import RunFiles
from surrogate_hpo.stages.report.energies import EnergyTable
from surrogate_hpo.stages.report.errors import class_errors, force_errors, quantity_errors
from surrogate_hpo.stages.report.gallery import draw_all
from surrogate_hpo.stages.report.key_numbers import key_numbers
from surrogate_hpo.stages.report.methods import composition, methods, temperatures
from surrogate_hpo.stages.report.notices import mixed_engines, notices
from surrogate_hpo.stages.report.records import HEADLINE, Documents
from surrogate_hpo.stages.report.settings import ReportSettings
from surrogate_hpo.stages.rounds.figure import chosen_table
from surrogate_hpo.stages.train.figure import validation_losses_table
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

_OWN_IONS = {"files": "own structures", "finished": "finished calculations"}


@dataclass(frozen=True)
class Run:
    """Everything that the report is made from.

    Attributes
    ----------
    documents
        One DFT run, the choices and the errors.
    records
        Provenance per stage.
    files
        Where all that lies.
    energies
        Energies of the held-out snapshots.
    validation_losses
        Per network its losses per validation snapshot.
    engines
        Versions of Quantum ESPRESSO of the DFT runs, as far as they are known.
    warned
        What the floor and the rounds warn of, by stage, if they are part of the run.
    rounds
        Summary of the rounds stage; empty if it is not part of the run.
    comparison
        Rows of the compare stage, if it is part of the report.
    cost
        Cost per stage in seconds.
    """

    documents: Documents
    records: Documents
    files: RunFiles
    energies: EnergyTable
    validation_losses: Sequence[Sequence[Mapping[str, str]]]
    engines: Sequence[str]
    warned: Mapping[str, Sequence[str]]
    rounds: Mapping[str, Any]
    comparison: Sequence[Mapping[str, str]]
    cost: Mapping[str, Mapping[str, float]]


def report_context(settings: ReportSettings, seed: int, run: Run) -> ReportContext:
    """Collect figures, tables, words and provenance.

    Parameters
    ----------
    settings
        Title and targets.
    seed
        Root seed of the config.
    run
        What the stages have left.

    Returns
    -------
    ReportContext
        The content of the page.
    """
    acsd, naswot, search, evaluated = (
        run.documents[stage] for stage in ("acsd", "naswot", "search", "evaluate")
    )
    errors, by_class = quantity_errors(evaluated), class_errors(evaluated)
    headline = next(error for error in errors if error.quantity == HEADLINE)
    data, choices = run.files.data, run.files.choices
    atoms = [read_structure(path) for path in data.structures]
    run_here = run.records["snapshots"]["settings"]["method"] != "finished"
    computed = {p.stem: one for p, one in zip(data.structures, atoms, strict=True) if run_here}
    figures = draw_all(
        run.files, acsd, naswot, search, (errors, by_class), run.energies, run.cost, computed
    )
    return ReportContext(
        title=settings.title,
        material=_material(atoms, run.records, run.documents["dft"]),
        headline_quantity=HEADLINE,
        errors=errors,
        targets=_targets(settings),
        held_out_snapshots=evaluated["held_out_snapshots"],
        training_seeds=evaluated["initialisations"],
        figures=figures,
        tables=_tables(run, errors, {figure.name: figure.table for figure in figures}),
        methods=methods(
            run.documents,
            run.records,
            data.pseudopotentials,
            atoms,
            candidates=(choices.acsd_scores, choices.naswot_scores),
            error=headline,
        ),
        settings={"seed": seed} | {s: record["settings"] for s, record in run.records.items()},
        provenance=_provenance(run.records, run.engines, seed),
        key_numbers=key_numbers(run.documents, run.cost),
        notes={
            "acsd": acsd["decision"]["reasons"],
            "naswot": naswot["reasons"],
            **({"rounds": run.rounds["notes"]} if run.rounds else {}),
        },
        warnings=[
            *mixed_engines(run.engines),
            *(Notice(stage, line) for stage, lines in run.warned.items() for line in lines),
            *notices(run.documents, errors, by_class),
        ],
        classes=by_class,
        forces=force_errors(evaluated),
    )


def _targets(settings: ReportSettings) -> Targets:
    return Targets(
        mae_mev_per_atom=settings.target_mev_per_atom,
        baseline_fraction=settings.target_baseline_fraction,
        floor_mev_per_atom=settings.target_floor_mev_per_atom,
        held_out_snapshots=settings.target_held_out_snapshots,
    )


def _tables(
    run: Run, errors: Sequence[QuantityError], drawn: Mapping[str, Any]
) -> list[ReportTable]:
    energies = {error.label: run.energies.quantity(error.quantity) for error in errors}
    known = {name: values.judged for name, values in energies.items() if values.known}
    count = run.documents["evaluate"]["held_out_snapshots"]
    tables = [
        ReportTable(
            "errors_per_snapshot",
            "evaluate",
            f"Errors of each of {count} held-out snapshots, per quantity.",
            snapshot_errors_table(known),
        ),
        ReportTable(
            "errors_per_energy",
            "evaluate",
            "Mean absolute error of each energy.",
            error_summary_table(errors),
        ),
        ReportTable(
            "validation_loss_split",
            "train",
            "Validation loss of each network, and its part that all points of a snapshot share: "
            "the squared error of the snapshot's mean LDOS, which enters the energies in full.",
            validation_losses_table(run.validation_losses),
        ),
        ReportTable("cost_per_stage", "cost", "Computing time per stage.", drawn["cost_per_stage"]),
    ]
    if run.rounds:
        chosen = chosen_table(run.rounds["chosen"])
        title = "What each round chose, from what, and why."
        tables.append(ReportTable("rounds_chosen", "rounds", title, chosen))
    if run.comparison:
        rows = [{name: row[name] for name in METHOD_COLUMNS} for row in run.comparison]
        title = "Cost and error of each search method, on the same data and settings."
        tables.append(ReportTable("cost_per_method", "cost", title, method_costs_table(rows)))
    return tables


def _material(structures: Sequence[Atoms], records: Documents, dft: Mapping[str, Any]) -> str:
    snapshots = records["snapshots"]["settings"]
    ions = _OWN_IONS.get(snapshots["method"], "ions")
    kelvin = temperatures(structures, snapshots)
    parts = [f"{composition(structures)} atoms per cell", f"{ions} at {kelvin}" if kelvin else ions]
    if dft.get("smearing_width_ev"):
        kelvin = dft["smearing_width_ev"] / BOLTZMANN_EV_PER_KELVIN
        parts.append(f"electrons at {kelvin:.6g} K")
    return ", ".join(parts)


def _provenance(records: Documents, engines: Sequence[str], seed: int) -> Provenance:
    return Provenance(
        package_version=records["report"]["package"],
        engine_version=f"Quantum ESPRESSO {' and '.join(engines)}" if engines else "not known",
        versions=records["report"]["libraries"],
        code_digests={stage: record["code"] for stage, record in records.items()},
        seeds={"root (all others are derived from it)": seed},
        checksums=records["evaluate"]["inputs"],
    )
