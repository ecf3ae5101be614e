"""Candidates that the potential of a round finds by itself: where it moves known structures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixCom
from ase.optimize import LBFGS

from surrogate_hpo.dft.thermal import thermostat
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import checked_structure, select_frames
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.potential.calculator import FittedCalculator
from surrogate_hpo.stages.rounds.model import largest_force
from surrogate_hpo.stages.rounds.settings import DynamicsSettings, RelaxationSettings
from surrogate_hpo.stages.select.pool import Candidate
from surrogate_hpo.stages.snapshots.settings_groups import temperature_of

# Å; the potential of an early round may send an atom anywhere.
_LONGEST_STEP = 0.1


def moved(
    potential: Potential, known: Sequence[Labelled], settings: DynamicsSettings, seed: int
) -> list[Candidate]:
    """Let the potential move known structures, and take frames of the trajectories.

    Parameters
    ----------
    potential
        Of the round.
    known
        Structures to begin with; each trajectory takes another one, the latest first.
    settings
        How long and how hot.
    seed
        Of the round.

    Returns
    -------
    list of Candidate
        Unnamed. A trajectory ends with the first frame of which no calculation can be made, such
        as one with overlapping atoms: that one is refused.
    """
    return [
        candidate
        for number in range(settings.trajectories)
        for candidate in _trajectory(
            potential, known[-1 - number % len(known)], settings, number, seed
        )
    ]


def _trajectory(
    potential: Potential, start: Labelled, settings: DynamicsSettings, number: int, seed: int
) -> Iterator[Candidate]:
    temperature = temperature_of(settings.temperature_kelvin, number)
    atoms = _bare(start.atoms)
    atoms.calc = FittedCalculator(potential)
    dynamics = thermostat(
        atoms,
        temperature=temperature,
        time_step=settings.time_step_femtosecond,
        seed=derive_seed(seed, "dynamics", number),
    )
    for frame in range(1, settings.steps // settings.every + 1):
        source = f"dynamics of the potential from {start.name}, step {frame * settings.every}"
        try:
            dynamics.run(settings.every)
            bare = _bare(atoms)
            bare.info["temperature_kelvin"] = temperature
            yield Candidate(checked_structure(bare, source), "", source)
        except DataError as error:
            yield Candidate(Atoms(), "", source, str(error).splitlines()[0])
            return


@dataclass(frozen=True)
class Relaxed:
    """Where the potential relaxes a structure to.

    Attributes
    ----------
    candidate
        The last structure, unnamed; refused if no calculation can be made of it.
    steps
        How many it took.
    largest_force
        Of the potential at the end, eV/Å; NaN if it is refused.
    """

    candidate: Candidate
    steps: int
    largest_force: float


def relaxed(
    potential: Potential,
    known: Sequence[Labelled],
    settings: RelaxationSettings,
    names: Sequence[str],
) -> Relaxed:
    """Relax the structure that the rounds are about.

    Parameters
    ----------
    potential
        Of the round.
    known
        What is computed by then.
    settings
        Which structure, and how far.
    names
        What rounds before have relaxed it to, as far as it was computed: it goes on from that of
        these with the smallest forces.

    Returns
    -------
    Relaxed
        After as many steps as it takes, or the most.

    Raises
    ------
    DataError
        If the file of the structure is missing or unreadable.
    """
    earlier = [one for one in known if one.name in names]
    if earlier or settings.structure is None:
        best = min(earlier or known, key=largest_force)
        start, name = best.atoms, best.name
    else:
        ((start, name),) = select_frames(settings.structure)
    source = f"relaxation by the potential from {name}"
    atoms = _bare(start)
    atoms.calc = FittedCalculator(potential)
    atoms.set_constraint(FixCom())
    quiet: Any = None
    optimizer = LBFGS(atoms, logfile=quiet, maxstep=_LONGEST_STEP)
    try:
        optimizer.run(fmax=settings.force_ev_per_angstrom, steps=settings.steps)
        found = Candidate(checked_structure(_bare(atoms), source), "", source)
        left = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    except DataError as error:
        found = Candidate(Atoms(), "", source, str(error).splitlines()[0])
        left = float("nan")
    return Relaxed(found, int(optimizer.nsteps), left)


def _bare(atoms: Atoms) -> Atoms:
    return Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
