"""Training snapshots chosen round after round: what was chosen, what failed, what it was worth."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.files.tables import Cell, write_table
from surrogate_hpo.run.interface import Input, Output, Structures
from surrogate_hpo.run.left_out import left_out_of
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.potential.inputs import read_snapshots
from surrogate_hpo.stages.rounds.choice import DftFiles, Validation
from surrogate_hpo.stages.rounds.model import ENERGY, FORCE, fit_round
from surrogate_hpo.stages.rounds.settings import RoundsSettings

logger = logging.getLogger(__name__)
_MOST_NAMED = 10
COLUMNS = (
    *("round", "state", "rule", "training_snapshots", ENERGY, FORCE),
    *("candidates", "dropped", "chosen", "failed", "dft_cpu_seconds"),
)


def rounds(
    *,
    settings: RoundsSettings,
    seed: int,
    choices: Annotated[list[Path], Input("JSON of all rounds: what each has chosen")],
    structures: Structures,
    dft: DftFiles,
    validation_structures: Validation,
    validation_dft: DftFiles,
    tried: Annotated[
        list[Path],
        Input("JSON of the DFT runs of the rounds, also where they failed", also_left_out=True),
    ],
    costs: Annotated[list[Path], Input("JSON: cost records of these runs, in order")],
    table: Annotated[Path, Output("CSV: a row per round, and one after the last; meV/atom, meV/Å")],
    summary: Annotated[Path, Output("JSON: the same, and why snapshots are left out")],
) -> None:
    """Put together what the rounds have done.

    Errors are those of the potential that a round began with; those after the last round are of
    one that is fitted to everything.
    """
    documents = [read_document(path, keys=("round", "state", "chosen")) for path in choices]
    missing = left_out_of(tried)
    spent = {path.stem: path for path in costs}
    rows = [_row(one, missing, spent) for one in documents]
    data = read_snapshots(structures, dft)
    held_out = read_snapshots(validation_structures, validation_dft)
    last = fit_round(settings, data, held_out, derive_seed(seed, "rounds", "last", "potential"))
    after: dict[str, Cell] = dict.fromkeys(COLUMNS)
    after |= {"state": "after the last", "training_snapshots": len(data)}
    after.update(last.errors)
    rows.append(after)
    inputs = [*choices, *structures, *dft, *validation_structures, *validation_dft, *tried]
    write_table(table, rows, columns=COLUMNS)
    warnings = list(_warnings(documents, missing))
    for warning in warnings:
        logger.warning(warning)
    write_document(
        summary,
        {
            "rounds": rows,
            "left_out": missing,
            "warnings": warnings,
            "provenance": provenance("rounds", settings, seed, inputs),
        },
    )


def _row(
    document: Mapping[str, Any],
    missing: Mapping[str, str],
    costs: Mapping[str, Path],
) -> dict[str, Cell]:
    """What a round did."""
    chosen = [str(one["snapshot"]) for one in document["chosen"]]
    key = "cpu_seconds"
    spent = sum(float(read_document(costs[name], keys=(key,))[key]) for name in chosen)
    told = {key: document.get(key) for key in COLUMNS}
    return (
        told
        | (document.get("errors") or {})
        | {
            "chosen": len(chosen),
            "failed": sum(name in missing for name in chosen),
            "dft_cpu_seconds": round(spent, 3),
        }
    )


def _warnings(documents: Sequence[Mapping[str, Any]], missing: Mapping[str, str]) -> Iterator[str]:
    """What a reader of the report must know."""
    chosen = [str(one["snapshot"]) for document in documents for one in document["chosen"]]
    if failed := [name for name in chosen if name in missing]:
        yield (
            f"{len(failed)} of {len(chosen)} structures that the rounds chose have no DFT result "
            f"and are left out of everything: {', '.join(failed[:_MOST_NAMED])}"
            + (f" and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else "")
            + f"; the first because {missing[failed[0]]}"
        )
    if empty := [str(one["round"]) for one in documents if one["state"] == "empty"]:
        reason = next(one["reason"] for one in documents if one["state"] == "empty")
        yield f"empty rounds: {', '.join(empty)}, because {reason}"
