"""What goes into a paper: one self-contained HTML page, figures, tables, methods, references."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.drawings import save_figures
from surrogate_hpo.files.atomic import write_text
from surrogate_hpo.files.tables import read_table, write_table
from surrogate_hpo.report.page import render_report
from surrogate_hpo.run.cost import total_cost
from surrogate_hpo.run.interface import Argument, DescriptorStores, Input, LdosStores, Output
from surrogate_hpo.stages.report.context import Run, report_context
from surrogate_hpo.stages.report.energies import read_energies
from surrogate_hpo.stages.report.gallery import Sources
from surrogate_hpo.stages.report.records import (
    read_documents,
    read_engines,
    read_records,
    read_warnings,
)
from surrogate_hpo.stages.report.settings import ReportSettings


def report(
    *,
    settings: ReportSettings,
    seed: int,
    structures: Annotated[
        list[Path], Input("structures (*.extxyz) of the run, a held-out one first; Å")
    ],
    dft: Annotated[list[Path], Input("JSON of the DFT runs in that order")],
    ldos: LdosStores,
    descriptors: DescriptorStores,
    acsd_scores: Annotated[Path, Input("CSV of the acsd stage")],
    acsd_choice: Annotated[Path, Input("JSON of the acsd stage")],
    acsd_similarities: Annotated[Path, Input("store of the acsd stage: similarities of pairs")],
    naswot_scores: Annotated[Path, Input("CSV of the naswot stage")],
    naswot_choice: Annotated[Path, Input("JSON of the naswot stage")],
    trials: Annotated[Path, Input("CSV of the search stage")],
    search_choice: Annotated[Path, Input("JSON of the search stage")],
    models: Annotated[list[Path], Input("trained models (*.pt)")],
    histories: Annotated[list[Path], Input("CSV per initialisation: loss per epoch")],
    validation_losses: Annotated[
        list[Path], Input("CSV per initialisation: loss of the network per validation snapshot")
    ],
    energies: Annotated[Path, Input("CSV of the evaluate stage, eV per cell")],
    dos: Annotated[Path, Input("CSV of the evaluate stage, 1/eV")],
    ldos_samples: Annotated[Path, Input("CSV of the evaluate stage, 1/(eV Å³)")],
    forces: Annotated[Path, Input("CSV of the evaluate stage, eV/Å")],
    summary: Annotated[Path, Input("JSON of the evaluate stage, meV/atom")],
    pseudopotentials: Annotated[Sequence[Path], Input("UPF files")] = (),
    audit_scores: Annotated[
        Sequence[Path], Input("CSV of the audit stage, where naswot.direction is audit")
    ] = (),
    audit_agreement: Annotated[Sequence[Path], Input("CSV of the audit stage")] = (),
    audit_verdict: Annotated[Sequence[Path], Input("JSON of the audit stage")] = (),
    comparison: Annotated[
        Sequence[Path], Input("CSV of the compare stage, where report.comparison is true")
    ] = (),
    learning_curve: Annotated[
        Sequence[Path], Input("CSV of learning_curve, where report.learning_curve is true")
    ] = (),
    transfer: Annotated[
        Sequence[Path], Input("JSON of the transfer stage, where it is part of the run")
    ] = (),
    floor: Annotated[
        Sequence[Path], Input("JSON of the floor stage, where calculations are finished")
    ] = (),
    costs: Annotated[list[Path], Input("JSON: cost records of all jobs, in seconds")],
    flow: Annotated[list[str], Argument("which stage reads which others: ldos=dft")],
    report: Annotated[Path, Output("HTML, openable from disk")],
    figures: Annotated[Path, Output("folder: each figure as SVG and PDF, its table as CSV")],
    methods: Annotated[Path, Output("Markdown: the methods section of a paper")],
    references: Annotated[Path, Output("BibTeX: what the methods cite")],
    errors_per_snapshot: Annotated[Path, Output("CSV: a row per quantity and snapshot")],
    errors_per_energy: Annotated[Path, Output("CSV: a row per quantity, meV/atom")],
    validation_loss_split: Annotated[Path, Output("CSV: a row per initialisation")],
    cost_per_stage: Annotated[Path, Output("CSV: a row per stage, in seconds")],
    cost_per_method: Annotated[
        Sequence[Path], Output("CSV: a row per search method, in seconds")
    ] = (),
) -> None:
    """Draw what the run found, write down how it was done, and say whether targets are met.

    What is not known, such as energies that imported data do not have, is said to be unknown.
    """
    documents = read_documents(dft[0], acsd_choice, naswot_choice, search_choice, summary)
    stores = (structures[0], ldos[0], descriptors[0], models[0])
    run = Run(
        documents=documents,
        records=read_records(settings, seed, documents, stores, audit_verdict),
        sources=Sources(
            acsd=acsd_scores,
            similarities=acsd_similarities,
            naswot=naswot_scores,
            trials=trials,
            histories=histories,
            dos=dos,
            ldos_samples=ldos_samples,
            forces=forces,
            audit=[*audit_scores, *audit_agreement],
            learning_curve=learning_curve,
            transfer=transfer,
            costs=costs,
            flow=flow,
        ),
        energies=read_energies(energies),
        structures=structures,
        pseudopotentials=pseudopotentials,
        validation_losses=[read_table(path) for path in validation_losses],
        engines=read_engines(dft),
        floor_warnings=read_warnings(floor),
        comparison=[row for path in comparison for row in read_table(path)],
        cost=total_cost(costs),
    )
    context = report_context(settings, seed, run)
    save_figures(figures, context.figures, width=settings.figure_width)
    write_text(methods, context.methods.markdown())
    write_text(references, context.methods.bibtex())
    paths = {
        "errors_per_snapshot": errors_per_snapshot,
        "errors_per_energy": errors_per_energy,
        "validation_loss_split": validation_loss_split,
        "cost_per_stage": cost_per_stage,
    }
    if cost_per_method:
        paths["cost_per_method"] = cost_per_method[0]
    for table in context.tables:
        write_table(paths[table.name], table.table.records())
    write_text(report, render_report(context))
