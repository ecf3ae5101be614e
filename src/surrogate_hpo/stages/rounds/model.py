"""The potential of a round, and its errors on the validation snapshots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surrogate_hpo.potential.fitting import fit_potential
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.stages.potential.judge import judge, summary_of
from surrogate_hpo.stages.rounds.settings import RoundsSettings, StopSettings

ENERGY, FORCE = "energy_error_mev_per_atom", "force_rmse_mev_per_angstrom"
RELAXED, SURROGATE = "relaxed_force_ev_per_angstrom", "surrogate_error_mev_per_atom"
_ON = {RELAXED: "on the relaxed structure"}
# What they are called where a potential is judged.
_JUDGED = {ENERGY: "energy_mae_mev_per_atom", FORCE: "force_rmse_mev_per_angstrom"}


@dataclass(frozen=True)
class RoundModel:
    """A potential that knows all that is computed so far.

    Attributes
    ----------
    potential
        Fitted to it.
    errors
        On the validation snapshots: mean absolute error of the energy in meV/atom, root mean
        square error of the forces in meV/Å; NaN where none are known.
    """

    potential: Potential
    errors: dict[str, float]

    def chosen(self) -> dict[str, Any]:
        """What its fit has chosen, as plain JSON values."""
        descriptor = self.potential.descriptor
        return {
            "cutoff_radius_angstrom": descriptor.cutoff_radius,
            "twojmax": descriptor.twojmax,
            **self.potential.details,
        }


def fit_round(
    settings: RoundsSettings, data: Sequence[Labelled], held_out: Sequence[Labelled], seed: int
) -> RoundModel:
    """Fit the potential of a round and judge it.

    Parameters
    ----------
    settings
        The section.
    data
        Structures with energies and forces.
    held_out
        The validation snapshots.
    seed
        Of the members.

    Returns
    -------
    RoundModel
        With its errors.

    Raises
    ------
    DataError
        If it cannot be fitted, see `fit_potential`.
    """
    potential = fit_potential(data, settings.potential.options(), seed)
    found = summary_of(judge(potential, data, held_out, "validation")) or {}
    return RoundModel(
        potential, {name: float(found.get(key, "nan")) for name, key in _JUDGED.items()}
    )


def relaxed_force(before: Mapping[str, Any] | None, data: Sequence[Labelled]) -> float:
    """Largest force of DFT on the structure to which a round has relaxed.

    Parameters
    ----------
    before
        What the round has written; None if there was none.
    data
        What is computed since.

    Returns
    -------
    float
        eV/Å; NaN if there is no such structure, or its calculation failed.
    """
    name = ((before or {}).get("relaxation") or {}).get("snapshot")
    return next((largest_force(one) for one in data if one.name == name), float("nan"))


def largest_force(one: Labelled) -> float:
    """Of DFT, on any atom in eV/Å; infinite where it is not known."""
    if one.forces is None:
        return float("inf")
    return float(np.linalg.norm(one.forces, axis=1).max())


def reason_to_stop(stop: StopSettings, errors: Mapping[str, float]) -> str | None:
    """Why no more structures are needed; None if they are.

    Parameters
    ----------
    stop
        Errors below which a run stops.
    errors
        Of the potential.

    Returns
    -------
    str or None
        The errors that are met, in words; an error that is not known meets nothing.
    """
    wanted = {name: limit for name, limit in stop if limit is not None}
    unknown = float("nan")
    if not wanted or not all(errors.get(n, unknown) <= limit for n, limit in wanted.items()):
        return None
    met = ", ".join(
        f"{name} {errors[name]:.3g} <= {limit:g} {_ON.get(name, 'on the validation snapshots')}"
        for name, limit in wanted.items()
    )
    return f"rounds.stop is met: {met}"
