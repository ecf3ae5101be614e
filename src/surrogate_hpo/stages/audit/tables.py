"""Tables and verdict of an audit, from its scores and its trainings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from surrogate_hpo.files.tables import Cell
from surrogate_hpo.scores.agreement import (
    MINIMUM_ARCHITECTURES,
    Agreement,
    agreement,
    gain,
    verdict,
)
from surrogate_hpo.scores.architectures.options import Direction, ProxyName
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.scores.regret import Regret, top_regret
from surrogate_hpo.stages.audit.groups import ALL
from surrogate_hpo.training.trained_error import TrainedError, diverged

Row = dict[str, Any]
TOP = (1, 5)
CONTROL: ProxyName = "parameters"


def score_rows(found: Sequence[ArchitectureScore], errors: Mapping[str, TrainedError]) -> list[Row]:
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
                    **_gain(members, seed=seed, resamples=resamples),
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
        return Agreement.undefined(len(usable), reason)
    score, error = ([row[key] for row in usable] for key in ("value", "error_mean"))
    return agreement(score, error, seed=seed, resamples=resamples)


def _gain(members: Sequence[Row], *, seed: int, resamples: int) -> dict[str, float]:
    """How much better than the number of parameters, the control, a score ranks."""
    usable = [row for row in members if math.isfinite(row["value"])]
    found = (math.nan, math.nan, math.nan)
    if len(usable) >= MINIMUM_ARCHITECTURES:
        columns = ([row[key] for row in usable] for key in ("value", "parameters", "error_mean"))
        found = gain(*columns, seed=seed, resamples=resamples)
    names = ("gain_over_parameters", "gain_low", "gain_high")
    return dict(zip(names, found, strict=True))


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
    """Medians per architecture: the first call of all also pays for late imports."""
    score, training = (
        float(np.median([row[key] for row in members])) for key in ("seconds", "training_seconds")
    )
    return {"seconds": score, "training_seconds": training, "cost_share": score / training}


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
    more: tuple[str, ...] = (
        "rho",
        "rho_low",
        "rho_high",
        "gain_over_parameters",
        "gain_low",
        "gain_high",
    )
    more += ("seconds", "cost_share", "reason")
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
    if best == CONTROL:
        return [*reasons, "WARNING: no score ranks better than counting parameters does"]
    low, high = chosen["gain_low"], chosen["gain_high"]
    difference = f"{chosen['gain_over_parameters']:+.2f} [{low:+.2f}, {high:+.2f}]"
    better = "ranks better than" if low > 0 else "cannot be told from"
    reasons.append(f"it {better} counting parameters: difference of |τ| {difference}")
    return reasons
