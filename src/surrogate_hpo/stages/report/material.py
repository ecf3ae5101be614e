"""What the configurations of a run are, in the words of its report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ase import Atoms

Document = Mapping[str, Any]


def composition(structures: Sequence[Atoms]) -> str:
    """Elements of the cells, with their numbers of atoms or the range of them.

    Parameters
    ----------
    structures
        The configurations.

    Returns
    -------
    str
        `4 Al`, `2 Al, 2 Ti`, or of cells of several sizes `4 to 16 Al`.
    """
    first = Counter(structures[0].symbols)
    if all(Counter(atoms.symbols) == first for atoms in structures):
        return ", ".join(f"{number} {symbol}" for symbol, number in first.items())
    elements = dict.fromkeys(symbol for atoms in structures for symbol in atoms.symbols)
    return f"{_range(len(atoms) for atoms in structures)} {', '.join(elements)}"


def volume_per_atom(structures: Sequence[Atoms]) -> str:
    """Volume per atom in Å³, or the range of it."""
    return _range((atoms.get_volume() / len(atoms) for atoms in structures), digits=3)


def temperatures(structures: Sequence[Atoms], settings: Document) -> str:
    """Temperature of the ions in K, or the range of it; empty where it is not known.

    Parameters
    ----------
    structures
        The configurations; what each says itself counts first.
    settings
        Of the snapshots.

    Returns
    -------
    str
        `298 K` or `200 to 600 K`.
    """
    known = [atoms.info.get("temperature_kelvin") for atoms in structures]
    values = [kelvin for kelvin in known if kelvin is not None]
    if not values and settings["method"] not in ("files", "finished"):
        values = [settings["temperature_kelvin"]]
    return f"{_range(values, 4)} K" if values else ""


def strains(structures: Sequence[Atoms]) -> str:
    """Range of the strains in %; empty where none is strained."""
    values = [atoms.info.get("strain_percent", 0.0) for atoms in structures]
    return f"{_range(values)} %" if any(values) else ""


def _range(values: Iterable[float], digits: int = 6) -> str:
    every = list(values)
    first, last = (f"{value:.{digits}g}" for value in (min(every), max(every)))
    return first if first == last else f"{first} to {last}"
