"""A prediction as files say it: JSON values, rows of a table, a line of the log."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from ase import Atoms

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.predict.contents import Prediction
from surrogate_hpo.predict.energies import TOTAL


def in_words(atoms: Atoms, found: Prediction) -> str:
    """A line for the log.

    Parameters
    ----------
    atoms
        The structure.
    found
        What was predicted.

    Returns
    -------
    str
        Total free energy per atom and its expected error.
    """
    energy, bar = fmean(found.energies[TOTAL]) / len(atoms), found.error_bar
    expected = "not known" if bar is None else f"{1000 * bar / len(atoms):.2g} meV/atom"
    return f"total free energy {energy:.6f} eV/atom, expected error {expected}"


def prediction_document(atoms: Atoms, found: Prediction) -> dict[str, Any]:
    """All numbers of a prediction but forces and fields.

    Parameters
    ----------
    atoms
        The structure.
    found
        What was predicted.

    Returns
    -------
    dict
        Plain values: eV per cell and per atom, K.
    """
    extrapolation = found.extrapolation
    quantities = {f"{name}_ev": _statistics(v) for name, v in found.energies.items()}
    per_atom = [value / len(atoms) for value in found.energies[TOTAL]]
    bar = found.error_bar
    quantities[f"{TOTAL}_ev"]["error_bar"] = bar
    return {
        "formula": atoms.get_chemical_formula(),
        "atoms": len(atoms),
        "electrons": found.electrons,
        "electronic_temperature_kelvin": found.electronic_temperature,
        "grid": list(found.grid),
        **quantities,
        f"{TOTAL}_ev_per_atom": {
            **_statistics(per_atom),
            "error_bar": None if bar is None else bar / len(atoms),
        },
        "descriptors_outside_of_training_range": {
            "fraction_of_points": extrapolation.fraction_of_points,
            "largest_excess_in_standard_deviations": extrapolation.largest_excess,
            "component": extrapolation.component,
        },
        "warnings": found.warnings,
    }


def _statistics(values: Sequence[float]) -> dict[str, Any]:
    """Mean, spread and all values; of one network the spread is not known."""
    return {
        "mean": fmean(values),
        "std_over_seeds": stdev(values) if len(values) > 1 else None,
        "per_seed": list(values),
    }


def dos_rows(surrogate: Surrogate, found: Prediction) -> list[dict[str, Any]]:
    """Rows of the table of the densities of states: mean, spread and each network, 1/eV.

    Parameters
    ----------
    surrogate
        Has the energy axis.
    found
        What was predicted.

    Returns
    -------
    list of dict
        A row per energy.
    """
    return [
        {
            "energy_ev": float(energy),
            "dos_per_ev": fmean(states),
            "dos_std_per_ev": stdev(states) if len(states) > 1 else None,
            **{f"seed_{seed}_per_ev": value for seed, value in enumerate(states)},
        }
        for energy, states in zip(surrogate.energy, found.dos.T.tolist(), strict=True)
    ]
