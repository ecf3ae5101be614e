"""Which search is worth its cost: every method replayed on tables of trained networks.

A table is a pair of files of `snakemake table`, named after a material: aluminium.csv and
aluminium.json. Nothing is trained: a replay of a whole search takes a fraction of a second, so that
each method is run from 100 seeds. Regret is the relative excess of the validation loss of the
network that a search would recommend over the best of the table, and the same of the error of the
total free energy where the table has it; compute is that of the trainings and scores asked for. All
methods have the same number of trials.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from surrogate_hpo.contest.methods.interface import Budget
from surrogate_hpo.contest.methods.points import levels
from surrogate_hpo.contest.methods.registry import METHODS
from surrogate_hpo.contest.regret import median_estimate, regret_at, saving, seconds_to
from surrogate_hpo.contest.replay import Replay, TableScore, replay
from surrogate_hpo.data.trained_tables import read_trained_table
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.scores.agreement import agreement
from surrogate_hpo.scores.architectures.options import Direction, ProxyName
from surrogate_hpo.search.options import MethodName
from surrogate_hpo.search.space import Choices, SearchSpace
from surrogate_hpo.search.trained_table import TrainedTable

TABLES = sorted(Path("benchmarks/data/tables").glob("*.csv"))
OUT = Path("benchmarks/out/search.json")
REFERENCE = "tpe"
PAPER: ProxyName = "naswot"
TARGET_REGRET = 0.05
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)  # of the reference's compute
ANYTIME = 24  # budgets of the curves
LEVELS = 5  # of an interval, for methods that need a list
# As their publications read them; scores/architectures says the same of each.
DIRECTIONS: dict[ProxyName, Direction] = {
    "naswot": "maximise",
    "activation_patterns": "maximise",
    "parameters": "maximise",
    "readout": "minimise",
    "short_training": "minimise",
}
FILTERS: tuple[ProxyName, ...] = ("activation_patterns", "readout", "short_training", "parameters")


class Contender(NamedTuple):
    """A method, and the score that it uses if it needs one."""

    method: MethodName
    score: ProxyName = PAPER

    @property
    def label(self) -> str:
        """Name in the table."""
        return self.method if self.method != "filtered_halving" else f"{self.method}:{self.score}"


@lru_cache
def table_at(path: Path) -> TrainedTable:
    """A table, read once by each process."""
    return read_trained_table(path, path.with_suffix(".json"))


def contenders(table: TrainedTable) -> list[Contender]:
    """All methods whose score the table has, the filter with each of several."""
    known = set(table.configurations[0].scores)
    listed = [Contender(name) for name in METHODS if name != "filtered_halving"]
    listed += [Contender("filtered_halving", score) for score in FILTERS]
    needy = {name for name, method in METHODS.items() if getattr(method, "needs_score", False)}
    return [one for one in listed if one.method not in needy or one.score in known]


def space_of(contender: Contender, table: TrainedTable) -> SearchSpace:
    """The space of the table; for an orthogonal array some values of each interval, as it wants."""
    if contender.method != "orthogonal_array":
        return table.space
    return {key: Choices(levels(one, LEVELS)) for key, one in table.space.items()}


def one_replay(path: Path, contender: Contender, budget: Budget, seed: int) -> Replay:
    """One search on a table."""
    table = table_at(path)
    score = None
    if contender.score in table.configurations[0].scores:
        score = TableScore(table, contender.score, DIRECTIONS[contender.score])
    method, space = METHODS[contender.method], space_of(contender, table)
    return replay(method, table, budget=budget, seed=seed, score=score, space=space)


def curve(replays: Sequence[Replay], errors: Sequence[float], seconds: Sequence[float]) -> Any:  # noqa: ANN401
    """Median regret with its interval at some budgets."""
    found = np.array([regret_at(one, errors, seconds) for one in replays])
    return [asdict(median_estimate(column, seed=0)) for column in found.T]


def judged(replays: Sequence[Replay], table: TrainedTable, budgets: Sequence[float]) -> Any:  # noqa: ANN401
    """Numbers of one method on one table."""
    total = float(np.median([one.total_seconds for one in replays]))
    anytime = list(np.geomspace(budgets[0] / 8, budgets[-1], ANYTIME))
    energies = table.free_energies
    losses = table.losses
    return {
        "replays": len(replays),
        "without_recommendation": sum(bool(one.failure) for one in replays),
        "total_seconds": total,
        "regret": curve(replays, losses, budgets),
        "free_energy_regret": curve(replays, energies, budgets)
        if any(map(math.isfinite, energies))
        else None,
        "anytime_seconds": anytime,
        "anytime_regret": [point["value"] for point in curve(replays, losses, anytime)],
        "seconds_to_target": asdict(
            median_estimate([seconds_to(one, losses, TARGET_REGRET) for one in replays], seed=1)
        ),
    }


def taus(table: TrainedTable) -> dict[str, dict[str, Any]]:
    """Kendall's τ of every score with the loss over all configurations whose score is a number."""
    found = {}
    for name in table.configurations[0].scores:
        pairs = [(one.scores[name], one.loss) for one in table.configurations]
        usable = [pair for pair in pairs if math.isfinite(pair[0])]
        scores, losses = zip(*usable, strict=True)
        found[name] = asdict(agreement(scores, losses, seed=2))
    return found


