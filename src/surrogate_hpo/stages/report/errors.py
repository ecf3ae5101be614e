"""The errors that the evaluate stage has written down, as the report's figures take them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from surrogate_hpo.predict.energies import FERMI_ENERGY, QUANTITIES
from surrogate_hpo.report.error_summary import QuantityError
from surrogate_hpo.report.errors import ClassError, ForceErrors
from surrogate_hpo.stages.report.records import HEADLINE

Document = Mapping[str, Any]
# The Fermi energy's error is in meV and stands among the key numbers; the ions' is none of the
# network.
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
        _error(name, evaluated[name], control, alone, _mean_noise(evaluated["classes"], name))
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
                _noise(entry, HEADLINE),
            ),
            forces=force_errors(entry),
        )
        for entry in evaluated["classes"]
    ]


def force_errors(evaluated: Document) -> ForceErrors | None:
    """Errors of the forces over all held-out snapshots, or over those of a class.

    Parameters
    ----------
    evaluated
        Summary of the evaluate stage, or one of its classes.

    Returns
    -------
    ForceErrors or None
        None if they are not known.
    """
    found = evaluated.get("forces")
    if found is None:
        return None
    return ForceErrors(**{field.name: found.get(field.name) for field in fields(ForceErrors)})


def _class(entry: Document) -> tuple[int, float | None]:
    return entry["atoms"], entry["temperature_kelvin"]


def _noise(entry: Document, quantity: str) -> float:
    """Size of the k noise of a class, meV/atom; NaN if nobody has measured it."""
    noise = entry.get("kpoint_noise") or {}
    return abs(_number(noise.get(f"{quantity}_mev_per_atom")))


def _mean_noise(classes: Sequence[Document], quantity: str) -> float:
    """The same over all held-out snapshots; NaN if it is not known for one of them."""
    snapshots = sum(entry["snapshots"] for entry in classes)
    total = sum(entry["snapshots"] * _noise(entry, quantity) for entry in classes)
    return total / snapshots if snapshots else math.nan


def _error(
    name: str, values: Document, control: Document, alone: Document, noise: float
) -> QuantityError:
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
        kpoint_noise_mev_per_atom=noise,
        error_bar_mev_per_atom=_number(values.get("error_bar_mev_per_atom")),
        within_error_bar=_number(values.get("within_error_bar")),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
