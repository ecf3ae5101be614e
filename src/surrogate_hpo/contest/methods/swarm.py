"""Particle swarm on all hyperparameters at once."""

import math
from dataclasses import dataclass, field

from surrogate_hpo.contest.methods.ask_tell import AskTell
from surrogate_hpo.contest.methods.base import SearchMethod, describe_best
from surrogate_hpo.contest.methods.interface import Budget, Trial
from surrogate_hpo.contest.methods.particle_swarm import Confidence, ParticleSwarmSampler
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.contest.methods.tpe import train_asked
from surrogate_hpo.search.space import SearchSpace
from surrogate_hpo.seeds import derive_seed

# Two particles that move once: less is a random search.
SMALLEST_SWARM = 4
# The publication has swarms of 16 to 20.
LARGEST_SWARM = 20


@dataclass(frozen=True)
class Swarm(SearchMethod):
    """Particle swarm of Kondati Natarajan and Caro, arXiv:2101.00049, in one stage.

    As many particles as steps, the square root of the number of trials, up to the 20 of the
    publication: with 16 of them, a budget of 100 trials would leave six steps.

    Attributes
    ----------
    confidence
        Inertia, self and swarm confidence.
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    """

    confidence: Confidence = field(default_factory=Confidence)
    name = "swarm"
    label = "particle swarm"

    def minimum_trials(self, space: SearchSpace) -> int:  # noqa: ARG002
        """Two steps of two particles."""
        return SMALLEST_SWARM

    def _search(
        self, recorder: Recorder, space: SearchSpace, budget: Budget, seed: int
    ) -> tuple[Trial, str]:
        swarm = swarm_of(space, budget.trials, derive_seed(seed, self.name), self.confidence)
        train_asked(recorder, swarm, budget.trials, {})
        best = recorder.best()
        return best, describe_best(best, budget.trials)


def swarm_size(trials: int) -> int:
    """Particles of a swarm that makes so many evaluations."""
    return min(max(2, math.isqrt(trials)), LARGEST_SWARM)


def swarm_of(space: SearchSpace, trials: int, seed: int, confidence: Confidence) -> AskTell:
    """Make a swarm of the size that suits the number of evaluations.

    Parameters
    ----------
    space
        Hyperparameters by name.
    trials
        Evaluations in all.
    seed
        Of the swarm.
    confidence
        Inertia, self and swarm confidence.

    Returns
    -------
    AskTell
        To be asked `trials` times.
    """
    sampler = ParticleSwarmSampler(
        space, particles=swarm_size(trials), seed=seed, confidence=confidence
    )
    return AskTell(space, lambda _: sampler)