def material(path: Path, budget: Budget, replays: int, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """All methods on one table."""
    table = table_at(path)
    initialisations = min(budget.initialisations, table.seeds)
    budget = Budget(budget.trials, initialisations)
    runs: dict[str, list[Replay]] = {}
    refused: dict[str, str] = {}
    for one in contenders(table):
        try:
            METHODS[one.method].check(space_of(one, table), budget)
        except ConfigError as error:
            refused[one.label] = " ".join(str(error).split())
            continue
        run = partial(one_replay, path, one, budget)
        runs[one.label] = list(pool.map(run, range(replays), chunksize=5))
    reference = float(np.median([one.total_seconds for one in runs[REFERENCE]]))
    budgets = [share * reference for share in SHARES]
    methods = {label: judged(found, table, budgets) for label, found in runs.items()}
    return {
        **verdict(runs, methods, table),
        "configurations": len(table.configurations),
        "failed_configurations": sum(not math.isfinite(loss) for loss in table.losses),
        "table_seconds": sum(sum(row.seconds) for c in table.configurations for row in c.rows),
        "initialisations": initialisations,
        "budget_seconds": budgets,
        "methods": methods,
        "refused": refused,
        "scores": taus(table),
    }


def verdict(
    runs: dict[str, list[Replay]], methods: dict[str, Any], table: TrainedTable
) -> dict[str, Any]:
    """The method that gets to the target with the least compute, and the best of the scores."""
    losses, known = table.losses, taus(table)
    winner = min(methods, key=lambda name: methods[name]["seconds_to_target"]["value"])
    reached = math.isfinite(methods[winner]["seconds_to_target"]["value"])

    def seconds(label: str) -> list[float]:
        return [seconds_to(one, losses, TARGET_REGRET) for one in runs[label]]

    # Where the reference never gets there, what it has spent is a lower bound.
    spent = [
        min(found, one.total_seconds)
        for found, one in zip(seconds(REFERENCE), runs[REFERENCE], strict=True)
    ]
    saved = saving(spent, seconds(winner), seed=3)
    best = max(known, key=lambda name: abs(np.nan_to_num(known[name]["tau"])), default=None)
    return {
        "winner": winner if reached else None,
        "compute_saving": saved.value if reached else None,
        "compute_saving_low": saved.low if reached else None,
        "compute_saving_high": saved.high if reached else None,
        "compute_saving_is_lower_bound": not math.isfinite(
            methods[REFERENCE]["seconds_to_target"]["value"]
        ),
        "best_score": best,
        "tau_of_best_score": known[best]["tau"] if best else None,
        "tau_of_paper": known[PAPER]["tau"] if PAPER in known else None,
    }


def printed(name: str, found: dict[str, Any]) -> None:
    """A row per method: median regret at each budget, in percent."""
    budgets = " | ".join(f"{seconds:.0f} s" for seconds in found["budget_seconds"])
    print(f"\n{name}: {found['configurations']} configurations; median regret, % (95 % interval)\n")
    print(f"| method | {budgets} | s to {TARGET_REGRET:.0%} | search, s |")
    print("|---" * (len(found["budget_seconds"]) + 3) + "|")

    def cell(one: dict[str, float], factor: float = 100.0) -> str:
        value, low, high = (factor * one[key] for key in ("value", "low", "high"))
        return f"{value:.3g} [{low:.3g}, {high:.3g}]" if math.isfinite(value) else "–"

    for label, row in found["methods"].items():
        regrets = " | ".join(map(cell, row["regret"]))
        print(
            f"| {label} | {regrets} | {cell(row['seconds_to_target'], 1.0)} "
            f"| {row['total_seconds']:.0f} |"
        )
    for label, reason in found["refused"].items():
        print(f"{label} is left out: {reason}")
    for key in ("winner", "compute_saving", "best_score", "tau_of_best_score", "tau_of_paper"):
        value = found[key]
        print(f"{key}: {value:.3g}" if isinstance(value, float) else f"{key}: {value}")


def finite(value: Any) -> Any:  # noqa: ANN401
    """Numbers that JSON knows: none for what is infinite or no number."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main() -> None:
    """Print a table per material and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", type=Path, default=TABLES, help="table.csv files")
    parser.add_argument("--replays", type=int, default=100, help="seeds of each method")
    parser.add_argument("--trials", type=int, default=60, help="whole trainings of each search")
    parser.add_argument("--initialisations", type=int, default=2, help="at most the table's seeds")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if not options.tables:
        raise SystemExit(f"No tables in {OUT.parent.parent / 'data' / 'tables'}: snakemake table")
    budget = Budget(options.trials, options.initialisations)
    start = time.perf_counter()
    found = {}
    with ProcessPoolExecutor(options.processes) as pool:
        for path in options.tables:
            name = path.stem if path.stem != "table" else path.resolve().parents[2].name
            found[name] = material(path, budget, options.replays, pool)
            printed(name, found[name])
    summary = {
        "materials": found,
        "reference": REFERENCE,
        "target_regret": TARGET_REGRET,
        "trials": options.trials,
        "replays": options.replays,
        "wall_seconds": time.perf_counter() - start,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(finite(summary), indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {OUT} after {summary['wall_seconds']:.0f} s")


if __name__ == "__main__":
    main()
