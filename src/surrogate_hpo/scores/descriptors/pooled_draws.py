"""Draws whose pairs join points of different snapshots."""

from collections.abc import Sequence

import numpy as np

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.descriptors.scores import Draw


def pooled_draws(draws: Sequence[Draw], *, seeds: Sequence[int]) -> list[Draw]:
    """Pool the points of all snapshots, draw by draw, and deal them out into new pairs.

    From S snapshots with two sets of N points come S draws of two sets of N points again, at the
    same cost; the points of a draw remain distinct. Of the pairs (S − 1)/S join different
    snapshots, on average.

    Parameters
    ----------
    draws
        One per snapshot and number, with the same cutoff radii, components and energies.
    seeds
        One per number of a draw; same seed, same pairs.

    Returns
    -------
    list of Draw
        As many as were given, under a name that stands for all snapshots.

    Raises
    ------
    ConfigError
        If there are fewer than two snapshots.
    DataError
        If the LDOS of the snapshots differ in their number of energies.
    """
    names = dict.fromkeys(draw.snapshot for draw in draws)
    if len(names) < 2:
        raise ConfigError(
            "Pairs across snapshots need several snapshots.",
            where="acsd.pairs: across",
            expected="at least two snapshots",
            got=", ".join(names),
            remedy="give more training snapshots, or set acsd.pairs: within",
        )
    energies = {draw.snapshot: draw.ldos.shape[-1] for draw in draws if draw.ldos is not None}
    if len(set(energies.values())) > 1:
        raise DataError(
            "LDOS of different energies cannot be paired across snapshots.",
            where="acsd.pairs: across",
            expected="as many energies in every snapshot",
            got=", ".join(f"{name}: {count}" for name, count in energies.items()),
        )
    return [
        pooled
        for number, seed in enumerate(seeds)
        for pooled in _dealt_out([d for d in draws if d.seed == number], seed, number)
    ]


def _dealt_out(draws: Sequence[Draw], seed: int, number: int) -> list[Draw]:
    pooled = {
        radius: np.concatenate([d.descriptors[radius].reshape(-1, values.shape[-1]) for d in draws])
        for radius, values in draws[0].descriptors.items()
    }
    labels = [d.ldos.reshape(-1, d.ldos.shape[-1]) for d in draws if d.ldos is not None]
    ldos = np.concatenate(labels) if labels else None
    points = len(next(iter(pooled.values())))
    # Rows of each new draw, [draws, 2, points].
    rows = np.random.default_rng(seed).permutation(points).reshape(len(draws), 2, -1)
    return [
        Draw(
            snapshot=f"{len(draws)} snapshots",
            seed=number * len(draws) + place,
            descriptors={radius: values[own] for radius, values in pooled.items()},
            ldos=None if ldos is None else ldos[own],
        )
        for place, own in enumerate(rows)
    ]
