"""The structures of one round: a potential that knows all before, candidates, and a choice."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.files.documents import read_document
from surrogate_hpo.files.tables import Cell
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.run.interface import Argument, Input, Output, Structures
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.choosing import FloatArray
from surrogate_hpo.selection.options import WITH_MODEL, AnyRule, RuleName
from surrogate_hpo.stages.rounds.choosing import RoundChoice, choose_beside, require_candidates
from surrogate_hpo.stages.rounds.errors import round_errors
from surrogate_hpo.stages.rounds.known import Known, read_known
from surrogate_hpo.stages.rounds.model import fit_round, reason_to_stop
from surrogate_hpo.stages.rounds.motion import Relaxed, moved, relaxed
from surrogate_hpo.stages.rounds.networks import NO_STORES, LdosFiles
from surrogate_hpo.stages.rounds.settings import RoundsSettings
from surrogate_hpo.stages.rounds.written import RoundFiles
from surrogate_hpo.stages.select.members import members_of
from surrogate_hpo.stages.select.pool import Candidate, candidates_of
from surrogate_hpo.stages.select.settings import SelectSettings
from surrogate_hpo.stages.select.weeding import DUPLICATE, Weeded, weed
from surrogate_hpo.stages.snapshots.settings import SnapshotsSettings

logger = logging.getLogger(__name__)
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
    files = RoundFiles(choice, candidates, snapshots, record)
    told: dict[str, Any] = {"round": round_number, "training_snapshots": len(dft)}
    earlier = next((read_document(path, keys=("state", "reason")) for path in before or ()), {})
    if earlier.get("state") == "empty":
        files.write_empty(told, str(earlier["reason"]))
        return
    own = derive_seed(seed, "rounds", round_number)
    judged = (validation_structures, validation_dft)
    known = read_known((structures, dft), judged, test_structures, tried or ())
    model = fit_round(settings, known.data, known.held_out, derive_seed(own, "potential"))
    network_seed = derive_seed(own, "network")
    errors = round_errors(settings, model, earlier, known.data, judged, stores, network_seed)
    told |= {"errors": errors, "potential": model.chosen()}
    if reason := reason_to_stop(settings.stop, errors):
        files.write_empty(told, reason)
        return
    goal, further = _proposed(settings, model.potential, known.data, earlier, own)
    drawn = candidates_of(select_settings, snapshots_settings, own, further)
    pool = _weeded(select_settings, drawn, known, model.potential)
    rule = settings.rule_of(round_number)
    made = _made(settings.per_round, rule, select_settings, pool, model.potential, goal, own)
    rows = files.write_candidates(pool, made)
    told |= {"rule": rule, "candidates": len(rows), "dropped": len(pool.reasons)}
    if goal is not None:
        told |= {"relaxation": _relaxation(goal, rows[-1], earlier, known.data)}
    files.write_choice(told, rows)


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


def _weeded(
    settings: SelectSettings, drawn: Sequence[Candidate], known: Known, potential: Potential
) -> Weeded:
    """The candidates, without those that are not to be computed."""
    data = known.data
    atoms, names = [one.atoms for one in data], [one.name for one in data]
    return weed(settings, drawn, atoms, potential.descriptor, known.barred, names)


def _made(
    number: int,
    rule: RuleName,
    settings: SelectSettings,
    pool: Weeded,
    potential: Potential,
    goal: Relaxed | None,
    seed: int,
) -> RoundChoice:
    """The choice of so many; where the relaxation has led, the last candidate, is among them."""
    require_candidates(pool, number)
    goals = [len(pool.candidates) - 1] if goal is not None else []
    members: dict[AnyRule, FloatArray] = {}
    if rule == WITH_MODEL:
        members = {rule: members_of(pool.features, potential)}
    return choose_beside(
        pool,
        [one for one in goals if one in pool.places],
        rule=rule,
        number=number,
        seed=derive_seed(seed, "rule"),
        members=members,
        components=settings.components,
        sampled=settings.sampled_sites,
    )
