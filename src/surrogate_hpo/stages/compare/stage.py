"""Search methods side by side: the table, the verdict and the figures."""

import logging
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.data.figure_files import save_figures
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.files.tables import read_table, write_table
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.compare.draw import draw_comparison
from surrogate_hpo.stages.compare.settings import CompareSettings
from surrogate_hpo.stages.compare.table import (
    Contest,
    comparison_rows,
    total_free_energy_floor,
    verdicts,
)

logger = logging.getLogger(__name__)
# What must agree, or the methods did not compete on the same terms.
COMMON = ("code", "settings", "seed", "inputs")
TRIAL_COLUMNS = (
    "kind",
    "state",
    "value",
    "fidelity",
    "seconds",
    "cumulative_seconds",
    "batch",
    "parallel_tasks",
)


def compare(
    *,
    settings: CompareSettings,
    seed: int,
    results: Annotated[list[Path], Input("JSON of the contest stage, one per method")],
    trials: Annotated[list[Path], Input("CSV of the contest stage, of the same methods in order")],
    histories: Annotated[
        list[Path], Input("CSV of the final trainings, of the same methods in order")
    ],
    table: Annotated[Path, Output("CSV: a row per method; costs in seconds, errors in meV/atom")],
    summary: Annotated[Path, Output("JSON: the same rows, and what they mean in words")],
    figures: Annotated[Path, Output("folder: each figure as SVG and PDF, its table as CSV")],
) -> None:
    """Gather what the methods found, what it cost, and how it compares with the reference.

    Takes the methods that are there: with the files of some of them, so far, it makes the
    table and the figures of these.
    """
    if not len(results) == len(trials) == len(histories):
        raise DataError(
            "results, trials and histories do not belong together",
            expected=f"{len(results)} files each, of the same methods in the same order",
            got=f"{len(trials)} tables of trials, {len(histories)} histories",
        )
    contests = [_read(*paths) for paths in zip(results, trials, histories, strict=True)]
    _check_common_terms(contests, results)
    rows = comparison_rows(contests, settings)
    words = verdicts(rows, settings)
    for line in words:
        logger.info(line)
    save_figures(figures, draw_comparison(contests, rows, settings), width=settings.figure_width)
    write_table(table, rows)
    write_document(
        summary,
        {
            "verdict": words,
            "reference": settings.reference,
            "methods": {str(row["method"]): row for row in rows},
            "floor_mev_per_atom": total_free_energy_floor(contests),
            "provenance": provenance("compare", settings, seed, [*results, *trials, *histories]),
        },
    )


def _read(result: Path, trials: Path, history: Path) -> Contest:
    keys = ("method", "label", "search", "final", "failure", "device", "provenance")
    return Contest(
        result=read_document(result, keys=keys),
        trials=read_table(trials, columns=TRIAL_COLUMNS),
        history=read_table(history, columns=("initialisation", "epoch", "validation_loss")),
    )


def _check_common_terms(contests: list[Contest], paths: list[Path]) -> None:
    def terms(contest: Contest) -> dict[str, Any]:
        record = contest.result["provenance"]
        return {key: record[key] for key in COMMON} | {"device": contest.result["device"]}

    names = [contest.result["method"] for contest in contests]
    if len(set(names)) < len(names):
        raise DataError("a method is given twice", got=", ".join(names))
    first = terms(contests[0])
    for contest, path in zip(contests, paths, strict=True):
        different = [key for key, value in terms(contest).items() if value != first[key]]
        if different:
            raise DataError(
                "the methods did not compete on the same terms",
                where=f"{path} against {paths[0]}",
                expected="the same code, settings, seed, input files and device",
                got=f"different {', '.join(different)}",
                remedy="run both contests again; snakemake compare does so by itself",
            )
