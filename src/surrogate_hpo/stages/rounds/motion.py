"""Candidates that the potential of a round finds by itself: frames of its own trajectories."""

from collections.abc import Iterator, Sequence

from ase import Atoms

from surrogate_hpo.dft.thermal import thermostat
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import checked_structure
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.rounds.settings import DynamicsSettings
from surrogate_hpo.stages.select.driving import Driver, forces_of
from surrogate_hpo.stages.select.pool import Candidate
from surrogate_hpo.stages.snapshots.settings_groups import temperature_of


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
    atoms = Atoms(
        start.atoms.symbols, positions=start.atoms.positions, cell=start.atoms.cell, pbc=True
    )
    atoms.calc = Driver(forces_of(potential))
    dynamics = thermostat(
        atoms,
        temperature=temperature,
        time_step=settings.time_step_femtosecond,
        seed=derive_seed(seed, "dynamics", number),
    )
    for frame in range(1, settings.steps // settings.every + 1):
        dynamics.run(settings.every)
        source = f"dynamics of the potential from {start.name}, step {frame * settings.every}"
        bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
        bare.info["temperature_kelvin"] = temperature
        try:
            yield Candidate(checked_structure(bare, source), "", source)
        except DataError as error:
            yield Candidate(Atoms(), "", source, str(error).splitlines()[0])
            return
