"""All replays of an audit, each made once, and how measures go with errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.scores.agreement import MINIMUM_ARCHITECTURES, agreement
from surrogate_hpo.scores.estimates import Estimate
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.learner import Learner
from surrogate_hpo.selection.options import RuleName
from surrogate_hpo.selection.replay import Curve, Judged, Split, judged_measures, replay, split_of
from surrogate_hpo.selection.worth import mean_estimate
from surrogate_hpo.stages.select_audit.settings import SelectAuditSettings

FloatArray = NDArray[np.float64]
Quantity = Literal["energy_mae", "energy_rmse", "force_rmse"]
QUANTITIES: tuple[Quantity, ...] = ("energy_mae", "energy_rmse", "force_rmse")
ALL = "all"
Remember = Callable[[str, Callable[[], Curve]], Curve]


@dataclass(frozen=True)
class Audited:
    """The structures of an audit, ready to be replayed on.

    Attributes
    ----------
    learner
        Fits and judges; its features are what rules see.
    groups
        Class of each structure.
    splits
        One per replay.
    seeds
        One per replay.
    """

    learner: Learner
    groups: list[str]
    splits: list[Split]
    seeds: list[int]


def audited(
    settings: SelectAuditSettings,
    learner: Learner,
    groups: list[str],
    seed: int,
) -> Audited:
    """Deal the structures for every replay; DataError if there are too few."""
    seeds = [derive_seed(seed, "select_audit", number) for number in range(settings.seeds)]
    return Audited(
        learner,
        groups,
        [
            split_of(len(groups), settings.held_out, settings.start, settings.batch, own)
            for own in seeds
        ],
        seeds,
    )


@dataclass(frozen=True)
class Curves:
    """Curves of all rules.

    Attributes
    ----------
    runs
        Numbers of DFT runs at the steps.
    errors
        [replays, steps] by rule and quantity, in meV/atom and meV/Å; of random choices the
        geometric mean over the draws of a replay.
    """

    runs: tuple[int, ...]
    errors: dict[tuple[RuleName, Quantity], FloatArray]


def all_curves(settings: SelectAuditSettings, case: Audited, remember: Remember) -> Curves:
    """Replay every rule on every split.

    Parameters
    ----------
    settings
        Section `select_audit`.
    case
        The structures.
    remember
        Gives what was made under a key before, or makes it.

    Returns
    -------
    Curves
        Those of random choices are the first.
    """
    rules: list[RuleName] = ["random", *(rule for rule in settings.rules if rule != "random")]
    errors: dict[tuple[RuleName, Quantity], FloatArray] = {}
    runs: tuple[int, ...] = ()
    for rule in rules:
        draws = settings.random_draws if rule == "random" else 1
        found = [
            [_curve(settings, case, rule, number, draw, remember) for draw in range(draws)]
            for number in range(settings.seeds)
        ]
        runs = found[0][0].runs
        for quantity in QUANTITIES:
            values = np.array([[getattr(one, quantity) for one in group] for group in found])
            errors[rule, quantity] = np.exp(np.log(values).mean(axis=1))
    return Curves(runs, errors)


def _curve(
    settings: SelectAuditSettings,
    case: Audited,
    rule: RuleName,
    number: int,
    draw: int,
    remember: Remember,
) -> Curve:
    seed = derive_seed(case.seeds[number], rule, draw)
    return remember(
        f"{rule} {number} {draw}",
        lambda: replay(
            case.learner,
            case.learner.features,
            case.splits[number],
            rule,
            batch=settings.batch,
            seed=seed,
        ),
    )


@dataclass(frozen=True)
class Tau:
    """How a measure ranks held-out structures beside their errors.

    Attributes
    ----------
    rule
        Whose measure.
    group
        Class of the structures, or `all`.
    error
        Which error: energy or force.
    tau
        Kendall's τ-b, mean over the replays; above zero, new structures have large errors.
    structures
        Held out per replay, mean.
    """

    rule: RuleName
    group: str
    error: Literal["energy", "force"]
    tau: Estimate
    structures: float


def all_taus(settings: SelectAuditSettings, case: Audited, seed: int) -> list[Tau]:
    """Compare measures with errors after a random part of the structures is learnt from.

    Parameters
    ----------
    settings
        Section `select_audit`.
    case
        The structures.
    seed
        Root seed of the config.

    Returns
    -------
    list of Tau
        By rule and class, where a class has enough structures held out.
    """
    judged = []
    for split, own in zip(case.splits, case.seeds, strict=True):
        known = [*split.start, *split.pool]
        some = max(len(split.start), round(settings.target_share * len(known)))
        drawn = np.random.default_rng(derive_seed(own, "tau")).permutation(known)[:some].tolist()
        judged.append(
            judged_measures(case.learner, case.learner.features, split, drawn, settings.rules, own)
        )
    groups = [ALL, *dict.fromkeys(sorted(case.groups))]
    found = []
    for rule, group in product(judged[0].measures, groups if len(groups) > 2 else [ALL]):
        if rule == "random":
            continue
        for error in ("energy", "force"):
            rows = [_tau(one, rule, group, error, case.groups) for one in judged]
            values = [tau for tau, _ in rows]
            if np.isfinite(values).any():
                estimate = mean_estimate(values, derive_seed(seed, "select_audit", "tau"))
                number = float(np.mean([count for _, count in rows]))
                found.append(Tau(rule, group, error, estimate, number))
    return found


def _tau(
    one: Judged, rule: RuleName, group: str, error: str, groups: Sequence[str]
) -> tuple[float, int]:
    """τ-b of one replay, NaN where it is not defined, and the number of structures."""
    of = np.array([group in (ALL, groups[structure]) for structure in one.structures])
    errors = np.abs(one.errors.energy if error == "energy" else one.errors.force)[of]
    if of.sum() < MINIMUM_ARCHITECTURES or not np.isfinite(errors).all():
        return float("nan"), int(of.sum())
    found = agreement(one.measures[rule][of], errors, seed=0, resamples=1)
    return found.tau, int(of.sum())
