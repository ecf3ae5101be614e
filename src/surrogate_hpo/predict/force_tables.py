"""Forces and stress of a prediction as they are written and tabulated."""

from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from ase import Atoms

from surrogate_hpo.formats.structures.predicted import PredictedStructure
from surrogate_hpo.predict.contents import Derivatives, Prediction
from surrogate_hpo.predict.descriptor_chain import ForceScope
from surrogate_hpo.predict.energies import TOTAL

STRUCTURE_FILE = "structure.extxyz"
STRUCTURES_FILE = "predictions.extxyz"


@dataclass(frozen=True)
class Wanted:
    """Which derivatives are to be written.

    Attributes
    ----------
    forces
        Whether the forces are.
    stress
        Whether the stress is.
    """

    forces: bool
    stress: bool

    def __bool__(self) -> bool:
        return self.forces or self.stress

    @property
    def scope(self) -> ForceScope | None:
        """What to compute: their spread over the networks, too."""
        return "each" if self else None

    def structure(self, atoms: Atoms, found: Prediction) -> PredictedStructure:
        """Structure with its energy and what is wanted of it."""
        derivatives = _known(found)
        return PredictedStructure(
            atoms,
            fmean(found.energies[TOTAL]),
            forces=derivatives.forces if self.forces else None,
            forces_std=derivatives.forces_std if self.forces else None,
            forces_error_bar=derivatives.forces_error_bar if self.forces else None,
            stress=derivatives.stress if self.stress else None,
        )

    def document(self, found: Prediction) -> dict[str, Any]:
        """Entries of prediction.json; none if nothing is wanted."""
        entries: dict[str, Any] = {}
        if self.forces:
            derivatives = _known(found)
            entries["forces_ev_per_angstrom"] = {
                "mean": derivatives.forces.tolist(),
                "std_over_seeds": _listed(derivatives.forces_std),
                "error_bar": _listed(derivatives.forces_error_bar),
            }
        if self.stress:
            derivatives = _known(found)
            entries["stress_ev_per_cubic_angstrom"] = {
                "mean": derivatives.stress.tolist(),
                "std_over_seeds": _listed(derivatives.stress_std),
                "per_seed": _listed(derivatives.stress_per_network),
            }
        return entries

    def summary(self, found: Prediction) -> dict[str, Any]:
        """As `document` for cells whose forces are too many for it, and stand in an extxyz."""
        entries = Wanted(forces=False, stress=self.stress).document(found)
        if self.forces:
            entries["net_force_ev_per_angstrom"] = _known(found).forces.sum(axis=0).tolist()
        return self.row(found) | entries

    def row(self, found: Prediction) -> dict[str, float | None]:
        """Columns of predictions.csv; none if nothing is wanted."""
        row: dict[str, float | None] = {}
        if self.forces:
            derivatives = _known(found)
            row["largest_force_ev_per_angstrom"] = float(
                np.linalg.norm(derivatives.forces, axis=1).max()
            )
            row["forces_std_rms_ev_per_angstrom"] = _rms(derivatives.forces_std)
            row["forces_error_bar_rms_ev_per_angstrom"] = _rms(derivatives.forces_error_bar)
        if self.stress:
            derivatives = _known(found)
            row["pressure_ev_per_cubic_angstrom"] = -float(np.trace(derivatives.stress)) / 3
        return row


def _known(found: Prediction) -> Derivatives:
    assert found.derivatives is not None  # noqa: S101 - asked for with `scope`
    return found.derivatives


def _listed(values: np.ndarray[Any, Any] | None) -> Any:  # noqa: ANN401 - nested lists
    return None if values is None else values.tolist()


def _rms(values: np.ndarray[Any, Any] | None) -> float | None:
    return None if values is None else float(np.sqrt((values**2).mean()))
