"""Tables of densities of states of atoms and parts of a cell."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.report.table import FigureTable, number_column
from surrogate_hpo.verbs.analyse.parts import Parts
from surrogate_hpo.verbs.analyse.states import States

FloatArray = NDArray[np.float64]


def part_dos_table(states: States, parts: Parts) -> FigureTable:
    """Densities of states of the parts, and their spread where it is known.

    Parameters
    ----------
    states
        The sums.
    parts
        The parts.

    Returns
    -------
    FigureTable
        A row per energy; `_per_ev` is the mean over the networks, `_std_per_ev` their spread.
    """
    columns = [number_column("energy_ev", "energy", "eV", states.energy)]
    for name in parts.texts:
        each = states.parts[name]
        columns.append(number_column(f"{name}_per_ev", name, "1/eV", each.mean(axis=0)))
        if len(each) > 1:
            spread = each.std(axis=0, ddof=1)
            columns.append(number_column(f"{name}_std_per_ev", f"{name}, std", "1/eV", spread))
    return FigureTable(tuple(columns))


def dos_table(
    energy: FloatArray, dos: FloatArray, atoms: Atoms, chosen: Sequence[int]
) -> FigureTable:
    """Densities of states projected on atoms: the mean of each element, and single atoms.

    Parameters
    ----------
    energy
        eV, [E].
    dos
        1/eV, [atom, E].
    atoms
        The structure.
    chosen
        Numbers of the atoms that get a column of their own.

    Returns
    -------
    FigureTable
        A row per energy.
    """
    symbols = np.array(atoms.get_chemical_symbols())
    curves: dict[str, FloatArray] = {
        f"{symbol}_mean": dos[symbols == symbol].mean(axis=0) for symbol in sorted(set(symbols))
    } | {f"atom_{number}": dos[number] for number in chosen}
    return FigureTable(
        (
            number_column("energy_ev", "energy", "eV", energy),
            *(
                number_column(f"{name}_per_ev", name.replace("_", " "), "1/eV", values)
                for name, values in curves.items()
            ),
        )
    )
