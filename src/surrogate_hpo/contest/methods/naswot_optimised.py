"""Architecture by the training-free score, its training by a reduced TPE study."""

from dataclasses import dataclass

from surrogate_hpo.contest.methods.architectures import score_architectures
from surrogate_hpo.contest.methods.ask_tell import AskTell, tpe_sampler
from surrogate_hpo.contest.methods.base import SearchMethod, describe_best
from surrogate_hpo.contest.methods.interface import Budget, Trial
from surrogate_hpo.contest.methods.points import default_point, training_part
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.contest.methods.tpe import train_asked
from surrogate_hpo.search.space import SearchSpace
from surrogate_hpo.seeds import derive_seed


@dataclass(frozen=True)
class NaswotOptimised(SearchMethod):
    """First the network, without training; then a study of its training alone.

    "NASWOT, optimized" of Fiedler et al., *Mach. Learn.: Sci. Technol.* 3, 045008 (2022),
    Table 1.

    Attributes
    ----------
    scores
        Largest number of architectures scored.
    startup_trials
        Trainings at random before TPE takes over.
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    needs_score
        It scores architectures without training.
    needs_training_part
        It searches the hyperparameters of the training by themselves.
    """

    scores: int = 200
    startup_trials: int = 5
    name = "naswot_optimised"
    label = "NASWOT, optimised"
    needs_score = True
    needs_training_part = True

    def minimum_trials(self, space: SearchSpace) -> int:  # noqa: ARG002
        """One more than those at random."""
        return self.startup_trials + 1

    def _search(
        self, recorder: Recorder, space: SearchSpace, budget: Budget, seed: int
    ) -> tuple[Trial, str]:
        root = derive_seed(seed, self.name)
        chosen, reason = score_architectures(
            recorder,
            space,
            default_point(space),
            limit=self.scores,
            seed=derive_seed(root, "architectures"),
        )
        sampler = AskTell(
            training_part(space), tpe_sampler(derive_seed(root, "training"), self.startup_trials)
        )
        train_asked(recorder, sampler, budget.trials, chosen.hyperparameters)
        best = recorder.best()
        return best, f"{reason}; then {describe_best(best, budget.trials)}"
