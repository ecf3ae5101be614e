"""The structures of one round: a potential that knows all before, candidates, and a choice."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from ase import Atoms

from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.files.tables import Cell, write_table
from surrogate_hpo.formats.structures.structures import read_structure, write_structure
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.run.interface import Argument, Input, Output, Structures
from surrogate_hpo.run.left_out import leave_out, reason_of
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.choosing import FloatArray
from surrogate_hpo.selection.options import WITH_MODEL, AnyRule, RuleName
from surrogate_hpo.stages.potential.inputs import read_snapshots
from surrogate_hpo.stages.rounds.model import (
    RELAXED,
    SURROGATE,
    fit_round,
    reason_to_stop,
    relaxed_force,
)
from surrogate_hpo.stages.rounds.motion import Relaxed, moved, relaxed
from surrogate_hpo.stages.rounds.networks import NO_STORES, LdosFiles, surrogate_error
from surrogate_hpo.stages.rounds.pool import (
    RoundChoice,
    RoundPool,
    choose_beside,
    draw_pool,
    require_candidates,
)
from surrogate_hpo.stages.rounds.settings import RoundsSettings
from surrogate_hpo.stages.select.members import members_of
from surrogate_hpo.stages.select.pool import Candidate
from surrogate_hpo.stages.select.settings import SelectSettings
from surrogate_hpo.stages.select.weeding import DUPLICATE
from surrogate_hpo.stages.snapshots.settings import SnapshotsSettings

logger = logging.getLogger(__name__)
_COLUMNS = (
    *("candidate", "source", "formula", "atoms", "temperature_kelvin", "strain_percent"),
    *("measure", "snapshot", "reason", "dropped"),
)
DftFiles = Annotated[list[Path], Input("JSON of the DFT runs of the same snapshots; eV, eV/Å")]
Validation = Annotated[list[Path], Input("extxyz files of the validation snapshots; Å")]


def rounds_choice(
    *,
    settings: RoundsSettings,
    seed: int,
    select_settings: SelectSettings,
    snapshots_settings: SnapshotsSettings,
    round_number: Annotated[int, Argument("number of the round, from 1")],
    structures: Structures,
    dft: DftFiles,
    validation_structures: Validation,
    validation_dft: DftFiles,
    test_structures: Annotated[list[Path], Input("extxyz files of the test snapshots; Å")],
    tried: Annotated[
        list[Path] | None,
        Input("extxyz files of the rounds before, also where DFT failed; Å", also_left_out=True),
    ] = None,
    before: Annotated[list[Path] | None, Input("JSON: the choice of the round before")] = None,
    stores: LdosFiles = NO_STORES,
    choice: Annotated[Path, Output("JSON: what was chosen and why, or why nothing was")],
    candidates: Annotated[Path, Output("CSV: a row per candidate")],
    snapshots: Annotated[list[Path], Output("extxyz files of the chosen structures; Å")],
) -> None:
    """Choose the structures to compute next.

    A potential is fitted to all training snapshots that are computed by then. If it is as good as
    `rounds.stop` asks, or the round before was empty, this round is empty: its snapshots say so,
    and all that follows leaves them out.
    """
    inputs = [*structures, *dft, *validation_structures, *validation_dft, *test_structures]
    inputs += [*(before or []), *stores.paths]
    record = provenance("rounds_choice", settings, seed, inputs)
    # Only what decides this round: of other rules, and of their number, it knows nothing.
    record["settings"] = settings.deciding_one(round_number)
    told: dict[str, Any] = {"round": round_number, "training_snapshots": len(dft)}
    earlier = next((read_document(path, keys=("state", "reason")) for path in before or ()), {})
    if earlier.get("state") == "empty":
        _write_empty(choice, candidates, snapshots, told, str(earlier["reason"]), record)
        return
    own_seed = derive_seed(seed, "rounds", round_number)
    data = read_snapshots(structures, dft)
    held_out = read_snapshots(validation_structures, validation_dft)
    model = fit_round(settings, data, held_out, derive_seed(own_seed, "potential"))
    errors = model.errors
    if settings.relaxation is not None:
        errors = errors | {RELAXED: relaxed_force(earlier, data)}
    if settings.needs_ldos:
        judged = (validation_structures, validation_dft, derive_seed(own_seed, "network"))
        errors = errors | {SURROGATE: surrogate_error(settings.network, stores, *judged)}
    told |= {"errors": errors, "potential": model.chosen()}
    logger.info("errors by now: %s", _in_words(errors))
    if reason := reason_to_stop(settings.stop, errors):
        _write_empty(choice, candidates, snapshots, told, reason, record)
        return
    goal, further = _proposed(settings, model.potential, data, earlier, own_seed)
    pool = draw_pool(
        select_settings,
        snapshots_settings,
        model.potential.descriptor,
        seed=own_seed,
        known=data,
        others=_others([*validation_structures, *test_structures, *(tried or ())], data),
        further=further,
    )
    require_candidates(pool, settings.per_round)
    rule = settings.rule_of(round_number)
    # The last candidate is where the relaxation has led.
    goals = [len(pool.candidates) - 1] if goal is not None else []
    must = [number for number in goals if number in pool.left]
    made = choose_beside(
        pool,
        must,
        len(data),
        rule=rule,
        number=settings.per_round,
        seed=derive_seed(own_seed, "rule"),
        members=_asked(rule, pool, model.potential),
        components=select_settings.components,
        sampled=select_settings.sampled_sites,
    )
    names = _write_structures(snapshots, pool, made, record)
    rows = _rows(pool, made, names)
    write_table(candidates, rows, columns=_COLUMNS)
    told |= {"rule": rule, "candidates": len(rows), "dropped": len(pool.reasons)}
    if goal is not None:
        told |= {"relaxation": _relaxation(goal, rows[-1], earlier, data)}
    write_document(choice, _chosen(told, rows) | {"provenance": record})


def _proposed(
    settings: RoundsSettings,
    potential: Potential,
    data: Sequence[Labelled],
    earlier: Mapping[str, Any],
    seed: int,
) -> tuple[Relaxed | None, list[Candidate]]:
    """What the potential proposes by itself; where a relaxation has led comes last."""
    motion, relaxation = settings.dynamics, settings.relaxation
    frames = [] if motion is None else moved(potential, data, motion, seed)
    if relaxation is None:
        return None, frames
    named = (earlier.get("relaxation") or {}).get("snapshots", ())
    goal = relaxed(potential, data, relaxation, named)
    return goal, [*frames, goal.candidate]


def _relaxation(
    goal: Relaxed, row: Mapping[str, Cell], earlier: Mapping[str, Any], data: Sequence[Labelled]
) -> dict[str, Any]:
    """What the relaxation came to, and the names of all such snapshots so far.

    Where it came to a structure that is computed already, that is the snapshot to look at.
    """
    twin = str(row["dropped"]).removeprefix(DUPLICATE)
    name = row["snapshot"] or next((one.name for one in data if one.name == twin), None)
    before = (earlier.get("relaxation") or {}).get("snapshots", [])
    logger.info(
        "relaxed in %d steps to a largest force of %.3g eV/Å: %s",
        goal.steps,
        goal.largest_force,
        row["snapshot"] or f"not computed, {row['dropped']}",
    )
    return {
        "snapshot": name,
        "steps": goal.steps,
        "largest_force_of_the_potential_ev_per_angstrom": goal.largest_force,
        "dropped": row["dropped"] or None,
        "snapshots": [*before, *([name] if name and name not in before else [])],
    }


def _write_structures(
    paths: Sequence[Path], pool: RoundPool, made: RoundChoice, record: Mapping[str, Any]
) -> dict[int, str]:
    """Write what was chosen; names of the snapshots by number of the candidate."""
    names = {number: path.stem for number, path in zip(made.reasons, paths, strict=True)}
    for path, (number, name) in zip(paths, names.items(), strict=True):
        one = pool.candidates[number]
        write_structure(path, one.atoms, {**record, "snapshot": name, "candidate": one.name})
    return names


def _asked(rule: RuleName, pool: RoundPool, potential: Potential) -> dict[AnyRule, FloatArray]:
    """What the rule asks of the model."""
    return {rule: members_of(pool.features, potential)} if rule == WITH_MODEL else {}


def _others(paths: Sequence[Path], data: Sequence[Labelled]) -> list[tuple[str, Atoms]]:
    """Structures that must not be chosen: held-out ones, and those whose calculation failed."""
    learnt = {one.name for one in data}
    there = [path for path in paths if path.stem not in learnt and reason_of(path) is None]
    return [(path.stem, read_structure(path)) for path in there]


def _write_empty(
    choice: Path,
    candidates: Path,
    snapshots: Sequence[Path],
    told: dict[str, Any],
    reason: str,
    record: dict[str, Any],
) -> None:
    logger.info("this round is empty: %s", reason)
    for path in snapshots:
        leave_out(path, f"round {told['round']} is empty, {reason}")
    write_table(candidates, [], columns=_COLUMNS)
    state = {"state": "empty", "reason": reason, "chosen": []}
    write_document(choice, told | state | {"provenance": record})


def _rows(pool: RoundPool, made: RoundChoice, names: Mapping[int, str]) -> list[dict[str, Cell]]:
    """A row per candidate, in the order of the pool."""
    rows = []
    for number, one in enumerate(pool.candidates):
        info = one.atoms.info
        values: tuple[Cell, ...] = (
            *(one.name, one.source, str(one.atoms.symbols), len(one.atoms)),
            *(info.get("temperature_kelvin"), info.get("strain_percent")),
            made.measure.get(number),
            *(names.get(number, ""), made.reasons.get(number, ""), pool.reasons.get(number, "")),
        )
        rows.append(dict(zip(_COLUMNS, values, strict=True)))
    return rows


def _chosen(told: dict[str, Any], rows: Sequence[dict[str, Cell]]) -> dict[str, Any]:
    keys = ("snapshot", "candidate", "source", "measure", "reason")
    named = sorted((row for row in rows if row["snapshot"]), key=lambda row: str(row["snapshot"]))
    for row in named:
        logger.info("%s: candidate %s, %s", row["snapshot"], row["candidate"], row["reason"])
    listed = [{key: row[key] for key in keys} for row in named]
    return told | {"state": "chosen", "reason": None, "chosen": listed}


def _in_words(errors: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in errors.items())
