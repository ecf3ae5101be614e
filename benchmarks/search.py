"""Which search is worth its cost: every method replayed on tables of trained networks.

A table is a pair of files of `snakemake table`, named after a material: aluminium.csv and
aluminium.json. Nothing is trained: a replay of a whole search takes a fraction of a second, so that
each method is run from 100 seeds. Regret is the relative excess of the error of the network that a
search would recommend over the best of the table: of the validation loss, where the searches see
it, and of the total free energy, where they see that. Compute is that of the trainings and scores
asked for. All methods have the same number of trials. What is learnt from tables (weights of
scores, first points, a rule of the learning rate) is learnt from those of the other materials.
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
from typing import Any, NamedTuple, get_args

from surrogate_hpo.contest.contenders import Arena
from surrogate_hpo.contest.methods.interface import Budget
from surrogate_hpo.contest.regret import median, regret_at
from surrogate_hpo.contest.replay import Replay
from surrogate_hpo.contest.table_answers import SeenError, errors_of
from surrogate_hpo.contest.table_numbers import best_of, method_numbers, rate_numbers, taus
from surrogate_hpo.contest.verdict import Winner, overall_winner, winner
from surrogate_hpo.data.trained_tables import read_trained_table
from surrogate_hpo.errors import DataError
from surrogate_hpo.search.trained_table import TrainedTable

TABLES = sorted(Path("benchmarks/data/tables").glob("*.csv"))
OUT = Path("benchmarks/out/search.json")
REFERENCE, CONTROL = "tpe_default", "random"
TARGET_REGRET = 0.05
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)  # of the reference's compute
Runs = dict[str, list[Replay]]


class Place(NamedTuple):
    """Where searches are replayed: one of several tables, and the error that they see."""

    paths: tuple[Path, ...]
    number: int
    error: SeenError

    @property
    def name(self) -> str:
        """The material."""
        path = self.paths[self.number]
        return path.stem if path.stem != "table" else path.resolve().parents[2].name


@lru_cache
def table_at(path: Path) -> TrainedTable:
    """A table, read once by each process."""
    return read_trained_table(path, path.with_suffix(".json"))


def others_of(place: Place) -> list[TrainedTable]:
    """Tables of the other materials."""
    return [table_at(path) for n, path in enumerate(place.paths) if n != place.number]


@lru_cache(maxsize=1)
def arena_at(place: Place) -> Arena:
    """What is replayed there, made once by each process."""
    return Arena(table_at(place.paths[place.number]), others_of(place), place.error)


def some_replays(place: Place, budget: Budget, job: tuple[str, range]) -> list[Replay]:
    """Replay one method from some seeds."""
    label, seeds = job
    arena = arena_at(place)
    return [arena.replay(label, budget, seed) for seed in seeds]


def all_replays(
    place: Place, budget: Budget, labels: Sequence[str], replays: int, pool: ProcessPoolExecutor
) -> Runs:
    """Replays of all methods in the order of their seeds."""
    chunk = 10
    starts = range(0, replays, chunk)
    jobs = [(label, range(n, min(n + chunk, replays))) for label in labels for n in starts]
    runs: Runs = {label: [] for label in labels}
    for (label, _), found in zip(
        jobs, pool.map(partial(some_replays, place, budget), jobs), strict=True
    ):
        runs[label] += found
    return runs


def scores_at(place: Place) -> dict[str, Any]:
    """τ of the scores, and the exponents of the best learning rate."""
    table, others = table_at(place.paths[place.number]), others_of(place)
    return {
        "scores": taus(table, others, place.error),
        "rate_rule": rate_numbers([table], place.error),
        "rate_rule_of_others": rate_numbers(others, place.error) if others else None,
    }


def judged(place: Place, runs: Runs, extra: dict[str, Any]) -> dict[str, Any]:
    """Numbers of all methods on one table, with the winner."""
    errors = errors_of(table_at(place.paths[place.number]), place.error)
    spent = median([one.total_seconds for one in runs[REFERENCE]])
    budgets = [share * spent for share in SHARES]
    first = winner(runs, errors, reference=REFERENCE, control=CONTROL, target=TARGET_REGRET)
    # What Optuna ends at, which is often above the target: who gets there sooner?
    ended = [float(regret_at(one, errors, [one.total_seconds])[0]) for one in runs[REFERENCE]]
    reached = max(median(ended), TARGET_REGRET)
    second = winner(runs, errors, reference=REFERENCE, control=CONTROL, target=reached)
    return {
        **won(first),
        "at_the_regret_of_optuna": {"regret": reached, **won(second)},
        **best_of(extra["scores"]),
        "budget_seconds": budgets,
        "methods": {
            label: method_numbers(found, errors, budgets, TARGET_REGRET)
            for label, found in runs.items()
        },
        **extra,
    }


def won(found: Winner) -> dict[str, Any]:
    """What a winner saves, and whether it is nowhere worse than random search."""
    return {
        "winner": found.method,
        "compute_saving": found.saving.value,
        "compute_saving_low": found.saving.low,
        "compute_saving_high": found.saving.high,
        "compute_saving_is_lower_bound": found.is_lower_bound,
        "wall_saving": asdict(found.wall_saving),
        "beats_random_at_every_budget": found.beats_control,
        "share_of_budgets_better_than_random": found.control_share,
    }


def facts(table: TrainedTable) -> dict[str, Any]:
    """What the table is."""
    return {
        "configurations": len(table.configurations),
        "seeds": table.seeds,
        "failed_configurations": sum(not math.isfinite(loss) for loss in table.losses),
        "table_seconds": sum(sum(row.seconds) for c in table.configurations for row in c.rows),
    }


def compared(
    paths: tuple[Path, ...],
    error: SeenError,
    options: argparse.Namespace,
    pool: ProcessPoolExecutor,
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """All methods on all tables that have an error, and the winner over all of them."""
    found, pairs = {}, []
    for number in range(len(paths)):
        place = Place(paths, number, error)
        table = table_at(paths[number])
        budget = Budget(options.trials, min(options.initialisations, table.seeds))
        try:
            arena = arena_at(place)
        except DataError:
            continue
        extra = pool.submit(scores_at, place)
        runs = all_replays(place, budget, arena.fits(budget), options.replays, pool)
        found[place.name] = {
            **judged(place, runs, extra.result()),
            "refused": arena.refused,
            "initialisations": budget.initialisations,
        }
        printed(f"{place.name}, {error}", found[place.name])
        pairs.append((runs, errors_of(table, error)))
    if not pairs:
        return found, None
    overall = overall_winner(pairs, reference=REFERENCE, control=CONTROL, target=TARGET_REGRET)
    print(f"\nover all, {error}: {overall}")
    return found, asdict(overall)


def printed(name: str, found: dict[str, Any]) -> None:
    """A row per method: median regret at each budget, in percent."""
    budgets = " | ".join(f"{seconds:.0f} s" for seconds in found["budget_seconds"])
    print(f"\n{name}: median regret, % (95 % interval)\n")
    print(f"| method | {budgets} | s to {TARGET_REGRET:.0%} | wall s to it | search, s |")
    print("|---" * (len(found["budget_seconds"]) + 4) + "|")

    def cell(one: dict[str, float], factor: float = 100.0) -> str:
        value, low, high = (factor * one[key] for key in ("value", "low", "high"))
        return f"{value:.3g} [{low:.3g}, {high:.3g}]" if math.isfinite(value) else "–"

    for label, row in found["methods"].items():
        regrets = " | ".join(map(cell, row["regret"]))
        print(
            f"| {label} | {regrets} | {cell(row['seconds_to_target'], 1.0)} "
            f"| {cell(row['wall_seconds_to_target'], 1.0)} | {row['total_seconds']:.0f} |"
        )
    for label, reason in found["refused"].items():
        print(f"{label} is left out: {reason}")
    skipped = ("methods", "scores", "budget_seconds", "refused")
    print("\n".join(f"{key}: {value}" for key, value in found.items() if key not in skipped))
    print("τ: " + ", ".join(f"{key} {one['tau']:.2f}" for key, one in found["scores"].items()))


def finite(value: Any) -> Any:  # noqa: ANN401
    """Numbers that JSON knows: none for what is infinite or no number."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main() -> None:
    """Print a table per material and error, and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", type=Path, default=TABLES, help="table.csv files")
    parser.add_argument("--replays", type=int, default=100, help="seeds of each method")
    parser.add_argument("--trials", type=int, default=50, help="whole trainings of each search")
    parser.add_argument("--initialisations", type=int, default=2, help="at most the table's seeds")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if not options.tables:
        raise SystemExit(f"No tables in {OUT.parent.parent / 'data' / 'tables'}: snakemake table")
    start = time.perf_counter()
    paths = tuple(options.tables)
    by_error, overall = {}, {}
    with ProcessPoolExecutor(options.processes) as pool:
        for error in get_args(SeenError):
            by_error[error], overall[error] = compared(paths, error, options, pool)
    loss, energy = (by_error[error] for error in get_args(SeenError))
    summary = {
        "materials": {
            name: facts(table_at(path)) | loss[name] | {"by_free_energy": energy.get(name)}
            for name, path in zip(loss, paths, strict=True)
        },
        "winner_over_all": overall["validation_loss"],
        "winner_over_all_by_free_energy": overall["total_free_energy"],
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
