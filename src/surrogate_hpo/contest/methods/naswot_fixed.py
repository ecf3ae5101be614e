"""Architecture by the training-free score alone; nothing is trained."""

from dataclasses import dataclass

from surrogate_hpo.contest.methods.architectures import score_architectures
from surrogate_hpo.contest.methods.base import SearchMethod
from surrogate_hpo.contest.methods.interface import Budget, Trial
from surrogate_hpo.contest.methods.points import default_point
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.search.space import SearchSpace
from surrogate_hpo.seeds import derive_seed


@dataclass(frozen=True)
class NaswotFixed(SearchMethod):
    """Hyperparameters of the training stay at their defaults: first options, middles.

    "NASWOT, fixed" of Fiedler et al., *Mach. Learn.: Sci. Technol.* 3, 045008 (2022), Table 1.

    Attributes
    ----------
    scores
        Largest number of architectures scored.
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    needs_score
        It scores architectures without training.
    """

    scores: int = 200
    name = "naswot_fixed"
    label = "NASWOT, fixed"
    needs_score = True

    def _search(
        self,
        recorder: Recorder,
        space: SearchSpace,
        budget: Budget,  # noqa: ARG002
        seed: int,
    ) -> tuple[Trial, str]:
        best, reason = score_architectures(
            recorder,
            space,
            default_point(space),
            limit=self.scores,
            seed=derive_seed(seed, self.name),
        )
        return best, f"{reason}; training at its defaults"
