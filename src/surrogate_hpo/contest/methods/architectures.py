"""Architectures ranked by a training-free score, without any training."""

import math

import numpy as np

from surrogate_hpo.contest.methods.interface import Hyperparameters, Trial
from surrogate_hpo.contest.methods.points import architecture_part
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.search.space import Choices, SearchSpace, Value


def score_architectures(
    recorder: Recorder, space: SearchSpace, fixed: Hyperparameters, *, limit: int, seed: int
) -> tuple[Trial, str]:
    """Score all architectures, or as many as allowed, drawn without repetition.

    Parameters
    ----------
    recorder
        Scores.
    space
        The whole space; its hyperparameters of the network are varied.
    fixed
        All hyperparameters; those of the training stay.
    limit
        Largest number of scores.
    seed
        Of the draw.

    Returns
    -------
    tuple
        The trial of the lowest score, and a sentence about it.

    Raises
    ------
    PhysicsError
        No score was usable.
    """
    options = {
        key: dimension.options
        for key, dimension in architecture_part(space).items()
        if isinstance(dimension, Choices)
    }
    total = math.prod(len(values) for values in options.values())
    numbers: list[int] = list(range(total)) if total <= limit else _draw(total, limit, seed)
    for number in numbers:
        recorder.score({**fixed, **_architecture(options, number)})
    best = recorder.best("score")
    share = "all" if len(numbers) == total else f"{len(numbers)} of"
    return best, f"lowest training-free score of {share} {total} architectures"


def _draw(total: int, count: int, seed: int) -> list[int]:
    rng = np.random.default_rng(seed)
    return [int(number) for number in rng.choice(total, size=count, replace=False)]


def _architecture(options: dict[str, tuple[Value, ...]], number: int) -> dict[str, Value]:
    """Count through all combinations, the last hyperparameter fastest."""
    point = {}
    for key, values in reversed(options.items()):
        number, index = divmod(number, len(values))
        point[key] = values[index]
    return point
