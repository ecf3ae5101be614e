"""The choice of the next structures: one rule, a batch that is diverse in itself, reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.selection.clusters import cluster_middles
from surrogate_hpo.selection.features import Features
from surrogate_hpo.selection.measures import MEASURES, Pool, whitened_means
from surrogate_hpo.selection.options import NETWORK_RULES, RULES, AnyRule

FloatArray = NDArray[np.float64]
Rule = TypeVar("Rule", bound=AnyRule)
COMPONENTS, SAMPLED = 6, 2000
# What a measure is, in the words of a reason.
_WORDS: dict[AnyRule, str] = {
    "random": "random number",
    "farthest_point": "distance to the nearest structure",
    "kmeans": "middle of a cluster; distance to its centre",
    "d_optimal": "leverage",
    "nearest_neighbours": "distance of its sites to the nearest ones",
    "wasserstein": "Wasserstein distance of the first component",
    "misprediction": "left by the known components",
    "mean_difference": "distance from the mean",
    "spread": "spread of the members, eV/atom,",
    "energy_spread": "spread of the networks' free energies, eV/atom,",
    "dos_spread": "spread of the networks' densities of states, 1/(eV atom),",
    "density_spread": "spread of the networks' densities, of the mean density,",
}


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes
    ----------
    rule
        By which it was chosen.
    chosen
        Numbers of the structures among all, in the order in which they were chosen.
    values
        Measure of each chosen one when it was chosen: those before it were known by then.
    reasons
        In words, one per chosen structure.
    measure
        Of every candidate at the outset, in the order of `candidates`, [candidates].
    """

    rule: AnyRule
    chosen: tuple[int, ...]
    values: tuple[float, ...]
    reasons: tuple[str, ...]
    measure: FloatArray


def choose(
    features: Features,
    candidates: Sequence[int],
    known: Sequence[int],
    *,
    rule: AnyRule,
    number: int,
    seed: int,
    members: Mapping[AnyRule, FloatArray] | None = None,
    components: int = COMPONENTS,
    sampled: int = SAMPLED,
) -> Choice:
    """Choose the structures to compute next.

    One after the other: what is chosen counts as known for the next, so that a batch does not hold
    the same structure many times. `random` and `kmeans` choose all at once.

    Parameters
    ----------
    features
        Descriptors of all structures.
    candidates
        Numbers of the structures to choose from.
    known
        Numbers of those that are computed already; may be empty for the rules random,
        farthest_point, kmeans, d_optimal, nearest_neighbours and those that ask a model.
    rule
        Name of the rule.
    number
        How many to choose.
    seed
        Of what is random.
    members
        By rule what the members of a model say, [members, structures] or [members, structures,
        values]; for the rules that ask one.
    components
        Number of principal components in which distances are taken.
    sampled
        Most known sites that candidates are compared with.

    Returns
    -------
    Choice
        `number` structures.

    Raises
    ------
    ConfigError
        If there is no such rule, or the number is not positive.
    DataError
        If there are fewer candidates than are to be chosen, a structure is both known and a
        candidate, or the rule lacks what it needs.
    """
    _check(rule, number, candidates, known)
    pool = pool_of(
        features,
        candidates,
        known,
        seed=seed,
        members=members,
        components=components,
        sampled=sampled,
    )
    if rule == "kmeans":
        places, measure = cluster_middles(*whitened_means(pool), number, seed)
        values = [float(measure[place]) for place in places]
    else:
        places, values, measure = _greedy(rule, pool, number)
    return Choice(
        rule,
        tuple(int(candidates[place]) for place in places),
        tuple(values),
        tuple(
            _reason(rule, value, measure, place)
            for value, place in zip(values, places, strict=True)
        ),
        measure,
    )


def pool_of(
    features: Features,
    candidates: Sequence[int],
    known: Sequence[int],
    *,
    seed: int,
    members: Mapping[AnyRule, FloatArray] | None = None,
    components: int = COMPONENTS,
    sampled: int = SAMPLED,
) -> Pool:
    """Candidates beside what is known; arguments as for `choose`."""
    return Pool(
        features.part(candidates),
        features.part(known) if len(known) else None,
        components,
        sampled,
        seed,
        {
            rule: values[:, np.asarray(candidates, np.intp)]
            for rule, values in (members or {}).items()
        },
    )


def measures_of(pool: Pool, rules: Sequence[Rule]) -> dict[Rule, FloatArray]:
    """Measures of all candidates at the outset, by the rules that follow from one."""
    return {rule: MEASURES[rule](pool).values() for rule in rules if rule in MEASURES}


def _greedy(rule: AnyRule, pool: Pool, number: int) -> tuple[list[int], list[float], FloatArray]:
    """Places of the candidates that are newest in their turn, their measures, and all at first."""
    measure = MEASURES[rule](pool)
    outset = measure.values()
    places: list[int] = []
    values: list[float] = []
    for _ in range(number):
        left = measure.values().copy()
        left[places] = -np.inf
        places.append(int(left.argmax()))
        values.append(float(left[places[-1]]))
        measure.add(places[-1])
    return places, values, outset


def _reason(rule: AnyRule, value: float, measure: FloatArray, place: int) -> str:
    rank = 1 + int((measure > measure[place]).sum())
    if rule == "kmeans":
        return f"{_WORDS[rule]} {value:.3g}"
    return (
        f"{_WORDS[rule]} {value:.3g}, the largest in its turn; alone {measure[place]:.3g}, "
        f"rank {rank} of {len(measure)}, median {np.median(measure):.3g}"
    )


def _check(rule: str, number: int, candidates: Sequence[int], known: Sequence[int]) -> None:
    every = (*RULES, *NETWORK_RULES)
    if rule not in every or number < 1:
        raise ConfigError(
            "the choice of structures makes no sense",
            where="select.rule, select.number",
            expected=f"one of {', '.join(every)}, and a number above 0",
            got=f"{rule}, {number}",
        )
    if number > len(candidates):
        raise DataError(
            "more structures are to be chosen than there are candidates",
            where="select.number",
            expected=f"at most {len(candidates)}, the candidates that are left",
            got=str(number),
            remedy="lower the number, or enlarge the pool",
        )
    if both := sorted({*candidates} & {*known}):
        raise DataError(
            "a structure is both known and a candidate",
            expected="candidates that are not computed yet",
            got=", ".join(map(str, both[:5])),
        )
