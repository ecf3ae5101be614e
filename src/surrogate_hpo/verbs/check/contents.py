"""What `check` tells of structures: their contents, and held-out ones of other splits, too."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import covalent_radii
from numpy.typing import NDArray

from surrogate_hpo.config.frames import file_of
from surrogate_hpo.config.project import Config
from surrogate_hpo.dft.likeness import SAME_TO, equal_pairs, frame_distances
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.formats.structures.contents import UNUSED

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


# Volume per atom in units of the sum over the elements at rest. Compounds reach 0.5 and 1.9; a
# bohr that is taken for an Å makes 6.7.
_DENSEST, _THINNEST = 0.35, 3.0
_BOHR_FOR_ANGSTROM = 0.529177**-3
# Å³ per atom of elements whose crystal ASE does not know, or has another number of atoms of.
_VOLUMES = {
    **{"Fr": 130.0, "Ga": 19.6, "Mn": 12.2, "Np": 19.2, "Pa": 25.0},
    **{"Pm": 33.6, "Pu": 20.4, "Ra": 68.0, "U": 20.7},
}
# Å³ per atom of an element of which ASE knows no crystal, at least.
_LEAST_VOLUME = 10.0
_PER_CUBED_RADIUS = 12.0
_INSTEAD = {
    "charges": "the cells are neutral",
    "constraints": "all atoms are taken alike",
    "magnetic moments": "DFT runs here without spin polarisation",
}


def own_structure_warnings(config: Config, structures: Mapping[str, Atoms]) -> Iterator[str]:
    """What is likely to be a mistake in own structures, or is not taken up of them.

    Parameters
    ----------
    config
        The whole config.
    structures
        By name of the snapshot.

    Yields
    ------
    str
        A sentence for each kind of contents, and for each composition of unlikely density.
    """
    plans = config.snapshots.plans
    files = {
        name: plan.source if plan.cell is None else str(plan.cell.file)
        for name, plan in plans.items()
        if name in structures and (plan.cell is None or plan.cell.file is not None)
    }
    for kind, instead in _INSTEAD.items():
        with_it = [file for name, file in files.items() if kind in _unused(structures[name])]
        if with_it:
            yield f"snapshots: {kind} of {_first_of(with_it)} are not used: {instead}"
    yield from _unlikely_densities(structures, files)


def _unused(atoms: Atoms) -> tuple[str, ...]:
    found: tuple[str, ...] = atoms.info.get(UNUSED, ())
    return found


def _first_of(files: list[str]) -> str:
    different = list(dict.fromkeys(files))
    return different[0] + (f" and {len(different) - 1} more" if len(different) > 1 else "")


def _unlikely_densities(structures: Mapping[str, Atoms], files: Mapping[str, str]) -> Iterator[str]:
    unlikely: dict[str, list[tuple[str, float, float]]] = {}
    for name, file in files.items():
        atoms = structures[name]
        volume = atoms.cell.volume / len(atoms)
        usual = float(np.mean([_volume_of(symbol) for symbol in atoms.symbols]))
        if not _DENSEST <= volume / usual <= _THINNEST:
            formula = atoms.symbols.formula.format("metal")
            unlikely.setdefault(str(formula), []).append((file, volume, usual))
    for formula, found in unlikely.items():
        _, volume, usual = found[0]
        yield (
            f"snapshots: {_first_of([file for file, *_ in found])} ({formula}) has {volume:.1f} Å³ "
            f"per atom, about {usual:.0f} would be usual; {_cause(volume / usual)}"
        )


def _cause(ratio: float) -> str:
    for factor, words in (
        (_BOHR_FOR_ANGSTROM, "lengths in bohr taken for Å would make 6.7 times as much"),
        (1 / _BOHR_FOR_ANGSTROM, "lengths in Å taken for bohr would make 0.15 times as much"),
    ):
        if 0.4 < ratio / factor < 2.5:
            return f"{words}; else it is right for a surface, a molecule or high pressure only"
    return "see whether the file's lengths are in Å"


def _volume_of(symbol: str) -> float:
    """Å³ per atom, also where no crystal is known."""
    radius = float(covalent_radii[Atoms(symbol).numbers[0]])
    return usual_volume(symbol) or max(_LEAST_VOLUME, _PER_CUBED_RADIUS * radius**3)


def usual_volume(symbol: str | None) -> float | None:
    """Volume of an element at rest.

    Parameters
    ----------
    symbol
        Of the element; or of a compound, or None, of which nothing is known.

    Returns
    -------
    float or None
        Å³ per atom; None where ASE does not know its crystal.
    """
    if symbol is None or symbol in _VOLUMES:
        return _VOLUMES.get(symbol or "")
    try:
        crystal = bulk(symbol)
    except (ValueError, RuntimeError, KeyError):
        return None
    return float(crystal.get_volume() / len(crystal))
