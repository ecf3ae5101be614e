"""The report: one HTML page that holds everything and needs nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jinja2 import Environment, PackageLoader, StrictUndefined

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.error_summary import QuantityError
from surrogate_hpo.report.errors import ClassError, ForceErrors, class_errors_table
from surrogate_hpo.report.explanations import (
    ALTERNATIVES,
    FIGURES,
    OF_ERRORS,
    OPTIONAL,
    STAGES,
    figure_text,
)
from surrogate_hpo.report.explanations_atoms import FigureText
from surrogate_hpo.report.markup import cite, flatten_settings, inline, is_number
from surrogate_hpo.report.methods import MethodsSection
from surrogate_hpo.report.optional_stages import OPTIONAL_STAGES, shown_stages
from surrogate_hpo.report.style import DrawnFigure
from surrogate_hpo.report.table import FigureTable, Value, format_value
from surrogate_hpo.report.verdict import Targets, Verdict, headline, judge, summary


@dataclass(frozen=True)
class Notice:
    """Something the reader must know about a stage before trusting its result.

    Attributes
    ----------
    stage
        The stage that raised it.
    message
        What happened and what it means.
    """

    stage: str
    message: str


@dataclass(frozen=True)
class Provenance:
    """What the numbers were made with.

    Attributes
    ----------
    package_version
        Version of this package.
    engine_version
        Name and version of the DFT code.
    versions
        Version per library.
    code_digests
        Digest of the code per stage.
    seeds
        Random seed per stage or item.
    checksums
        Checksum per input file.
    """

    package_version: str
    engine_version: str
    versions: Mapping[str, str]
    code_digests: Mapping[str, str]
    seeds: Mapping[str, int]
    checksums: Mapping[str, str]


@dataclass(frozen=True)
class ReportTable:
    """A table that stands on its own, for a paper.

    Attributes
    ----------
    name
        Stem of its file.
    section
        Section of the report that shows it.
    title
        What it holds, in one sentence.
    table
        The table.
    """

    name: str
    section: str
    title: str
    table: FigureTable


@dataclass(frozen=True)
class ReportContext:
    """Everything the report shows. All text is escaped; only the drawings are markup.

    Attributes
    ----------
    title
        Heading of the page.
    material
        What was calculated, such as ``fcc aluminium, 4 atoms, 298 K``.
    headline_quantity
        The quantity of ``errors`` that the headline and the targets are about.
    errors
        Errors per quantity on the held-out snapshots.
    targets
        What the run was asked to achieve, if anything.
    held_out_snapshots
        Number of snapshots behind the errors.
    training_seeds
        Number of trained networks behind the spread.
    figures
        One of each name in `surrogate_hpo.report.explanations.FIGURES`, or what stands in its
        place by ``ALTERNATIVES``; without a reference those of errors are left out.
    tables
        Tables beside those of the figures.
    methods
        The methods section.
    settings
        The resolved configuration, nested mappings allowed.
    provenance
        What the numbers were made with.
    key_numbers
        Key numbers per stage: label (with unit) to value.
    notes
        Paragraphs per stage that explain this run's choices.
    warnings
        What the reader must know first.
    classes
        Errors of the headline quantity per size and temperature, shown beside the headline.
    forces
        Errors of the forces; None if they are not known.
    """

    title: str
    material: str
    headline_quantity: str
    errors: Sequence[QuantityError]
    targets: Targets | None
    held_out_snapshots: int
    training_seeds: int
    figures: Sequence[DrawnFigure]
    tables: Sequence[ReportTable]
    methods: MethodsSection
    settings: Mapping[str, object]
    provenance: Provenance
    key_numbers: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    warnings: Sequence[Notice] = ()
    classes: Sequence[ClassError] = ()
    forces: ForceErrors | None = None


@dataclass(frozen=True)
class _FigureGroup:
    """Figures that share one explanation."""

    text: FigureText
    figures: list[DrawnFigure]


def render_report(context: ReportContext) -> str:
    """Render the report as one self-contained HTML page.

    Parameters
    ----------
    context
        What to show.

    Returns
    -------
    str
        The page: styles and drawings inline, no scripts, nothing loaded from elsewhere. The
        same context gives the same page.

    Raises
    ------
    DataError
        If a figure is missing, unknown or given twice, if key numbers, notes or warnings name an
        unknown stage, or if the headline quantity has no errors.
    """
    stages = shown_stages(_named_stages(context))
    error = _headline_error(context)
    verdicts = (
        judge(error, context.targets, held_out_snapshots=context.held_out_snapshots)
        if context.targets
        else []
    )
    environment = Environment(
        loader=PackageLoader("surrogate_hpo", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(cell=format_value, svg=inline, is_number=is_number, cite=cite)
    return environment.get_template("page.html").render(
        context=context,
        headline=headline(
            error,
            held_out_snapshots=context.held_out_snapshots,
            seeds=context.training_seeds,
            classes=context.classes,
            forces=context.forces,
        ),
        by_class=class_errors_table(context.classes) if context.classes and error.known else None,
        verdicts=verdicts,
        verdict_summary=_verdict_summary(verdicts, known=error.known),
        stages=stages,
        groups=_group_figures(context.figures, known=error.known),
        tables=_group_tables(context),
        references=context.methods.cited,
        settings=list(flatten_settings(context.settings)),
    )


def _verdict_summary(verdicts: list[Verdict], *, known: bool) -> str:
    if verdicts:
        return summary(verdicts)
    return (
        "No targets were set for this run." if known else "The targets cannot be judged without it."
    )


def _named_stages(context: ReportContext) -> set[str]:
    """Stages that have something to tell; DataError if one of them is unknown."""
    told = {*context.key_numbers, *context.notes, *(notice.stage for notice in context.warnings)}
    known = {*STAGES, *OPTIONAL_STAGES}
    if unknown := sorted(told - known):
        raise DataError(
            "key numbers, notes or warnings of the report name an unknown stage",
            where="report",
            expected=", ".join(sorted(known)),
            got=", ".join(unknown),
        )
    return told | {table.section for table in context.tables}


def _headline_error(context: ReportContext) -> QuantityError:
    for error in context.errors:
        if error.quantity == context.headline_quantity:
            return error
    raise DataError(
        "the headline quantity has no errors",
        where="report",
        expected=context.headline_quantity,
        got=", ".join(error.quantity for error in context.errors) or "no quantity at all",
        remedy="run the evaluate stage for this quantity",
    )


def _group_figures(figures: Sequence[DrawnFigure], *, known: bool) -> dict[str, list[_FigureGroup]]:
    """Sort the figures into sections and put those with the same explanation together."""
    names = [figure.name for figure in figures]
    unknown = [name for name in names if figure_text(name) is None]
    given = {"parity" if name.startswith("parity_") else name for name in names}
    given |= {ALTERNATIVES[name] for name in given & ALTERNATIVES.keys()}
    spared = {*ALTERNATIVES, *OPTIONAL, *(() if known else OF_ERRORS)}
    wanted = [name for name in FIGURES if name not in spared]
    missing = [name for name in wanted if name not in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if unknown or missing or twice:
        faults = {"missing": missing, "unknown": unknown, "given twice": twice}
        raise DataError(
            "the figures of the report are not complete",
            where="report",
            expected=f"each of {', '.join(wanted)} (parity_<quantity> for parity) once",
            got="; ".join(f"{kind}: {', '.join(found)}" for kind, found in faults.items() if found),
        )
    sections: dict[str, list[_FigureGroup]] = {}
    for text in FIGURES.values():
        members = [figure for figure in figures if figure_text(figure.name) is text]
        if members:
            sections.setdefault(text.section, []).append(_FigureGroup(text, members))
    return sections


def _group_tables(context: ReportContext) -> dict[str, list[ReportTable]]:
    """Sort into sections the tables that no figure has beside it."""
    drawn = [figure.table for figure in context.figures]
    sections: dict[str, list[ReportTable]] = {}
    for table in context.tables:
        if table.table not in drawn:
            sections.setdefault(table.section, []).append(table)
    return sections
