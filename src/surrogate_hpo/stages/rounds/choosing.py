"""The choice of a round: by a rule, beside candidates that are computed in any case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from surrogate_hpo.errors import DataError
from surrogate_hpo.selection.choosing import FloatArray, choose
from surrogate_hpo.selection.options import AnyRule, RuleName
from surrogate_hpo.stages.select.weeding import Weeded, counted


@dataclass(frozen=True)
class RoundChoice:
    """What was chosen of a pool.

    Attributes
    ----------
    reasons
        In words, by number of the candidate; those that are computed in any case come first, then
        the others in the order in which they were chosen.
    measure
        Of each candidate at the outset that the rule could choose, by its number.
    """

    reasons: dict[int, str]
    measure: dict[int, float]


def choose_beside(
    pool: Weeded,
    must: Sequence[int],
    *,
    rule: RuleName,
    number: int,
    seed: int,
    members: Mapping[AnyRule, FloatArray] | None,
    components: int,
    sampled: int,
) -> RoundChoice:
    """Choose by a rule beside candidates that are computed in any case.

    Parameters
    ----------
    pool
        As `weed` gives it.
    must
        Numbers of these candidates.
    rule
        Of the others.
    number
        How many structures the round computes, these included.
    seed
        Of what is random.
    members
        Per rule that needs them, predictions by the members of a model, [members, structures].
    components
        Number of principal components in which distances are taken.
    sampled
        Most known sites that candidates are compared with.

    Returns
    -------
    RoundChoice
        For the rule these count as known.
    """
    reasons = dict.fromkeys(must, "where the relaxation has led")
    places = pool.places
    free = {one: place for one, place in places.items() if one not in must}
    if number == len(must):
        return RoundChoice(reasons, {})
    made = choose(
        pool.features,
        list(free.values()),
        [*range(len(pool.known)), *(places[one] for one in must)],
        rule=rule,
        number=number - len(must),
        seed=seed,
        members=members,
        components=components,
        sampled=sampled,
    )
    chosen = zip(made.chosen, made.reasons, strict=True)
    return RoundChoice(
        reasons | {pool.numbers[place]: reason for place, reason in chosen},
        {one: float(value) for one, value in zip(free, made.measure, strict=True)},
    )


def require_candidates(pool: Weeded, number: int) -> None:
    """Raise DataError if fewer candidates are left than are to be chosen."""
    left = len(pool.places)
    if left < number:
        kinds = ", ".join(f"{kind} {count}" for kind, count in counted(pool.reasons).items())
        raise DataError(
            "too few candidates of a round can be chosen",
            where="select.pool",
            expected=f"{number} or more (rounds.per_round)",
            got=f"{left} of {len(pool.candidates)}; dropped: {kinds}",
            remedy="enlarge the pool, or lower its temperatures and strains",
        )
