"""Who is replayed on a table: methods of the registry, variants, and what other tables teach."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from surrogate_hpo.contest.methods.base import SearchMethod
from surrogate_hpo.contest.methods.filtered_halving import FilteredHalving
from surrogate_hpo.contest.methods.interface import Budget, Method, TrainingFree
from surrogate_hpo.contest.methods.points import levels
from surrogate_hpo.contest.methods.random_search import RandomSearch
from surrogate_hpo.contest.methods.registry import METHODS
from surrogate_hpo.contest.methods.tpe import TpeDefault
from surrogate_hpo.contest.replay import Replay, replay
from surrogate_hpo.contest.table_answers import SeenError, TableObjective, TableScore
from surrogate_hpo.contest.transfer.combined_score import CombinedTableScore, fit_weights
from surrogate_hpo.contest.transfer.predicted_error import PredictedHalving, fit_predicted_error
from surrogate_hpo.contest.transfer.rate_rule import WithRateRule, fit_rate_rule
from surrogate_hpo.contest.transfer.warm_start import WarmStart, best_points
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.architectures.options import ProxyName
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.search.space import Choices, SearchSpace, Value
from surrogate_hpo.search.trained_table import TrainedTable

PAPER: ProxyName = "naswot"
FILTERS: tuple[ProxyName, ...] = ("readout", "activation_patterns", "short_training", "parameters")
LEVELS = 5  # of an interval, for methods that need a list
WARM_POINTS = 5
PREDICTED = 50  # points whose error is predicted, for one that is trained
# Besides five points drawn for one that is trained, and two halvings.
SURPLUSES, HALVINGS = (2, 10), (0, 1)


@dataclass(frozen=True)
class Contender:
    """A method, what it may ask for, and the score that it uses if it needs one."""

    method: Method
    space: SearchSpace
    score: TrainingFree | None = None


class Arena:
    """A table on which methods are replayed, and what was learnt from others for them.

    Parameters
    ----------
    table
        Answers the searches.
    others
        Tables of other materials: of scores, first points and learning rates. Nothing is learnt
        from the table itself.
    error
        What the searches see.

    Raises
    ------
    DataError
        The table does not have the error after whole trainings.
    """

    def __init__(
        self,
        table: TrainedTable,
        others: Sequence[TrainedTable] = (),
        error: SeenError = "validation_loss",
    ) -> None:
        self.table, self.others, self.error = table, others, error
        self.objective = TableObjective(table, error)
        self.contenders: dict[str, Contender] = {}
        self.refused: dict[str, str] = {}
        kinds: list[tuple[str, Callable[[], Iterator[tuple[str, Contender]]]]] = [
            ("registry", self._registered),
            ("filters", self._filters),
        ]
        if self.others:
            kinds += [
                ("combined scores", self._combined),
                ("warm starts", self._warm),
                ("rules of the rate", self._ruled),
                ("predicted errors", self._predicted),
            ]
        for kind, make in kinds:
            try:
                self.contenders.update(make())
            except DataError as reason:
                self.refused[kind] = " ".join(str(reason).split())

    def fits(self, budget: Budget) -> list[str]:
        """Labels of those that can search the space within a budget; the others are refused."""
        fitting = []
        for label, one in self.contenders.items():
            try:
                one.method.check(one.space, budget)
            except ConfigError as error:
                self.refused[label] = " ".join(str(error).split())
            else:
                fitting.append(label)
        return fitting

    def replay(self, label: str, budget: Budget, seed: int) -> Replay:
        """Replay one method once; see :func:`surrogate_hpo.contest.replay.replay`."""
        one = self.contenders[label]
        return replay(
            one.method,
            self.objective,
            budget=budget,
            seed=seed,
            score=one.score,
            space=one.space,
        )

    def _registered(self) -> Iterator[tuple[str, Contender]]:
        known = PAPER in self.table.configurations[0].scores
        paper = self._score(PAPER) if known else None
        space = self.table.space
        listed = {key: Choices(levels(one, LEVELS)) for key, one in space.items()}
        for name, method in METHODS.items():
            if name == "filtered_halving" or (getattr(method, "needs_score", False) and not known):
                continue
            yield name, Contender(method, listed if name == "orthogonal_array" else space, paper)

    def _filters(self) -> Iterator[tuple[str, Contender]]:
        for name in self._known_filters():
            yield f"filtered_halving:{name}", self._filtered(FilteredHalving(), name)
        for name in self._known_filters()[:1]:
            for surplus in SURPLUSES:
                method: SearchMethod = FilteredHalving(surplus=surplus)
                yield f"filtered_halving:{name}:surplus={surplus}", self._filtered(method, name)
            for halvings in HALVINGS:
                method = FilteredHalving(halvings=halvings)
                yield f"filtered_halving:{name}:halvings={halvings}", self._filtered(method, name)

    def _combined(self) -> Iterator[tuple[str, Contender]]:
        tables = [self.table, *self.others]
        names = [name for name in tables[0].configurations[0].scores if _all_have(tables, name)]
        if names:
            score = CombinedTableScore(self.table, fit_weights(self.others, names, self.error))
            method = FilteredHalving()
            yield "filtered_halving:combined", Contender(method, self.table.space, score)

    def _warm(self) -> Iterator[tuple[str, Contender]]:
        for label, one in self._bases():
            yield f"warm:{label}", self._like(one, WarmStart(one, self._best_of_others))

    def _ruled(self) -> Iterator[tuple[str, Contender]]:
        rule = fit_rate_rule(self.others, self.error)
        for label, one in self._bases():
            yield f"rate_rule:{label}", self._like(one, WithRateRule(one, rule))

    def _predicted(self) -> Iterator[tuple[str, Contender]]:
        predict = fit_predicted_error(self.others, self.error)
        for halvings in (*HALVINGS, 2):
            method = PredictedHalving(predict=predict, halvings=halvings, surplus=PREDICTED)
            label, space = f"predicted:halvings={halvings}", self.table.space
            yield label, Contender(method, space)
            yield f"warm:{label}", Contender(WarmStart(method, self._best_of_others), space)

    @cached_property
    def _best_of_others(self) -> list[dict[str, Value]]:
        return best_points(self.others, self.table.space, WARM_POINTS, self.error)

    def _bases(self) -> Iterator[tuple[str, SearchMethod]]:
        """Methods that go on from what other tables teach."""
        yield "random", RandomSearch()
        yield "tpe_default", TpeDefault()
        for name in self._known_filters()[:1]:
            yield f"filtered_halving:{name}", FilteredHalving()

    def _like(self, base: SearchMethod, method: Method) -> Contender:
        if not base.needs_score:
            return Contender(method, self.table.space)
        return self._filtered(method, self._known_filters()[0])

    def _filtered(self, method: Method, name: ProxyName) -> Contender:
        return Contender(method, self.table.space, self._score(name))

    def _score(self, name: ProxyName) -> TableScore:
        """As its publication reads it."""
        return TableScore(self.table, name, PROXIES[name].direction)

    def _known_filters(self) -> list[ProxyName]:
        return [name for name in FILTERS if name in self.table.configurations[0].scores]


def _all_have(tables: Sequence[TrainedTable], name: str) -> bool:
    return all(name in table.configurations[0].scores for table in tables)
