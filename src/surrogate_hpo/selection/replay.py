"""Rules replayed on structures that are computed already: what they would have chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.selection.choosing import choose, measures_of, pool_of
from surrogate_hpo.selection.features import Features
from surrogate_hpo.selection.learner import Errors, Learner
from surrogate_hpo.selection.options import WITH_MODEL, AnyRule, RuleName

FloatArray = NDArray[np.float64]
_MEMBERS = 8
# A pool with fewer structures after the start has no curve.
_FEWEST_STEPS = 2


@dataclass(frozen=True)
class Split:
    """Structures of one replay, by their numbers.

    Attributes
    ----------
    held_out
        Judged on, never chosen.
    start
        Known from the beginning, the same for all rules.
    pool
        To choose from.
    """

    held_out: tuple[int, ...]
    start: tuple[int, ...]
    pool: tuple[int, ...]


@dataclass(frozen=True)
class Curve:
    """Errors on the held-out structures against the number of DFT runs, of one rule and split.

    Attributes
    ----------
    rule
        Name of the rule.
    runs
        Number of training structures at each step, those of the start included.
    energy_mae
        Mean absolute error of the energy, meV/atom.
    energy_rmse
        Its root mean square error, meV/atom.
    force_rmse
        The same of the forces, meV/Å; NaN where they are not known.
    chosen
        Numbers of the structures, in the order in which they were chosen.
    """

    rule: RuleName
    runs: tuple[int, ...]
    energy_mae: tuple[float, ...]
    energy_rmse: tuple[float, ...]
    force_rmse: tuple[float, ...]
    chosen: tuple[int, ...]


def split_of(structures: int, held_out: float, start: int, batch: int, seed: int) -> Split:
    """Deal structures at random.

    Parameters
    ----------
    structures
        How many there are.
    held_out
        Share that is judged on.
    start
        How many are known from the beginning.
    batch
        How many are chosen at a time.
    seed
        Of the deal.

    Returns
    -------
    Split
        Sorted numbers.

    Raises
    ------
    DataError
        If too few are left to choose from.
    """
    judged = max(1, round(held_out * structures))
    left = structures - judged - start
    if left < _FEWEST_STEPS * batch:
        raise DataError(
            "too few structures to replay choices on",
            where="select_audit",
            expected=f"{judged} to judge on, {start} to begin with and {_FEWEST_STEPS * batch} or "
            "more to choose from",
            got=f"{structures} structures",
            remedy="give more structures, or lower held_out, start or batch",
        )
    order = np.random.default_rng(seed).permutation(structures).tolist()
    parts = order[:judged], order[judged : judged + start], order[judged + start :]
    held, begun, pool = (tuple(sorted(part)) for part in parts)
    return Split(held, begun, pool)


def replay(
    learner: Learner, features: Features, split: Split, rule: RuleName, *, batch: int, seed: int
) -> Curve:
    """Let a rule choose until nothing is left, and learn after each batch.

    Parameters
    ----------
    learner
        Of the same structures.
    features
        Descriptors of all structures.
    split
        What is held out, known and to choose from.
    rule
        Name of the rule.
    batch
        How many it chooses at a time.
    seed
        Of what is random.

    Returns
    -------
    Curve
        A step before the first choice, and one after each.
    """
    known, left = list(split.start), list(split.pool)
    fit = learner.fit(known)
    found = [learner.errors(fit, split.held_out)]
    runs = [len(known)]
    while left:
        members: dict[AnyRule, FloatArray] = {}
        if rule == WITH_MODEL:
            members[rule] = learner.members(known, fit.penalty, _MEMBERS, seed + len(known))
        made = choose(
            features,
            left,
            known,
            rule=rule,
            number=min(batch, len(left)),
            seed=seed + len(known),
            members=members,
        )
        known += made.chosen
        taken = {*made.chosen}
        left = [structure for structure in left if structure not in taken]
        fit = learner.fit(known)
        found.append(learner.errors(fit, split.held_out))
        runs.append(len(known))
    return Curve(
        rule,
        tuple(runs),
        tuple(errors.energy_mae for errors in found),
        tuple(errors.energy_rmse for errors in found),
        tuple(errors.force_rmse for errors in found),
        tuple(known[len(split.start) :]),
    )


@dataclass(frozen=True)
class Judged:
    """Measures of held-out structures beside the errors that a training made on them.

    Attributes
    ----------
    structures
        Their numbers.
    measures
        By rule, as far as a rule has one.
    errors
        Of the fit to the known structures.
    """

    structures: tuple[int, ...]
    measures: dict[RuleName, FloatArray]
    errors: Errors


def judged_measures(
    learner: Learner,
    features: Features,
    split: Split,
    known: Sequence[int],
    rules: Sequence[RuleName],
    seed: int,
) -> Judged:
    """Measure held-out structures against known ones, and fit to these.

    Parameters
    ----------
    learner
        Of the same structures.
    features
        Descriptors of all structures.
    split
        What is held out.
    known
        Numbers of the structures that are learnt from.
    rules
        Whose measures.
    seed
        Of what is random.

    Returns
    -------
    Judged
        In the order of the held-out structures.
    """
    fit = learner.fit(known)
    members: dict[AnyRule, FloatArray] = {}
    if WITH_MODEL in rules:
        members[WITH_MODEL] = learner.members(known, fit.penalty, _MEMBERS, seed)
    pool = pool_of(features, split.held_out, known, seed=seed, members=members)
    return Judged(split.held_out, measures_of(pool, rules), learner.errors(fit, split.held_out))
