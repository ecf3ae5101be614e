"""Bytes and CPU seconds of a round: a potential, and the descriptors of its candidates."""

from dataclasses import replace

from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import Need
from surrogate_hpo.run.needs.networks import READING_RATE, points_in_memory, short_trainings
from surrogate_hpo.stages.potential.needs import fit_need
from surrogate_hpo.stages.select.needs import pool_need

# Forces of a potential with 2 J_max = 8.
_SECONDS_PER_ATOM_AND_STEP = 1e-3


def rounds_choice(case: Case) -> Need:
    """The potential of the last round, which knows most, and all candidates."""
    fit = fit_need(case, case.config.rounds.potential, case.config.names("training"))
    settings = case.config.rounds
    pool = pool_need(case, twojmax=max(settings.potential.twojmax), number=settings.per_round)
    seconds = fit.cpu_seconds + pool.cpu_seconds
    motion, goal = settings.dynamics, settings.relaxation
    steps = 0 if motion is None else motion.trajectories * motion.steps
    steps += 0 if goal is None else goal.steps
    seconds += _SECONDS_PER_ATOM_AND_STEP * steps * case.size.atoms
    held = max(fit.memory_bytes, pool.memory_bytes)
    return _judged(case, replace(pool, memory_bytes=held, cpu_seconds=seconds))


def rounds(case: Case) -> Need:
    """One more potential."""
    names = case.config.names("training")
    return _judged(case, fit_need(case, case.config.rounds.potential, names))


def _judged(case: Case, need: Need) -> Need:
    """With networks, where `rounds.stop` asks for their error."""
    if not case.config.rounds.needs_ldos:
        return need
    settings = case.config.rounds.network
    training, validation = case.points("training"), case.points("validation")
    networks = short_trainings(
        case,
        settings.training,
        [case.layers(settings.layers, settings.width)],
        trainings=settings.training.seeds,
        held=points_in_memory(case, training, validation),
        host_seconds=(training + validation) * FLOAT32 * case.energies / READING_RATE,
    )
    return replace(
        networks,
        memory_bytes=max(need.memory_bytes, networks.memory_bytes),
        cpu_seconds=need.cpu_seconds + networks.cpu_seconds,
    )
