"""What goes into a paper: one self-contained HTML page, figures, tables, methods, references."""

from surrogate_hpo.data.figure_files import save_figures
from surrogate_hpo.files.atomic import write_text
from surrogate_hpo.files.tables import read_table, write_table
from surrogate_hpo.report.page import render_report
from surrogate_hpo.run.cost import total_cost
from surrogate_hpo.stages.report.arguments import ReportFiles, RunFiles
from surrogate_hpo.stages.report.context import Run, report_context
from surrogate_hpo.stages.report.energies import read_energies
from surrogate_hpo.stages.report.records import (
    read_documents,
    read_engines,
    read_records,
    read_rounds,
    read_warnings,
)
from surrogate_hpo.stages.report.settings import ReportSettings


def report(*, settings: ReportSettings, seed: int, files: RunFiles, written: ReportFiles) -> None:
    """Draw what the run found, write down how it was done, and say whether targets are met.

    What is not known, such as energies that imported data do not have, is said to be unknown.
    """
    documents = read_documents(files)
    run = Run(
        documents=documents,
        records=read_records(settings, seed, documents, files),
        files=files,
        energies=read_energies(files.evaluation.energies),
        validation_losses=[read_table(path) for path in files.networks.validation_losses],
        engines=read_engines(files.data.dft),
        warned={
            "floor": read_warnings(files.requested.floor),
            "rounds": read_warnings(files.requested.rounds),
        },
        rounds=read_rounds(files.requested.rounds),
        comparison=[row for path in files.requested.comparison for row in read_table(path)],
        cost=total_cost(files.costs),
    )
    context = report_context(settings, seed, run)
    save_figures(written.figures, context.figures, width=settings.figure_width)
    write_text(written.methods, context.methods.markdown())
    write_text(written.references, context.methods.bibtex())
    for table in context.tables:
        if table.name in written.tables:
            write_table(written.tables[table.name], table.table.records())
    write_text(written.report, render_report(context))
