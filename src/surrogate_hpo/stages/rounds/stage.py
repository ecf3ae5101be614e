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
from surrogate_hpo.stages.rounds.errors import round_errors
from surrogate_hpo.stages.rounds.model import (
    ENERGY,
    FORCE,
    RELAXED,
    SURROGATE,
    fit_round,
    reason_to_stop,
)
from surrogate_hpo.stages.rounds.networks import NO_STORES, LdosFiles
from surrogate_hpo.stages.rounds.settings import RoundsSettings, StopSettings

logger = logging.getLogger(__name__)
_MOST_NAMED = 10
COLUMNS = (
    *(
        "round",
        "state",
        "rule",
        "dft_runs",
        "training_snapshots",
        ENERGY,
        FORCE,
        RELAXED,
        SURROGATE,
    ),
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
    stores: LdosFiles = NO_STORES,
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
    data = read_snapshots(structures, dft)
    own = len(data) - sum(path.stem not in missing for path in tried)
    rows = list(_rows(documents, missing, spent, own))
    held_out = read_snapshots(validation_structures, validation_dft)
    last = fit_round(settings, data, held_out, derive_seed(seed, "rounds", "last", "potential"))
    judged = (validation_structures, validation_dft)
    own_seed = derive_seed(seed, "rounds", "last", "network")
    errors = round_errors(settings, last, documents[-1], data, judged, stores, own_seed)
    after: dict[str, Cell] = dict.fromkeys(COLUMNS)
    runs = own + sum(len(one["chosen"]) for one in documents)
    after |= {"state": "after the last", "dft_runs": runs, "training_snapshots": len(data)}
    rows.append({**after, **errors})
    inputs = [*choices, *structures, *dft, *validation_structures, *validation_dft, *tried]
    inputs += stores.paths
    write_table(table, rows, columns=COLUMNS)
    warnings = list(_warnings(documents, missing))
    for warning in warnings:
        logger.warning(warning)
    write_document(
        summary,
        {
            "rounds": rows,
            "chosen": list(_chosen(documents, missing)),
            "stop": settings.stop.model_dump(),
            "notes": [_in_words(documents, settings.stop, errors)],
            "left_out": missing,
            "warnings": warnings,
            "provenance": provenance("rounds", settings, seed, inputs),
        },
    )


def _rows(
    documents: Sequence[Mapping[str, Any]],
    missing: Mapping[str, str],
    costs: Mapping[str, Path],
    runs: int,
) -> Iterator[dict[str, Cell]]:
    """What each round did; `runs` are those of DFT for the training before the first one."""
    for document in documents:
        chosen = [str(one["snapshot"]) for one in document["chosen"]]
        key = "cpu_seconds"
        spent = sum(float(read_document(costs[name], keys=(key,))[key]) for name in chosen)
        told = {key: document.get(key) for key in COLUMNS}
        yield (
            told
            | (document.get("errors") or {})
            | {
                "dft_runs": runs,
                "chosen": len(chosen),
                "failed": sum(name in missing for name in chosen),
                "dft_cpu_seconds": round(spent, 3),
            }
        )
        runs += len(chosen)


def _chosen(
    documents: Sequence[Mapping[str, Any]], missing: Mapping[str, str]
) -> Iterator[dict[str, Cell]]:
    """What the rounds have chosen, in order."""
    for document in documents:
        for one in document["chosen"]:
            yield {"round": document["round"], **one, "left_out": missing.get(one["snapshot"])}


def _in_words(
    documents: Sequence[Mapping[str, Any]], stop: StopSettings, errors: Mapping[str, float]
) -> str:
    """Why the rounds ended where they did."""
    count = len(documents)
    if empty := [one for one in documents if one["state"] == "empty"]:
        first, last = empty[0]["round"], empty[-1]["round"]
        which = f"rounds {first} to {last} are" if len(empty) > 1 else f"round {first} is"
        return f"The run stopped early: {which} empty, because {empty[0]['reason']}."
    told = f"All rounds, {count} of them, chose structures"
    if reason := reason_to_stop(stop, errors):
        return f"{told}; by now {reason}."
    wanted = [
        f"{name} {errors[name]:.3g} (limit {limit:g})" for name, limit in stop if limit is not None
    ]
    if not wanted:
        return f"{told}; no error was asked for at which they stop (rounds.stop)."
    return f"{told}, and rounds.stop is not met after the last one: {', '.join(wanted)}."


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
