"""Direct search: one hyperparameter at a time."""

from dataclasses import dataclass

from surrogate_hpo.contest.methods.base import SearchMethod
from surrogate_hpo.contest.methods.interface import Budget, Trial
from surrogate_hpo.contest.methods.points import levels
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.search.space import Choices, SearchSpace, Value


@dataclass(frozen=True)
class DirectSearch(SearchMethod):
    """Vary each hyperparameter alone, in the order of the space, and keep its best value.

    Starts at the first options and the middles of the intervals, and sweeps again until a
    sweep changes nothing or the budget is used up. Then no change of a single hyperparameter
    helps; pairs are never changed together.

    Attributes
    ----------
    levels
        Values that an interval is cut into.
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    """

    levels: int = 5
    name = "direct"
    label = "direct search"

    def minimum_trials(self, space: SearchSpace) -> int:
        """One sweep: the start, and every other value of every hyperparameter."""
        return 1 + sum(len(values) - 1 for values in self._levels(space).values())

    def check(self, space: SearchSpace, budget: Budget) -> None:
        """As `SearchMethod.check`, and two levels or more."""
        if self.levels < 2:
            raise ConfigError(
                "An interval needs two levels or more.", where=self.name, got=str(self.levels)
            )
        super().check(space, budget)

    def _search(
        self,
        recorder: Recorder,
        space: SearchSpace,
        budget: Budget,
        seed: int,  # noqa: ARG002
    ) -> tuple[Trial, str]:
        options = self._levels(space)
        point = {
            key: values[0 if isinstance(space[key], Choices) else len(values) // 2]
            for key, values in options.items()
        }
        recorder.train(point)
        seen = [point]
        sweeps, settled = 0, False
        while not settled and len(recorder.trials) < budget.trials:
            before = point
            for key in options:
                point = _line(recorder, point, key, options[key], seen, budget.trials)
            sweeps, settled = sweeps + 1, point == before
        best = recorder.best()
        state = "no single change helps" if settled else "the budget is used up"
        return best, f"coordinate-wise best after {sweeps} sweeps: {state} (trial {best.number})"

    def _levels(self, space: SearchSpace) -> dict[str, tuple[Value, ...]]:
        return {key: levels(dimension, self.levels) for key, dimension in space.items()}


def _line(
    recorder: Recorder,
    point: dict[str, Value],
    key: str,
    values: tuple[Value, ...],
    seen: list[dict[str, Value]],
    limit: int,
) -> dict[str, Value]:
    """Try all values of one hyperparameter; return the best point known on the line."""
    for value in values:
        candidate = {**point, key: value}
        if candidate not in seen and len(recorder.trials) < limit:
            seen.append(candidate)
            recorder.train(candidate)
    rest = {other: point[other] for other in point if other != key}
    usable = [
        trial
        for trial in recorder.trials
        if trial.evaluation.usable and rest.items() <= trial.hyperparameters.items()
    ]
    # All of a line may diverge, as at too high a learning rate: the next line may not.
    return dict(recorder.best(among=usable).hyperparameters) if usable else point
