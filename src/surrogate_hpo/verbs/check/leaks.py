"""Held-out structures that are, or nearly are, structures of another split."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.config.frames import file_of
from surrogate_hpo.config.project import Config
from surrogate_hpo.dft.likeness import SAME_TO, equal_pairs, frame_distances
from surrogate_hpo.errors import ConfigError

# Root mean square distance of frames below which one tells nearly all of the other, in Å: half of
# what thermal motion makes of two independent frames of a metal at room temperature.
_NEAR = 0.1
_NEAR_SHARE = 0.5
_MOST_NAMED = 3


def check_leaks(config: Config, structures: Mapping[str, Atoms]) -> None:
    """Refuse structures that occur twice, under whatever names, orders of atoms or images.

    Parameters
    ----------
    config
        The whole config.
    structures
        By name of the snapshot, those that could be read or made.

    Raises
    ------
    ConfigError
        Naming the first of them.
    """
    names = list(structures)
    pairs = [(names[late], names[early]) for late, early in equal_pairs([*structures.values()])]
    if not pairs:
        return
    told = [
        f"{_called(config, late)}, already in {_split(early)} as {_called(config, early)}"
        for late, early in pairs[:_MOST_NAMED]
    ]
    if len(pairs) > _MOST_NAMED:
        told.append(f"and {len(pairs) - _MOST_NAMED} more")
    splits = sorted({_split(late) for late, _ in pairs})
    raise ConfigError(
        "a structure is used twice: errors on it would be too small",
        where=", ".join(f"snapshots.{split}" for split in splits),
        expected=f"cells, elements or positions that differ by more than {SAME_TO:g} Å",
        got="; ".join(told),
        remedy="give each structure to one split, once",
    )


def near_frames(config: Config, structures: Mapping[str, Atoms]) -> Iterator[str]:
    """What is said of own structures in different splits that lie close to each other.

    Neighbouring frames of a trajectory are such: a held-out frame beside a training frame is
    hardly held out. Near is a root mean square distance of the atoms below 0.1 Å, and in one file
    below half of the median of all such distances between its frames.

    Parameters
    ----------
    config
        The whole config.
    structures
        By name of the snapshot.

    Yields
    ------
    str
        A sentence per pair of splits.
    """
    own = [name for name in structures if config.snapshots.plan_of(name).cell is None]
    distances = frame_distances([structures[name] for name in own])
    limits = _limits(config, own, distances)
    by_splits: dict[tuple[str, str], list[tuple[float, str, str]]] = {}
    for i, j in np.argwhere(np.triu(distances < limits, k=1)):
        splits = _split(own[i]), _split(own[j])
        if splits[0] != splits[1]:
            near = float(distances[i, j]), own[i], own[j]
            by_splits.setdefault(splits, []).append(near)
    for splits, pairs in by_splits.items():
        distance, one, other = min(pairs)
        count = "a pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
        yield (
            f"snapshots: {count} of structures of {splits[0]} and {splits[1]} that nearly agree: "
            f"the nearest, {_called(config, one)} and {_called(config, other)}, {distance:.3f} "
            "Å apart (root mean square over the atoms). Errors on them say little of structures "
            "that were not trained on: take the splits from separate trajectories, or frames "
            "farther apart"
        )


def _limits(
    config: Config, names: Sequence[str], distances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance below which two structures are near, [n, n], Å."""
    limits = np.full(distances.shape, _NEAR)
    by_file: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        by_file.setdefault(file_of(config.snapshots.source_of(name)), []).append(index)
    for members in by_file.values():
        frames = np.ix_(members, members)
        apart = distances[frames][np.triu_indices(len(members), k=1)]
        if np.isfinite(apart).any():
            limits[frames] = max(_NEAR, _NEAR_SHARE * float(np.nanmedian(apart)))
    return limits


def _split(name: str) -> str:
    return name.rpartition("-")[0]


def _called(config: Config, name: str) -> str:
    plan = config.snapshots.plan_of(name)
    return plan.source if plan.cell is None else name
