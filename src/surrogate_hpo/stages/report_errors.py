"""The errors that the evaluate stage has written down, as the report's figures take them."""

import math
from collections.abc import Mapping
from typing import Any

from surrogate_hpo.figures.class_errors import ClassError
from surrogate_hpo.figures.error_summary import QuantityError
from surrogate_hpo.stages.energies import FERMI_ENERGY, QUANTITIES
from surrogate_hpo.stages.report_records import HEADLINE

Document = Mapping[str, Any]
# The Fermi energy's error is in meV and stands among the facts; the ions' is none of the network.
_NOT_SHOWN = (FERMI_ENERGY, "ewald_energy")


def quantity_errors(evaluated: Document) -> list[QuantityError]:
    """Errors of the energies over all held-out snapshots, beside the control if there is one.

    Parameters
    ----------
    evaluated
        Summary of the evaluate stage.

    Returns
    -------
    list of QuantityError
        NaN for what is not known.
    """
    control, alone = evaluated["control"] or {}, evaluated.get("control_energies_only") or {}
    return [
        _error(name, evaluated[name], control, alone)
        for name in QUANTITIES
        if name in evaluated and name not in _NOT_SHOWN
    ]


def class_errors(evaluated: Document) -> list[ClassError]:
    """Errors of the headline quantity per size and temperature, small cells first.

    Parameters
    ----------
    evaluated
        Summary of the evaluate stage.

    Returns
    -------
    list of ClassError
        NaN for what is not known.
    """
    controls, alone = (
        {_class(entry): entry for entry in (evaluated.get(key) or {}).get("classes", ())}
        for key in ("control", "control_energies_only")
    )
    return [
        ClassError(
            atoms=entry["atoms"],
            temperature_kelvin=_number(entry["temperature_kelvin"]),
            snapshots=entry["snapshots"],
            error=_error(
                HEADLINE,
                entry[HEADLINE],
                controls.get(_class(entry), {}),
                alone.get(_class(entry), {}),
            ),
        )
        for entry in evaluated["classes"]
    ]


def _class(entry: Document) -> tuple[int, float | None]:
    return entry["atoms"], entry["temperature_kelvin"]


def _error(name: str, values: Document, control: Document, alone: Document) -> QuantityError:
    mae = "mae_mev_per_atom"
    return QuantityError(
        quantity=name,
        mae_mev_per_atom=_number(values[mae]),
        std_over_seeds_mev_per_atom=_number(values["std_over_seeds"]),
        discretisation_error_mev_per_atom=_number(values["discretisation_error_mev_per_atom"]),
        baseline_mev_per_atom=_number(values["baseline_mev_per_atom"]),
        ensemble_mae_mev_per_atom=_number(values["ensemble_mae_mev_per_atom"]),
        correlation=_number(values["correlation"]),
        baseline_of=values["baseline_of"],
        control_mae_mev_per_atom=_number(control.get(mae) if name == HEADLINE else None),
        control_energies_only_mae_mev_per_atom=_number(
            alone.get(mae) if name == HEADLINE else None
        ),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
