"""Forces of held-out snapshots and structures beyond the run against DFT: errors, and a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.files.tables import Cell
from surrogate_hpo.networks.error_bar import ForceErrorBar
from surrogate_hpo.physics.prediction_grid import ONE_VOLUME, KnownGrid, of_one_volume
from surrogate_hpo.predict.accuracies import Errors
from surrogate_hpo.predict.energies import SnapshotClass
from surrogate_hpo.predict.force_accuracies import force_accuracy, stress_accuracy
from surrogate_hpo.predict.snapshot_forces import SnapshotForces
from surrogate_hpo.stages.evaluate.inputs import Judged

_NOT_JUDGED = "evaluate.forces is false"
_NOT_KNOWN = "the DFT runs of the held-out snapshots do not tell the {}"
# The table's header also where nothing is known.
COLUMNS = (
    *("snapshot", "atom", "element", "axis"),
    *("dft_ev_per_angstrom", "mean_ev_per_angstrom", "spread_ev_per_angstrom"),
    "error_bar_ev_per_angstrom",
)


class JudgedForces:
    """Forces of all that is judged, as far as they are known, and their errors.

    Parameters
    ----------
    judged
        Held-out snapshots, and structures beyond the run.
    training
        DFT runs of the training: whether their cells differ in volume decides about the stress.
    bar
        How the expected errors of forces are calibrated; None if they are not.
    wanted
        Whether forces are judged at all.
    """

    def __init__(
        self,
        judged: Judged,
        training: Sequence[DftResult],
        bar: ForceErrorBar | None,
        *,
        wanted: bool,
    ) -> None:
        everything = [(part.energies[0], part.forces) for part in judged.parts]
        everything += [(one.rows()[0], one.forces) for one in judged.beyond]
        self._known: dict[str, tuple[SnapshotClass, SnapshotForces]] = {
            energies.snapshot: (energies.kind, forces)
            for energies, forces in everything
            if wanted and forces is not None
        }
        self._bar, self._wanted = bar, wanted
        self._one_volume = of_one_volume([KnownGrid(one.cell, one.fft_grid) for one in training])

    def summary(self) -> dict[str, Any]:
        """Errors over all snapshots: `forces` and `stress`; null with a reason if not known."""
        errors = self._errors([one for _, one in self._known.values()])
        reasons = {
            f"{name}_left_out": self._reason(name)
            for name, found in errors.items()
            if found is None
        }
        return {**errors, **reasons}

    def with_classes(self, classes: Sequence[Errors]) -> list[Errors]:
        """Errors of each class by itself, added to those of its energies.

        Parameters
        ----------
        classes
            As `class_accuracies` gives them.

        Returns
        -------
        list of dict
            With `forces` and `stress`, null where they are not known.
        """
        return [
            {
                **entry,
                **self._errors(
                    [
                        one
                        for kind, one in self._known.values()
                        if kind == (entry["atoms"], entry["temperature_kelvin"])
                    ]
                ),
            }
            for entry in classes
        ]

    def rows(self) -> list[Mapping[str, Cell]]:
        """Rows of the table, eV/Å; none where no force is known."""
        return [row for name, (_, one) in self._known.items() for row in one.rows(name, self._bar)]

    def _errors(self, found: Sequence[SnapshotForces]) -> Errors:
        stress = None if self._one_volume else stress_accuracy(found)
        return {"forces": force_accuracy(found, self._bar), "stress": stress}

    def _reason(self, name: str) -> str:
        if not self._wanted:
            return _NOT_JUDGED
        if self._known and name == "stress" and self._one_volume:
            return ONE_VOLUME
        return _NOT_KNOWN.format(name)
