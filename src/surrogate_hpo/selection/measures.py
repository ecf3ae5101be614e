"""How new a candidate is, by several measures; what is chosen counts as known from then on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.selection.distances import nearest, wasserstein
from surrogate_hpo.selection.features import Features
from surrogate_hpo.selection.options import NETWORK_RULES, WITH_MODEL, AnyRule
from surrogate_hpo.selection.space import Space, fit_space
from surrogate_hpo.selection.spread import Spread

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]
# Of the structure that a new one joins in D-optimal choices.
_PRIOR_PRECISION = 1e-3


class Measure(Protocol):
    """A number per candidate, the larger the newer, which follows what is chosen."""

    def values(self) -> FloatArray:
        """Of all candidates, in their order."""

    def add(self, candidate: int) -> None:
        """Count a candidate as known from now on."""


@dataclass(frozen=True)
class Pool:
    """Candidates beside what is known, all that measures are made from.

    Attributes
    ----------
    candidates
        Their sites.
    known
        Sites of known structures; None where there are none.
    components
        Number of principal components that distances are taken in.
    sampled
        Most sites of known structures that candidates are compared with.
    seed
        Of the sample and of random choices.
    members
        By rule what the members of a model say of the candidates, [members, candidates] or
        [members, candidates, values]; empty without a model. NaN where they were not asked.
    """

    candidates: Features
    known: Features | None
    components: int
    sampled: int
    seed: int
    members: Mapping[AnyRule, FloatArray] = field(default_factory=dict)

    def space(self) -> Space:
        """Of known structures and candidates: descriptors cost no DFT."""
        known = [] if self.known is None else [self.known.rows]
        return fit_space(np.concatenate([self.candidates.rows, *known]))

    def known_sites(self) -> FloatArray:
        """Rows of known sites, at most as many as are sampled; DataError if there are none."""
        if self.known is None:
            raise DataError(
                "this rule compares candidates with known structures, and there are none",
                expected="one known structure or more",
                got="none",
                remedy="begin with the rule farthest_point, kmeans, d_optimal or random",
            )
        rows = self.known.rows
        if len(rows) <= self.sampled:
            return rows
        drawn = np.random.default_rng(self.seed).choice(len(rows), self.sampled, replace=False)
        return np.asarray(rows[np.sort(drawn)])


class Nearest:
    """Mean over the points of a candidate of the distance to the nearest known point."""

    def __init__(self, of: Features, points: FloatArray, known: FloatArray) -> None:
        self._of, self._points = of, points
        self._distances = nearest(points, known)

    def values(self) -> FloatArray:
        """In the unit of the points; before anything is known, how central a candidate is."""
        if np.isinf(self._distances).any():
            centre = self._points.mean(axis=0)
            return -self._of.mean_of(np.sqrt(((self._points - centre) ** 2).sum(axis=1)))
        return self._of.mean_of(self._distances)

    def add(self, candidate: int) -> None:
        """Its points are known from now on."""
        own = self._points[self._of.sites([candidate])]
        self._distances = np.minimum(self._distances, nearest(self._points, own))


class Leverage:
    r"""Leverage of candidates in a linear model of the energy per atom.

    .. math::
        h = \mathbf{x}^T \Big(\sum_{k} \mathbf{x}_k \mathbf{x}_k^T + \epsilon\Big)^{-1} \mathbf{x}

    with a constant and the whitened mean over the sites as x; a candidate multiplies the
    determinant of the normal matrix by 1 + h.
    """

    def __init__(self, rows: FloatArray, known: FloatArray) -> None:
        self._rows = rows
        precision = known.T @ known + _PRIOR_PRECISION * np.eye(rows.shape[1])
        self._covariance = np.linalg.inv(precision)

    def values(self) -> FloatArray:
        """Dimensionless."""
        return np.asarray(((self._rows @ self._covariance) * self._rows).sum(axis=1))

    def add(self, candidate: int) -> None:
        """One more row of the normal matrix."""
        row = self._rows[candidate]
        carried = self._covariance @ row
        self._covariance = self._covariance - np.outer(carried, carried) / (1 + row @ carried)


class FirstComponent:
    """First Wasserstein distance of the first principal component of the known sites."""

    def __init__(self, of: Features, values: FloatArray, known: FloatArray) -> None:
        self._of, self._values, self._known = of, values, known

    def values(self) -> FloatArray:
        """In standard deviations of the descriptors."""
        return wasserstein(self._values, self._of.starts, self._known)

    def add(self, candidate: int) -> None:
        """Its sites join the known distribution."""
        self._known = np.concatenate([self._known, self._values[self._of.sites([candidate])]])


class Misprediction:
    """Root mean square of what the principal components of the known sites leave."""

    def __init__(self, of: Features, known: FloatArray, components: int) -> None:
        self._of, self._known, self._components = of, known, components

    def values(self) -> FloatArray:
        """In standard deviations of the known descriptors."""
        left = fit_space(self._known).residual(self._of.rows, self._components)
        return np.sqrt(self._of.mean_of(left**2))

    def add(self, candidate: int) -> None:
        """The components are those of its sites, too, from now on."""
        self._known = np.concatenate([self._known, self._of.rows[self._of.sites([candidate])]])


class MeanDifference:
    """Distance between the means of the principal components, variance-weighted."""

    def __init__(self, of: Features, scores: FloatArray, known: FloatArray) -> None:
        self._of, self._scores, self._known = of, scores, known

    def values(self) -> FloatArray:
        """In standard deviations of the descriptors."""
        apart = self._of.mean_of(self._scores) - self._known.mean(axis=0)
        return np.asarray(np.sqrt((apart**2).sum(axis=1)))

    def add(self, candidate: int) -> None:
        """Its sites join the known mean."""
        self._known = np.concatenate([self._known, self._scores[self._of.sites([candidate])]])


@dataclass
class RandomNumbers:
    """A random number per candidate."""

    number: int
    seed: int
    _drawn: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        """Draw them."""
        self._drawn = np.random.default_rng(self.seed).random(self.number)

    def values(self) -> FloatArray:
        """From 0 to 1."""
        return self._drawn

    def add(self, candidate: int) -> None:
        """Nothing is learnt from it."""


def whitened_means(pool: Pool) -> tuple[FloatArray, FloatArray]:
    """Mean whitened descriptors of the candidates and of the known structures."""
    space = pool.space()
    own = pool.candidates.mean_of(space.whitened(pool.candidates.rows))
    if pool.known is None:
        return own, np.empty((0, own.shape[1]))
    return own, pool.known.mean_of(space.whitened(pool.known.rows))


def _farthest_point(pool: Pool) -> Measure:
    own, known = whitened_means(pool)
    return Nearest(Features(own, np.arange(len(own))), own, known)


def _d_optimal(pool: Pool) -> Measure:
    own, known = (np.column_stack([np.ones(len(means)), means]) for means in whitened_means(pool))
    return Leverage(own, known)


def _nearest_neighbours(pool: Pool) -> Measure:
    known = pool.known_sites() if pool.known is not None else pool.candidates.rows[:0]
    space = pool.space()
    points = space.scores(pool.candidates.rows, pool.components)
    return Nearest(pool.candidates, points, space.scores(known, pool.components))


def _wasserstein(pool: Pool) -> Measure:
    known = pool.known_sites()
    space = fit_space(known)
    first = space.scores(pool.candidates.rows, 1)[:, 0]
    return FirstComponent(pool.candidates, first, space.scores(known, 1)[:, 0])


def _misprediction(pool: Pool) -> Measure:
    return Misprediction(pool.candidates, pool.known_sites(), pool.components)


def _mean_difference(pool: Pool) -> Measure:
    known = pool.known_sites()
    space = fit_space(known)
    scores = (space.scores(rows, pool.components) for rows in (pool.candidates.rows, known))
    return MeanDifference(pool.candidates, *scores)


def _spread_by(rule: AnyRule) -> Callable[[Pool], Measure]:
    """The spread of what the members say under the name of a rule."""

    def made(pool: Pool) -> Measure:
        members = pool.members.get(rule)
        if members is None or len(members) < 2:
            raise DataError(
                f"the rule `{rule}` compares the members of a model, and there are none",
                expected="a model with two members or more",
                got="none" if members is None else str(len(members)),
                remedy="fit a potential with members (potential.members: 8), train more networks "
                "(train.seeds: 4), or choose another rule",
            )
        return Spread(members)

    return made


MEASURES: Mapping[AnyRule, Callable[[Pool], Measure]] = {
    "random": lambda pool: RandomNumbers(len(pool.candidates), pool.seed),
    "farthest_point": _farthest_point,
    "d_optimal": _d_optimal,
    "nearest_neighbours": _nearest_neighbours,
    "wasserstein": _wasserstein,
    "misprediction": _misprediction,
    "mean_difference": _mean_difference,
    **{rule: _spread_by(rule) for rule in (WITH_MODEL, *NETWORK_RULES)},
}
