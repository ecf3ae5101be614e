"""Candidates of a round: those of `select.pool`, drawn anew, without what it must not choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ase import Atoms

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.selection.choosing import FloatArray, choose
from surrogate_hpo.selection.features import Features
from surrogate_hpo.selection.options import AnyRule, RuleName
from surrogate_hpo.stages.select.pool import Candidate, candidates_of
from surrogate_hpo.stages.select.settings import SelectSettings
from surrogate_hpo.stages.select.weeding import counted, described, refused_of
from surrogate_hpo.stages.snapshots.settings import SnapshotsSettings


@dataclass(frozen=True)
class RoundPool:
    """What a round chooses from.

    Attributes
    ----------
    candidates
        All of them.
    features
        Of the known structures, of others that must not come again, and of the candidates that can
        be described.
    left
        Place among the features of each candidate that can be chosen, by its number.
    reasons
        Why the others cannot be chosen, by their numbers.
    """

    candidates: list[Candidate]
    features: Features
    left: dict[int, int]
    reasons: dict[int, str]


def draw_pool(
    settings: SelectSettings,
    snapshots: SnapshotsSettings,
    descriptor: AtomDescriptor,
    *,
    seed: int,
    known: Sequence[Labelled],
    others: Sequence[tuple[str, Atoms]],
    further: Sequence[Candidate] = (),
) -> RoundPool:
    """Make the candidates of a round, and find those that cannot be chosen.

    Parameters
    ----------
    settings
        Section `select`: the pool, and what is dropped of it.
    snapshots
        Section `snapshots`: how thermal configurations are made.
    descriptor
        That of the round's potential.
    seed
        Of the round.
    known
        Structures that are learnt from.
    others
        Names and structures that must not be chosen either: those whose calculation failed, and
        held-out ones, which would then be learnt from.
    further
        Candidates of the round's own, behind those of the pool.

    Returns
    -------
    RoundPool
        With the reason for each candidate that is dropped.

    Raises
    ------
    ConfigError
        If the pool cannot be generated.
    DataError
        If a file is missing or unreadable, or no candidate is left.
    """
    candidates = candidates_of(settings, snapshots, seed, further)
    structures = [one.atoms for one in known]
    refused = refused_of(settings, candidates, structures, descriptor)
    fixed = [*structures, *(atoms for _, atoms in others)]
    names = [*(one.name for one in known), *(name for name, _ in others)]
    features, kept, dropped = described(
        settings, candidates, fixed, descriptor, refused, names=names
    )
    places = enumerate(kept, start=len(fixed))
    left = {number: place for place, number in places if number not in dropped}
    return RoundPool(candidates, features, left, {**refused, **dropped})


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
    pool: RoundPool,
    must: Sequence[int],
    known: int,
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
        As `draw_pool` gives it.
    must
        Numbers of these candidates.
    known
        How many structures are known; the first ones among the features.
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
    free = {one: place for one, place in pool.left.items() if one not in must}
    if number == len(must):
        return RoundChoice(reasons, {})
    made = choose(
        pool.features,
        list(free.values()),
        [*range(known), *(pool.left[one] for one in must)],
        rule=rule,
        number=number - len(must),
        seed=seed,
        members=members,
        components=components,
        sampled=sampled,
    )
    numbers = {place: one for one, place in free.items()}
    chosen = zip(made.chosen, made.reasons, strict=True)
    return RoundChoice(
        reasons | {numbers[place]: reason for place, reason in chosen},
        {one: float(value) for one, value in zip(free, made.measure, strict=True)},
    )


def require_candidates(pool: RoundPool, number: int) -> None:
    """Raise DataError if fewer candidates are left than are to be chosen."""
    if len(pool.left) < number:
        kinds = ", ".join(f"{kind} {count}" for kind, count in counted(pool.reasons).items())
        raise DataError(
            "too few candidates of a round can be chosen",
            where="select.pool",
            expected=f"{number} or more (rounds.per_round)",
            got=f"{len(pool.left)} of {len(pool.candidates)}; dropped: {kinds}",
            remedy="enlarge the pool, or lower its temperatures and strains",
        )
