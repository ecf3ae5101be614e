"""What is told of own structures: contents that no DFT run here takes up, unlikely densities."""

from collections.abc import Iterator, Mapping

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import covalent_radii

from surrogate_hpo.config.project import Config
from surrogate_hpo.formats.structures.contents import UNUSED

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
