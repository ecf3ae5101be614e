"""The rows of a comparison, and what they say in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surrogate_hpo.contest.parallel import wall_seconds
from surrogate_hpo.files.tables import Cell
from surrogate_hpo.report.table import format_number
from surrogate_hpo.stages.compare.settings import CompareSettings

Row = dict[str, Cell]


@dataclass(frozen=True)
class Contest:
    """What the contest of one method has left.

    Attributes
    ----------
    result
        Content of `result.json`.
    trials
        Rows of `trials.csv`.
    history
        Rows of `history.csv`.
    """

    result: Mapping[str, Any]
    trials: Sequence[Mapping[str, str]]
    history: Sequence[Mapping[str, str]]

    @property
    def final_seconds(self) -> float:
        """Compute of one final training, averaged over the initialisations."""
        return float(np.mean(self.result["final"]["seconds"]))

    def error(self, quantity: str, key: str = "mae_mev_per_atom") -> float:
        """An error of a quantity in meV/atom; NaN if there is none."""
        return float(self.result.get(quantity, {}).get(key, math.nan))

    def wall_seconds(self, workers: int) -> float:
        """Wall time of the search on some workers, and of one final training."""
        columns = [
            [float(row[key]) for row in self.trials]
            for key in ("batch", "seconds", "parallel_tasks")
        ]
        batch, seconds, tasks = columns
        search = wall_seconds(
            [int(number) for number in batch],
            seconds,
            [int(number) for number in tasks],
            workers=workers,
        )
        return search + self.final_seconds


def comparison_rows(contests: Sequence[Contest], settings: CompareSettings) -> list[Row]:
    """One row per method.

    Parameters
    ----------
    contests
        The methods that have finished.
    settings
        Reference and numbers of workers.

    Returns
    -------
    list of dict
        Rows of `table.csv`.
    """
    reference = next((c for c in contests if c.result["method"] == settings.reference), None)
    return [_row(contest, reference, settings) for contest in contests]


def _row(contest: Contest, reference: Contest | None, settings: CompareSettings) -> Row:
    result, search = contest.result, contest.result["search"]
    return {
        "method": result["method"],
        "label": result["label"],
        "device": result["device"],
        "trials": search["trials"],
        "trainings": search["trainings"],
        "scores": search["scores"],
        "search_seconds": search["seconds"],
        "final_training_seconds": contest.final_seconds,
        "total_seconds": search["seconds"] + contest.final_seconds,
        **{f"wall_seconds_{n}_workers": contest.wall_seconds(n) for n in settings.workers},
        "mae_mev_per_atom": contest.error("total_free_energy"),
        "std_over_initialisations_mev_per_atom": contest.error(
            "total_free_energy", "std_over_seeds"
        ),
        "band_energy_mae_mev_per_atom": contest.error("band_energy"),
        "band_energy_std_over_initialisations_mev_per_atom": contest.error(
            "band_energy", "std_over_seeds"
        ),
        "validation_loss": float(np.mean([number(v) for v in result["final"]["validation_loss"]])),
        "parameters": result["parameters"],
        "inference_microseconds_per_point": result.get("inference_microseconds_per_point"),
        "architecture": result["architecture_label"],
        **result["hyperparameters"],
        **_ratios(contest, reference),
        "failed_trials": search["failed"],
        "failure": result["failure"],
    }


def _ratios(contest: Contest, reference: Contest | None) -> Row:
    """Search compute and error relative to the reference, with the standard error of the ratio."""
    cells: Row = dict.fromkeys(
        (
            "search_compute_saving",
            "mae_ratio",
            "mae_ratio_standard_error",
            "reference_seconds_to_equal_value",
        ),
        math.nan,
    )
    if reference is None:
        return cells
    own, other = (c.error("total_free_energy") for c in (contest, reference))
    # One network has no spread: how sure its ratio is cannot be said.
    count = contest.result["final"]["initialisations"]
    relative = [
        c.error("total_free_energy", "std_over_seeds") / c.error("total_free_energy")
        for c in (contest, reference)
    ]
    error = math.hypot(*relative) / math.sqrt(count) if count > 1 else math.nan
    return {
        "search_compute_saving": reference.result["search"]["seconds"]
        / contest.result["search"]["seconds"],
        "mae_ratio": own / other,
        "mae_ratio_standard_error": 0.0 if contest is reference else own / other * error,
        "reference_seconds_to_equal_value": _seconds_to_reach(reference, _best(contest)),
    }


def _best(contest: Contest) -> float:
    """Smallest value of a whole training in the search; NaN if nothing was trained."""
    return min((value for _, value in _whole_trainings(contest)), default=math.nan)


def _seconds_to_reach(contest: Contest, value: float) -> float:
    """Compute until a search had a value as small as this; NaN if it never had."""
    return next((s for s, found in _whole_trainings(contest) if found <= value), math.nan)


def _whole_trainings(contest: Contest) -> list[tuple[float, float]]:
    """Compute so far and value of each completed training of full length."""
    return [
        (float(row["cumulative_seconds"]), float(row["value"]))
        for row in contest.trials
        if row["kind"] == "training" and row["state"] == "complete" and float(row["fidelity"]) == 1
    ]


def number(cell: Cell) -> float:
    """A cell as a number; NaN if it is empty."""
    return math.nan if cell is None else float(cell)


def total_free_energy_floor(contests: Sequence[Contest]) -> float:
    """Error of the reference LDOS, meV/atom, the same for all methods; NaN if all failed."""
    floors = [c.error("total_free_energy", "discretisation_error_mev_per_atom") for c in contests]
    return next((floor for floor in floors if math.isfinite(floor)), math.nan)


def verdicts(rows: Sequence[Row], settings: CompareSettings) -> list[str]:
    """Say for each method what it cost and how good it was, against the reference.

    Parameters
    ----------
    rows
        Of `comparison_rows`.
    settings
        The reference, and up to which ratio errors are called comparable.

    Returns
    -------
    list of str
        A sentence per method.
    """
    reference = next((row for row in rows if row["method"] == settings.reference), None)
    if reference is None:
        return [f"No ratios: the reference, {settings.reference}, is not among the methods."]
    if reference["failure"]:
        return [f"No ratios: {reference['label']}, the reference, failed: {reference['failure']}"]
    others = [row for row in rows if row is not reference]
    return [_sentence(row, str(reference["label"]), settings) for row in others]


def _sentence(row: Row, reference: str, settings: CompareSettings) -> str:
    if row["failure"]:
        return f"{row['label']} failed: {row['failure']}"
    saving, ratio, error = (
        number(row[key])
        for key in ("search_compute_saving", "mae_ratio", "mae_ratio_standard_error")
    )
    cost = (
        f"{format_number(saving, 3)}× less search compute"
        if saving >= 1
        else f"{format_number(1 / saving, 3)}× more search compute"
    )
    limit = settings.comparable_mae_ratio
    quality = f"at most {limit:g}: comparable" if ratio <= limit else f"above {limit:g}: worse"
    if abs(ratio - limit) < 2 * error:
        quality += ", though not by two standard errors"
    spread = f" ± {error:.2f}" if math.isfinite(error) else ""
    return (
        f"{row['label']} against {reference}: {cost} at an MAE ratio of "
        f"{ratio:.2f}{spread}: {quality}."
    )
