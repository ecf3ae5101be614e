"""Particle swarm as an Optuna sampler."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from surrogate_hpo.search.space import SearchSpace
from surrogate_hpo.search.unit_cube import from_unit
from surrogate_hpo.seeds import derive_seed

Vector = NDArray[np.float64]
POSITION = "swarm:position"
VELOCITY = "swarm:velocity"


@dataclass(frozen=True)
class Confidence:
    """How a particle weighs where it goes, what it knows, and what the swarm knows.

    The defaults are the constriction of Clerc and Kennedy, *IEEE Trans. Evol. Comput.* 6, 58
    (2002), with which trajectories converge: w = 0.7298 and c₁ + c₂ = 4.1 w. Their sum is shared
    1 : 2 as by Kondati Natarajan and Caro, arXiv:2101.00049.

    Attributes
    ----------
    inertia
        w, share of the velocity that is kept.
    self_confidence
        c₁, pull of the particle's own best position.
    swarm_confidence
        c₂, pull of the swarm's best position.
    """

    inertia: float = 0.7298
    self_confidence: float = 0.99745
    swarm_confidence: float = 1.99491


def move(
    position: Vector,
    velocity: Vector,
    own_best: Vector,
    swarm_best: Vector,
    own_random: Vector,
    swarm_random: Vector,
    confidence: Confidence,
) -> tuple[Vector, Vector]:
    """Move one particle by one step.

    v' = w v + c₁ r₁ (p − x) + c₂ r₂ (g − x), x' = x + v'; at a wall of the unit cube the
    particle stops in that direction: x' is clipped and v' set to zero.

    Parameters
    ----------
    position
        x, in the unit cube.
    velocity
        v.
    own_best
        p, where the particle found its lowest value.
    swarm_best
        g, where the swarm did.
    own_random
        r₁, 0…1 for each direction.
    swarm_random
        r₂.
    confidence
        w, c₁ and c₂.

    Returns
    -------
    tuple
        x' and v'.
    """
    pull = confidence.self_confidence * own_random * (own_best - position)
    pull += confidence.swarm_confidence * swarm_random * (swarm_best - position)
    velocity = confidence.inertia * velocity + pull
    free = position + velocity
    position = np.clip(free, 0.0, 1.0)
    return position, np.where(position == free, velocity, 0.0)


class ParticleSwarmSampler(BaseSampler):
    """A synchronous swarm: trial t is step t // n of particle t mod n, of n particles.

    All particles of a step know the values of all steps before it, and no others, so those of
    one step can be trained at the same time, as in Kondati Natarajan and Caro, arXiv:2101.00049.
    Intervals are crossed on their own scale; of choices, the index nearest to the position
    is taken. Positions and velocities are attributes of the trials: the sampler keeps no
    state, and goes on in a study that another one began.

    Parameters
    ----------
    space
        Hyperparameters by name.
    particles
        Number n.
    seed
        The random numbers of a trial depend on the seed and the trial's number only.
    confidence
        Inertia, self and swarm confidence.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        particles: int,
        seed: int,
        confidence: Confidence | None = None,
    ) -> None:
        self._space = dict(space)
        self._particles = particles
        self._seed = seed
        self._confidence = confidence or Confidence()
        self._independent = RandomSampler(seed=derive_seed(seed, "independent") % 2**32)

    def infer_relative_search_space(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """Return the whole space from the first trial on."""
        return {key: dimension.distribution() for key, dimension in self._space.items()}

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Move the trial's particle and return where it is."""
        position, velocity = self._step(study.get_trials(deepcopy=False), trial.number)
        # As Optuna's own samplers do: attributes of a running trial go through the storage.
        storage = study._storage
        storage.set_trial_system_attr(trial._trial_id, POSITION, position.tolist())
        storage.set_trial_system_attr(trial._trial_id, VELOCITY, velocity.tolist())
        values = zip(self._space.items(), position.tolist(), strict=True)
        point = {key: from_unit(dimension, unit) for (key, dimension), unit in values}
        return {key: point[key] for key in search_space}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401
        """Draw a parameter that is not in the space at random."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _step(self, trials: Sequence[FrozenTrial], number: int) -> tuple[Vector, Vector]:
        rng = np.random.default_rng(derive_seed(self._seed, number))
        own_random, swarm_random = rng.random((2, len(self._space)))
        step, particle = divmod(number, self._particles)
        moved = {t.number: t for t in trials if POSITION in t.system_attrs}
        before = moved.get(number - self._particles)
        if before is None:
            # Positions even in the cube, velocities half the way to another such position.
            return own_random, (swarm_random - own_random) / 2
        position, velocity = _vector(before, POSITION), _vector(before, VELOCITY)
        known = [t for t in moved.values() if t.number < step * self._particles and _usable(t)]
        own = [t for t in known if t.number % self._particles == particle]
        # Who has found nothing usable pulls nowhere.
        return move(
            position,
            velocity,
            _vector(min(own, key=_rank), POSITION) if own else position,
            _vector(min(known, key=_rank), POSITION) if known else position,
            own_random,
            swarm_random,
            self._confidence,
        )


def _usable(trial: FrozenTrial) -> bool:
    return trial.state is TrialState.COMPLETE


def _rank(trial: FrozenTrial) -> tuple[float, int]:
    if trial.value is None:
        raise RuntimeError("a complete trial has a value")
    return trial.value, trial.number


def _vector(trial: FrozenTrial, name: str) -> Vector:
    return np.array(trial.system_attrs[name], dtype=np.float64)
