"""Which candidates are dropped before any is chosen, each with its reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

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
from surrogate_hpo.stages.select.settings import DUPLICATE_DISTANCE, SelectSettings

_MOST_NAMED = 3
DUPLICATE = "duplicate: of "
"""What stands before the name of the structure that a dropped candidate is a copy of."""
HELD_OUT, TRIED = "is held out", "was tried before"
"""Why structures are barred."""


@dataclass(frozen=True)
class Barred:
    """A structure that is not learnt from, and that no candidate may be a copy of.

    Attributes
    ----------
    name
        What it is called.
    atoms
        Periodic structure, Å.
    why
        `HELD_OUT`, as models are judged by it, or `TRIED`, as its calculation failed.
    """

    name: str
    atoms: Atoms
    why: str


@dataclass(frozen=True)
class Weeded:
    """A pool after what no calculation should be made of is dropped.

    Attributes
    ----------
    candidates
        All of them.
    known
        Structures that are learnt from, Å.
    features
        Of these, and then of the candidates that can be described; not of barred structures, which
        count for nothing but their copies.
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

    @property
    def places(self) -> dict[int, int]:
        """Place among the features of each candidate that can be chosen, by its number."""
        return {n: place for place, n in self.numbers.items() if n not in self.reasons}

    def left(self) -> dict[int, Atoms]:
        """Candidates that can be chosen, by their place among the features, Å."""
        return {place: self.candidates[number].atoms for number, place in self.places.items()}

    def without(self, refused: Mapping[int, str]) -> "Weeded":
        """Drop more of them, with the reason by place; DataError if none is left."""
        more = {self.numbers[place]: reason for place, reason in refused.items()}
        found = replace(self, reasons={**self.reasons, **more})
        if not found.places:
            raise _nothing_left(found.reasons)
        return found


def weed(
    settings: SelectSettings,
    candidates: Sequence[Candidate],
    known: Sequence[Atoms],
    descriptor: AtomDescriptor,
    barred: Sequence[Barred] = (),
    names: Sequence[str] | None = None,
) -> Weeded:
    """Drop all that no calculation should be made of, and describe the others.

    Parameters
    ----------
    settings
        Section `select`.
    candidates
        All of them.
    known
        Structures that are learnt from, Å; one or more.
    descriptor
        What atoms are described by.
    barred
        Structures whose copies are dropped, too, though they are not known.
    names
        What the known structures are called; numbered by default.

    Returns
    -------
    Weeded
        With the reason for each candidate that is dropped.

    Raises
    ------
    DataError
        If no candidate is left.
    """
    refused = _refused_of(settings, candidates, known, descriptor)
    kept = [number for number in range(len(candidates)) if number not in refused]
    if not kept:
        raise _nothing_left(refused)
    # Those with other elements cannot be described, and no candidate is like them by now.
    barred = [one for one in barred if set(one.atoms.symbols) <= set(descriptor.elements)]
    fixed = [*known, *(one.atoms for one in barred)]
    features = describe([*fixed, *(candidates[number].atoms for number in kept)], descriptor)
    called = [
        *(names or [f"training structure {number}" for number in range(len(known))]),
        *(f"{one.name}, which {one.why}" for one in barred),
        *(candidates[number].name for number in kept),
    ]
    limits = np.full(len(features), settings.duplicate_distance)
    limits[len(known) : len(fixed)] = max(settings.duplicate_distance, DUPLICATE_DISTANCE)
    twins = {
        kept[twin - len(fixed)]: f"{DUPLICATE}{called[early]}"
        for twin, early in duplicates(features, len(fixed), limits).items()
    }
    learnt = features.part([*range(len(known)), *range(len(fixed), len(features))])
    found = Weeded(candidates, known, learnt, kept, {**refused, **twins})
    return found.without(_far_out(settings, found))


def _refused_of(
    settings: SelectSettings,
    candidates: Sequence[Candidate],
    known: Sequence[Atoms],
    descriptor: AtomDescriptor,
) -> dict[int, str]:
    """Candidates that cannot be described, or have atoms too close; the reason by number."""
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


def _far_out(settings: SelectSettings, weeded: Weeded) -> dict[int, str]:
    """Candidates of those left with an atom too far from all that is known; the reason by place."""
    out = extrapolation(weeded.features, len(weeded.known))
    return {
        place: f"extrapolation: an atom {out[place]:.2g} times as far out as any known"
        for place in weeded.places.values()
        if out[place] > settings.extrapolation_limit
    }


def counted(reasons: Mapping[int, str]) -> dict[str, int]:
    """How many were dropped for each kind of reason, most frequent first."""
    return dict(Counter(reason.split(":")[0] for reason in reasons.values()).most_common())


def _nothing_left(reasons: Mapping[int, str]) -> DataError:
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
