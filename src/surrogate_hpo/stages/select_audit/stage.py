"""Are the rules of `select` any better than random? Replays on structures whose DFT is there."""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.files.tables import Cell, write_table
from surrogate_hpo.potential.fitting import check_unit
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.run.interface import Input, Output, State
from surrogate_hpo.run.provenance import fingerprint, provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.classes import banded
from surrogate_hpo.selection.learner import Learner
from surrogate_hpo.selection.options import RuleName
from surrogate_hpo.selection.replay import Curve
from surrogate_hpo.selection.worth import Worth, mean_curve, worth
from surrogate_hpo.stages.potential.inputs import read_material
from surrogate_hpo.stages.potential.settings import PotentialSettings
from surrogate_hpo.stages.select.describing import default_descriptor
from surrogate_hpo.stages.select.pool import class_of
from surrogate_hpo.stages.select_audit.replays import (
    ALL,
    QUANTITIES,
    Audited,
    Curves,
    Quantity,
    Tau,
    all_curves,
    all_taus,
    audited,
)
from surrogate_hpo.stages.select_audit.settings import SelectAuditSettings

logger = logging.getLogger(__name__)
UNITS: dict[Quantity, str] = {
    "energy_mae": "mev_per_atom",
    "energy_rmse": "mev_per_atom",
    "force_rmse": "mev_per_angstrom",
}


def select_audit(
    *,
    settings: SelectAuditSettings,
    seed: int,
    structures: Annotated[
        list[Path] | None, Input("extxyz files of all snapshots; Å; none with own files")
    ] = None,
    dft: Annotated[
        list[Path] | None, Input("JSON of their DFT runs: energies in eV, forces in eV/Å")
    ] = None,
    curves: Annotated[Path, Output("CSV: error against DFT runs, by rule; meV/atom, meV/Å")],
    worths: Annotated[Path, Output("CSV: DFT runs to a target beside random, with intervals")],
    taus: Annotated[Path, Output("CSV: Kendall's tau of measures with errors, by class")],
    summary: Annotated[Path, Output("JSON: what each rule is worth, and the verdict in words")],
    state: Annotated[Path, State("folder of the finished replays")],
) -> None:
    """Replay every rule against random choices, with a linear SNAP potential that learns.

    Each replay holds out some structures, begins with a few of the others and lets the rule choose
    until none is left. Errors are those on the held-out structures.
    """
    data = _data(settings, structures or [], dft or [])
    read = [*(structures or []), *(dft or []), *map(Path, settings.own_files)]
    record = provenance("select_audit", settings, seed, read)
    weight, notes = _force_weight(settings, data)
    case = _case(settings, data, weight, seed)
    store = EvaluationStore(state / fingerprint(record))
    found = all_curves(settings, case, Memo(Curve, store).remember)
    rows = _worth_rows(settings, found, seed)
    ranks = all_taus(settings, case, seed)
    write_table(curves, _curve_rows(found))
    write_table(worths, [_as_row(*row) for row in rows])
    write_table(taus, [_tau_row(one) for one in ranks], columns=list(_TAU_COLUMNS))
    verdict = _verdict([(rule, one) for rule, quantity, one in rows if quantity == "energy_mae"])
    for words in [*notes, *verdict]:
        logger.info("%s", words)
    write_document(
        summary,
        {
            "structures": len(data),
            "classes": {group: case.groups.count(group) for group in sorted({*case.groups})},
            "learnt_from": "energies and forces" if weight else "energies",
            "rules": _by_rule(rows, ranks),
            "verdict": verdict,
            "notes": notes,
            "provenance": record,
        },
    )


def _data(settings: SelectAuditSettings, structures: list[Path], dft: list[Path]) -> list[Labelled]:
    """The snapshots of the run, or the user's own frames."""
    own = PotentialSettings(files=settings.files)
    material = read_material(own, (structures, dft), ([], []), [])
    return [*material.training, *material.test]


def _force_weight(
    settings: SelectAuditSettings, data: Sequence[Labelled]
) -> tuple[float, list[str]]:
    """Weight of the forces, and what to say where some are missing."""
    without = sum(one.forces is None for one in data)
    if not without or not settings.force_weight_angstrom_per_atom:
        return settings.force_weight_angstrom_per_atom, []
    return 0.0, [f"{without} structures have no forces: energies alone are learnt from"]


