"""Tables and verdict of an audit, from its scores and its trainings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from surrogate_hpo.io.tables import Cell
from surrogate_hpo.selection.agreement import (
    MINIMUM_ARCHITECTURES,
    Agreement,
    agreement,
    verdict,
)
from surrogate_hpo.selection.options import Direction, ProxyName
from surrogate_hpo.selection.proxies import PROXIES
from surrogate_hpo.selection.ranking import ArchitectureScore
from surrogate_hpo.selection.regret import Regret, top_regret
from surrogate_hpo.stages.brief import TrainedError, diverged

Row = dict[str, Any]
ALL = "all"
TOP = (1, 5)
CONTROL: ProxyName = "parameters"


def score_rows(
    found: Sequence[ArchitectureScore], errors: Mapping[str, TrainedError]
) -> list[Row]:
    """One row per architecture and score, beside the error of its trainings.

    Parameters
    ----------
    found
        Scores of all architectures.
    errors
        By label of the architecture.

    Returns
    -------
    list of dict
        Rows of `scores.csv`.
    """
    rows = []
    for score in found:
        error = errors[score.architecture.label]
        rows.append(
            {
                "score": score.proxy,
                "architecture": score.architecture.label,
                "activation": score.architecture.activation,
                "layers": len(score.architecture.hidden_widths),
                "parameters": score.parameters,
                "value": score.score if score.accepted else math.nan,
                "mean": score.mean,
                "std": score.std,
                "status": score.status,
                "seconds": score.seconds,
                "error_mean": error.mean,
                "error_std": error.std,
                "training_status": error.status,
                "training_seconds": error.seconds,
            }
        )
    return rows


def agreement_rows(rows: Sequence[Row], *, seed: int, resamples: int) -> list[Row]:
    """One row per score and group of architectures: all, and those of one activation.

    Parameters
    ----------
    rows
        Of :func:`score_rows`.
    seed
        Of the bootstrap; all scores see the same resamples.
    resamples
        Their number.

    Returns
    -------
    list of dict
        Rows of `agreement.csv`.
    """
    names = list(dict.fromkeys(row["score"] for row in rows))
    activations = list(dict.fromkeys(row["activation"] for row in rows))
    found = []
    for name in names:
        own = [row for row in rows if row["score"] == name]
        direction: Direction = PROXIES[name].direction
        for group in (ALL, *activations):
            members = [row for row in own if group in (ALL, row["activation"])]
            compared = _compare(members, seed=seed, resamples=resamples)
            if group == ALL:
                # Groups are read as the whole is: each by itself would pick its own winner.
                direction = verdict(compared, direction).direction or direction
            found.append(
                {
                    "score": name,
                    "label": PROXIES[name].label,
                    "group": group,
                    "verdict": verdict(compared, direction).words,
                    **_statistics(compared),
                    "rejected_scores": len(members) - compared.architectures,
                    "direction": direction,
                    **_regrets(members, direction),
                    **_costs(members),
                    "reason": compared.reason,
                }
            )
    return found


def _compare(members: Sequence[Row], *, seed: int, resamples: int) -> Agreement:
    usable = [row for row in members if math.isfinite(row["value"])]
    if len(usable) < MINIMUM_ARCHITECTURES:
        reason = f"fewer than {MINIMUM_ARCHITECTURES} architectures with a score"
        return Agreement(*[math.nan] * 6, architectures=len(usable), reason=reason)
    score, error = ([row[key] for row in usable] for key in ("value", "error_mean"))
    return agreement(score, error, seed=seed, resamples=resamples)


def _statistics(found: Agreement) -> dict[str, Cell]:
    return {
        "architectures": found.architectures,
        "tau": found.tau,
        "tau_low": found.tau_low,
        "tau_high": found.tau_high,
        "rho": found.rho,
        "rho_low": found.rho_low,
        "rho_high": found.rho_high,
    }


def _regrets(members: Sequence[Row], direction: Direction) -> dict[str, float]:
    values, errors = ([row[key] for row in members] for key in ("value", "error_mean"))
    cells: dict[str, float] = {}
    for k in TOP:
        known = k <= len(members) and np.isfinite(errors).any() and np.isfinite(values).any()
        regret = (
            top_regret(values, errors, direction=direction, k=k)
            if known
            else Regret(math.nan, math.nan)
        )
        cells |= {f"regret_top_{k}": regret.picked, f"regret_top_{k}_random": regret.random}
    return cells


def _costs(members: Sequence[Row]) -> dict[str, float]:
    score, training = (
        float(np.mean([row[key] for row in members])) for key in ("seconds", "training_seconds")
    )
    return {"seconds": score, "training_seconds": training, "cost_share": score / training}


def figure_arguments(rows: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]]) -> Row:
    """Arguments of the figure, from the rows of both tables as made here or read back.

    Parameters
    ----------
    rows
        Of `scores.csv`.
    groups
        Of `agreement.csv`.

    Returns
    -------
    dict
        Keywords of :func:`surrogate_hpo.figures.score_agreement.score_agreement`.
    """

    def numbers(table: Sequence[Mapping[str, Any]], key: str) -> list[float]:
        return [math.nan if row[key] == "" else float(row[key]) for row in table]

    overall = [row for row in groups if row["group"] == ALL]
    return {
        "score": [row["score"] for row in rows],
        "architecture": [row["architecture"] for row in rows],
        "activation": [row["activation"] for row in rows],
        "value": numbers(rows, "value"),
        "error": numbers(rows, "error_mean"),
        "labels": {row["score"]: row["label"] for row in overall},
        "tau": {
            row["score"]: (tau, low, high)
            for row, tau, low, high in zip(
                overall,
                *(numbers(overall, key) for key in ("tau", "tau_low", "tau_high")),
                strict=True,
            )
        },
    }


def verdict_document(groups: Sequence[Row], errors: Mapping[str, TrainedError]) -> dict[str, Any]:
    """What each score is worth on these data, and which one to take.

    Parameters
    ----------
    groups
        Of :func:`agreement_rows`.
    errors
        By label of the architecture.

    Returns
    -------
    dict
        Content of `verdict.json` but for its provenance.
    """
    overall = {row["score"]: row for row in groups if row["group"] == ALL}
    informative = {n: row for n, row in overall.items() if row["verdict"].startswith("informative")}
    best = max(informative, key=lambda name: abs(informative[name]["tau"]), default=None)
    return {
        "scores": {name: _judgement(name, row) for name, row in overall.items()},
        "recommended": best,
        "direction": overall[best]["direction"] if best else None,
        "error": "validation loss of the scaled LDOS after a brief training",
        "architectures": len(errors),
        "reasons": _reasons(overall, best),
        "warnings": [
            f"{label}: {errors[label].status}; counts as worse than any that did not"
            for label in diverged(errors)
        ],
    }


def _judgement(name: ProxyName, row: Row) -> dict[str, Any]:
    published = PROXIES[name].direction
    informative = row["verdict"].startswith("informative")
    keys = ("label", "verdict", "architectures", "rejected_scores", "tau", "tau_low", "tau_high")
    more = ("rho", "rho_low", "rho_high", "seconds", "cost_share", "reason")
    return {key: row[key] for key in keys} | {
        "direction": row["direction"] if informative else None,
        "published_direction": published,
        "agrees_with_publication": row["direction"] == published if informative else None,
        **{key: row[key] for key in more},
    }


def _reasons(overall: Mapping[str, Row], best: str | None) -> list[str]:
    if best is None:
        return ["no score can be told from chance on these data: none is recommended"]
    chosen = overall[best]
    reasons = [
        f"largest |τ| with the trained error of all informative scores: {chosen['label']}, "
        f"{chosen['tau']:+.2f} [{chosen['tau_low']:+.2f}, {chosen['tau_high']:+.2f}]; "
        f"{chosen['verdict']}"
    ]
    control = overall.get(CONTROL)
    if control and best != CONTROL:
        reasons.append(
            f"the control, {control['label'].lower()}, has {control['tau']:+.2f} "
            f"[{control['tau_low']:+.2f}, {control['tau_high']:+.2f}]"
        )
    if best == CONTROL:
        reasons.append("WARNING: no score ranks better than counting parameters does")
    return reasons
