"""Which candidates are dropped before any is chosen, each with its reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ase import Atoms

from surrogate_hpo.dft.likeness import equal_pairs
from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.selection.features import Features, describe
from surrogate_hpo.selection.filters import (
    duplicates,
    extrapolation,
    overlaps,
    shortest_known,
)
from surrogate_hpo.stages.select.pool import Candidate
from surrogate_hpo.stages.select.settings import SelectSettings

_MOST_NAMED = 3
DUPLICATE = "duplicate: of "
"""What stands before the name of the structure that a dropped candidate is a copy of."""


@dataclass(frozen=True)
class Weeded:
    """A pool after what no calculation should be made of is dropped.

    Attributes
    ----------
    candidates
        All of them.
    known
        Training structures, Å.
    features
        Of these, and then of the candidates that can be described.
    kept
        Numbers of these candidates.
    reasons
        Why candidates are dropped, by their number, also some that can be described.
    """

    candidates: Sequence[Candidate]
    known: Sequence[Atoms]
    features: Features
    kept: list[int]
    reasons: dict[int, str]

    @property
    def numbers(self) -> dict[int, int]:
        """Number of the candidate by its place among the features."""
        return dict(enumerate(self.kept, start=len(self.known)))

    def left(self) -> dict[int, Atoms]:
        """Candidates that can be chosen, by their place among the features, Å."""
        return {
            place: self.candidates[number].atoms
            for place, number in self.numbers.items()
            if number not in self.reasons
        }

    def without(self, refused: Mapping[int, str]) -> "Weeded":
        """Drop more of them, with the reason by place; DataError if none is left."""
        more = {self.numbers[place]: reason for place, reason in refused.items()}
        found = replace(self, reasons={**self.reasons, **more})
        if not found.left():
            raise nothing_left(found.reasons)
        return found


def weed(
    settings: SelectSettings,
    candidates: Sequence[Candidate],
    known: Sequence[Atoms],
    descriptor: AtomDescriptor,
    held_out: Mapping[str, Atoms] = MappingProxyType({}),
) -> Weeded:
    """Drop all that no calculation should be made of, and describe the others.

    Parameters
    ----------
    settings
        Section `select`.
    candidates
        All of them.
    known
        Training structures, Å.
    descriptor
        What atoms are described by.
    held_out
        Structures that models are judged by, Å, by name: not to be learnt from.

    Returns
    -------
    Weeded
        With the reason for each candidate that is dropped.

    Raises
    ------
    DataError
        If no candidate is left.
    """
    refused = refused_of(settings, candidates, known, descriptor)
    refused |= _held_out_twins(candidates, held_out, refused)
    features, kept, dropped = described(settings, candidates, known, descriptor, refused)
    return Weeded(candidates, known, features, kept, {**refused, **dropped})


def refused_of(
    settings: SelectSettings,
    candidates: Sequence[Candidate],
    known: Sequence[Atoms],
    descriptor: AtomDescriptor,
) -> dict[int, str]:
    """Candidates that cannot be described, or that no calculation should be made of.

    Parameters
    ----------
    settings
        Section `select`.
    candidates
        All of them.
    known
        Training structures, Å.
    descriptor
        Of the elements that are known.

    Returns
    -------
    dict
        Reason, by number of the candidate.
    """
    found = {number: one.refused for number, one in enumerate(candidates) if one.refused}
    shortest = shortest_known(known, descriptor.cutoff_radius)
    for number, one in enumerate(candidates):
        if number in found:
            continue
        foreign = sorted(set(one.atoms.symbols) - set(descriptor.elements))
        if foreign:
            found[number] = f"element: no training structure holds {', '.join(foreign)}"
        elif reason := overlaps(one.atoms, shortest, settings.overlap_fraction):
            found[number] = reason
    return found


def _held_out_twins(
    candidates: Sequence[Candidate], held_out: Mapping[str, Atoms], refused: Mapping[int, str]
) -> dict[int, str]:
    """Candidates that are held out already, though they may be shifted or turned."""
    names = list(held_out)
    numbers = [number for number in range(len(candidates)) if number not in refused]
    structures = [*held_out.values(), *(candidates[number].atoms for number in numbers)]
    return {
        numbers[later - len(names)]: f"{DUPLICATE}{names[first]}, which is held out"
        for later, first in equal_pairs(structures)
        if first < len(names) <= later
    }


def described(
    settings: SelectSettings,
    candidates: Sequence[Candidate],
    known: Sequence[Atoms],
    descriptor: AtomDescriptor,
    refused: Mapping[int, str],
    names: Sequence[str] | None = None,
) -> tuple[Features, list[int], dict[int, str]]:
    """Describe what is left, and drop duplicates and what is too far out.

    Parameters
    ----------
    settings
        Section `select`.
    candidates
        All of them.
    known
        Training structures, Å; first among the features.
    descriptor
        What atoms are described by.
    refused
        As `refused_of` gives it.
    names
        What the known structures are called; numbered by default.

    Returns
    -------
    Features, list of int, dict
        Of the known structures and then of the candidates that are not refused; which candidates
        these are; and of those among them that are dropped after all the reason, by number of the
        candidate.

    Raises
    ------
    DataError
        If no candidate is left.
    """
    kept = [number for number in range(len(candidates)) if number not in refused]
    if not kept:
        raise nothing_left(refused)
    features = describe([*known, *(candidates[number].atoms for number in kept)], descriptor)
    called = names or [f"training structure {number}" for number in range(len(known))]
    dropped = {}
    twins = duplicates(features, len(known), settings.duplicate_distance)
    for twin, early in twins.items():
        other = called[early] if early < len(known) else candidates[kept[early - len(known)]].name
        dropped[kept[twin - len(known)]] = f"{DUPLICATE}{other}"
    out = extrapolation(features, len(known))
    for place, number in enumerate(kept, start=len(known)):
        if out[place] > settings.extrapolation_limit:
            dropped.setdefault(
                number, f"extrapolation: an atom {out[place]:.2g} times as far out as any known"
            )
    if len(dropped) == len(kept):
        raise nothing_left({**refused, **dropped})
    return features, kept, dropped


def counted(reasons: Mapping[int, str]) -> dict[str, int]:
    """How many were dropped for each kind of reason, most frequent first."""
    return dict(Counter(reason.split(":")[0] for reason in reasons.values()).most_common())


def nothing_left(reasons: Mapping[int, str]) -> DataError:
    """The error that says why every candidate was dropped."""
    numbers = ", ".join(f"{kind} {count}" for kind, count in counted(reasons).items())
    examples = list(dict.fromkeys(reasons.values()))[:_MOST_NAMED]
    return DataError(
        "all candidates of the pool are rejected",
        where="select.pool",
        expected="structures that are new, of known elements, without overlapping atoms",
        got=f"{len(reasons)} candidates, none of use ({numbers}); such as: {'; '.join(examples)}",
        remedy="change the pool, or overlap_fraction, duplicate_distance and extrapolation_limit",
    )
