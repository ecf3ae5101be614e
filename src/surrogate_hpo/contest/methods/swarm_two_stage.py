"""Particle swarm in two stages: the network without training, then its training."""

from dataclasses import dataclass, field

from surrogate_hpo.contest.methods.base import SearchMethod, describe_best
from surrogate_hpo.contest.methods.interface import Budget, Trial
from surrogate_hpo.contest.methods.particle_swarm import Confidence
from surrogate_hpo.contest.methods.points import (
    architecture_part,
    default_point,
    training_part,
)
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.contest.methods.swarm import SMALLEST_SWARM, swarm_of
from surrogate_hpo.contest.methods.tpe import train_asked
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.search.options import ARCHITECTURE_KEYS
from surrogate_hpo.search.space import SearchSpace
from surrogate_hpo.seeds import derive_seed


@dataclass(frozen=True)
class SwarmTwoStage(SearchMethod):
    """Particle swarm of Kondati Natarajan and Caro, arXiv:2101.00049, in their two stages.

    They search first what needs no training, the descriptor, by the standard deviation and the
    skewness of its kernel, and then the model by its error. They found no larger errors than with
    one stage. In the chain the descriptor is ACSD's, and the first swarm searches the network by
    the training-free score; with other `scored_keys` it is the descriptor's again.

    Attributes
    ----------
    scores
        Evaluations of the first swarm; a network met again is not scored again.
    confidence
        Inertia, self and swarm confidence.
    scored_keys
        Hyperparameters of the first stage.
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    needs_score
        It scores architectures without training.
    needs_training_part
        It searches the hyperparameters of the training by themselves.
    """

    scores: int = 100
    confidence: Confidence = field(default_factory=Confidence)
    scored_keys: tuple[str, ...] = ARCHITECTURE_KEYS
    name = "swarm_two_stage"
    label = "particle swarm, two stages"
    needs_score = True
    needs_training_part = True

    def minimum_trials(self, space: SearchSpace) -> int:  # noqa: ARG002
        """Two steps of two particles of the second swarm."""
        return SMALLEST_SWARM

    def check(self, space: SearchSpace, budget: Budget) -> None:
        """As `SearchMethod.check`, and a first swarm that can move."""
        if self.scores < SMALLEST_SWARM:
            raise ConfigError(
                "The swarm over the architectures is too small.",
                where=self.name,
                expected=f"{SMALLEST_SWARM} scores or more",
                got=str(self.scores),
            )
        super().check(space, budget)

    def _search(
        self, recorder: Recorder, space: SearchSpace, budget: Budget, seed: int
    ) -> tuple[Trial, str]:
        root = derive_seed(seed, self.name)
        defaults = default_point(space)
        first = swarm_of(
            architecture_part(space, self.scored_keys),
            self.scores,
            derive_seed(root, "first"),
            self.confidence,
        )
        for _ in range(self.scores):
            score = recorder.score({**defaults, **first.ask()}).evaluation
            first.tell(score.value if score.usable else None)
        network = recorder.best("score").hyperparameters
        second = swarm_of(
            training_part(space, self.scored_keys),
            budget.trials,
            derive_seed(root, "second"),
            self.confidence,
        )
        train_asked(recorder, second, budget.trials, network)
        best = recorder.best()
        return best, (
            f"lowest training-free score of a swarm of {self.scores}; "
            f"then {describe_best(best, budget.trials)}"
        )
