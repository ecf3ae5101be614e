"""What a model says of candidates, where the rule asks one, and of held-out snapshots."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.selection.expected import FEWEST, Expected, expected_errors
from surrogate_hpo.selection.features import Features, describe
from surrogate_hpo.selection.measures import Pool
from surrogate_hpo.selection.options import NETWORK_RULES, RULES, WITH_MODEL, AnyRule
from surrogate_hpo.stages.select.members import members_of

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What a model says.

    Attributes
    ----------
    members
        By rule, see `surrogate_hpo.selection.measures.Pool`; of all structures.
    refused
        Why its predictions make no sense, by place among the structures.
    error_bars
        Expected errors from the calibrated spread, eV/atom, [structures]; NaN where not asked.
        None if the model has none.
    held_out_errors
        Errors of the energy of held-out snapshots, eV/atom; NaN where it makes no sense.
    """

    members: Mapping[AnyRule, FloatArray] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)
    error_bars: FloatArray | None = None
    held_out_errors: tuple[float, ...] = ()

    @property
    def rules(self) -> list[AnyRule]:
        """Rules whose measures are known with these answers."""
        return [
            rule
            for rule in (*RULES, *NETWORK_RULES)
            if rule in self.members or rule not in (WITH_MODEL, *NETWORK_RULES)
        ]


def ask_potential(model: Potential, features: Features, held_out: Sequence[Labelled]) -> Answers:
    """Ask the members of a linear potential, which takes no time.

    Parameters
    ----------
    model
        The potential.
    features
        Of all structures, by its descriptor.
    held_out
        Structures whose energies are known, and that it was not fitted to.

    Returns
    -------
    Answers
        Of all structures.

    Raises
    ------
    DataError
        If the potential has networks.
    """
    errors = [(model.predict(one.atoms).energy - one.energy) / len(one.atoms) for one in held_out]
    return Answers({WITH_MODEL: members_of(features, model)}, held_out_errors=tuple(errors))


def ask_surrogate(
    file: Path,
    asked: Mapping[int, Atoms],
    structures: int,
    held_out: Sequence[Labelled],
    state: Path,
) -> Answers:
    """Ask the networks of a surrogate: a prediction per structure, kept until all are made.

    Parameters
    ----------
    file
        The surrogate file.
    asked
        Structures, Å, by place among all.
    structures
        How many there are.
    held_out
        Structures whose energies are known, and that the networks were not trained on.
    state
        Folder of the predictions that are finished; deleted when all are.

    Returns
    -------
    Answers
        Of all structures.

    Raises
    ------
    DataError
        If there are too few networks, or an element that they do not know.
    """
    # Prediction loads PyTorch, which no other rule needs.
    from surrogate_hpo.data.surrogates import read_surrogate  # noqa: PLC0415
    from surrogate_hpo.stages.select.networks import (  # noqa: PLC0415
        Said,
        ask_networks,
        members_of_networks,
    )

    store = EvaluationStore(state)
    atoms = [*asked.values(), *(one.atoms for one in held_out)]
    said = ask_networks(
        read_surrogate(file), {_digest(one): one for one in atoms}, Memo(Said, store), state
    )
    of_candidates = dict(zip(asked, (said[_digest(one)] for one in asked.values()), strict=True))
    fine = {place: one for place, one in of_candidates.items() if not one.refused}
    bars = np.full(structures, np.nan)
    bars[list(fine)] = [one.error_bar for one in fine.values()]
    errors = []
    for one in held_out:
        found = said[_digest(one.atoms)].energies
        mean = float(np.mean(found)) if found else math.nan
        errors.append(mean - one.energy / len(one.atoms))
    store.discard()
    members = members_of_networks(list(fine.values()), list(fine), structures) if fine else {}
    return Answers(
        members,
        {place: one.refused for place, one in of_candidates.items() if one.refused},
        bars if np.isfinite(bars).any() else None,
        tuple(errors),
    )


def expected_of(
    answers: Answers, held_out: Sequence[Labelled], pool: Pool, descriptor: AtomDescriptor
) -> Expected | None:
    """Errors to be expected of candidates by their distance from what is known.

    Parameters
    ----------
    answers
        With the errors on held-out snapshots.
    held_out
        These.
    pool
        Candidates beside what is known.
    descriptor
        That of their features.

    Returns
    -------
    Expected or None
        eV/atom; None if fewer than three errors are known.
    """
    errors = np.array(answers.held_out_errors)
    fine = np.flatnonzero(np.isfinite(errors))
    if len(fine) < FEWEST:
        return None
    judged = describe([held_out[int(place)].atoms for place in fine], descriptor)
    return expected_errors(pool, judged, errors[fine])


def _digest(atoms: Atoms) -> str:
    """What tells a structure from all others."""
    found = hashlib.sha256()
    for values in (atoms.numbers, atoms.positions, atoms.cell.array):
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()