def _case(
    settings: SelectAuditSettings, data: Sequence[Labelled], weight: float, seed: int
) -> Audited:
    atoms = [one.atoms for one in data]
    descriptor = default_descriptor(atoms, settings.cutoff_radius_angstrom, settings.twojmax)
    if weight:
        check_unit(data, descriptor)
    learner = Learner(data, descriptor, weight)
    classes = [one.group if "K" in one.group else class_of(one.atoms) for one in data]
    return audited(settings, learner, [str(one) for one in banded(classes)], seed)


def _worth_rows(
    settings: SelectAuditSettings, found: Curves, seed: int
) -> list[tuple[RuleName, Quantity, Worth]]:
    """Of every rule but random choices, by every error that is known."""
    return [
        (
            rule,
            quantity,
            worth(
                found.runs,
                errors,
                found.errors["random", quantity],
                share=settings.target_share,
                seed=derive_seed(seed, "select_audit", "worth"),
            ),
        )
        for (rule, quantity), errors in found.errors.items()
        if rule != "random" and np.isfinite(errors).all()
    ]


def _as_row(rule: RuleName, quantity: Quantity, one: Worth) -> dict[str, Cell]:
    unit = "meV/Å" if quantity == "force_rmse" else "meV/atom"
    return {"rule": rule, "error": quantity, "unit": unit, **_told(one)}


def _told(one: Worth) -> dict[str, Cell]:
    """Numbers and words; what is not reached has no number of runs."""
    numbers = {
        "target": one.target,
        "dft_runs": one.runs,
        "dft_runs_random": one.random_runs,
        "dft_ratio_to_random": one.ratio.value,
        "low": one.ratio.low,
        "high": one.ratio.high,
    }
    known = {key: value if math.isfinite(value) else None for key, value in numbers.items()}
    return {**known, "verdict": one.verdict}


_TAU_COLUMNS = ("rule", "class", "error", "tau", "low", "high", "structures_per_replay")


def _tau_row(one: Tau) -> dict[str, Cell]:
    values = (one.rule, one.group, one.error, one.tau.value, one.tau.low, one.tau.high)
    return dict(zip(_TAU_COLUMNS, (*values, one.structures), strict=True))


def _curve_rows(found: Curves) -> list[dict[str, Cell]]:
    rules = dict.fromkeys(rule for rule, _ in found.errors)
    return [
        {
            "rule": rule,
            "dft_runs": runs,
            **{
                f"{quantity}_{UNITS[quantity]}": float(mean_curve(errors)[step])
                for quantity in QUANTITIES
                if (errors := found.errors[rule, quantity]) is not None
            },
        }
        for rule in rules
        for step, runs in enumerate(found.runs)
    ]


def _by_rule(
    rows: Sequence[tuple[RuleName, Quantity, Worth]], ranks: Sequence[Tau]
) -> dict[str, Any]:
    """What each rule is worth, and how its measure goes with errors of the energy."""
    taus = {one.rule: asdict(one.tau) for one in ranks if (one.group, one.error) == (ALL, "energy")}
    found: dict[str, Any] = {}
    for rule, quantity, one in rows:
        found.setdefault(rule, {"tau": taus.get(rule)})[quantity] = _told(one)
    return found


def _ratio(one: Worth) -> str:
    """The ratio in words, an end that is not reached as such."""
    ends = [
        f"{end:.2f}" if math.isfinite(end) else "never" for end in (one.ratio.low, one.ratio.high)
    ]
    value = f"{one.ratio.value:.2f}" if math.isfinite(one.ratio.value) else "never reached,"
    return f"{value} ({' to '.join(ends)}) times the DFT runs of random choices"


def _verdict(rows: Sequence[tuple[RuleName, Worth]]) -> list[str]:
    """A sentence on each rule, those that save most first, and one on all."""
    ordered = sorted(rows, key=lambda row: row[1].ratio.value)
    said = [
        f"{rule}: {_ratio(one)} to {one.target:.2g} meV/atom: {one.verdict}"
        for rule, one in ordered
    ]
    better = [rule for rule, one in ordered if one.ratio.high < 1]
    return [
        *said,
        f"better than random choices: {', '.join(better)}"
        if better
        else "no rule is better than random choices on these data",
    ]
