"""What a round writes: its choice, a table of its candidates, the chosen structures."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import Cell, write_table
from surrogate_hpo.formats.structures.structures import write_structure
from surrogate_hpo.run.left_out import leave_out
from surrogate_hpo.stages.rounds.choosing import RoundChoice
from surrogate_hpo.stages.select.weeding import Weeded

logger = logging.getLogger(__name__)
_COLUMNS = (
    *("candidate", "source", "formula", "atoms", "temperature_kelvin", "strain_percent"),
    *("measure", "snapshot", "reason", "dropped"),
)


@dataclass(frozen=True)
class RoundFiles:
    """Outputs of a round.

    Attributes
    ----------
    choice
        JSON: what was chosen and why, or why nothing was.
    candidates
        CSV: a row per candidate.
    snapshots
        extxyz files of the chosen structures, Å.
    record
        How they were made.
    """

    choice: Path
    candidates: Path
    snapshots: Sequence[Path]
    record: Mapping[str, Any]

    def write_empty(self, told: Mapping[str, Any], reason: str) -> None:
        """Write that nothing is chosen in this round, and why.

        Parameters
        ----------
        told
            What is known of the round, as plain JSON values.
        reason
            In words.
        """
        logger.info("this round is empty: %s", reason)
        for path in self.snapshots:
            leave_out(path, f"round {told['round']} is empty, {reason}")
        write_table(self.candidates, [], columns=_COLUMNS)
        state = {"state": "empty", "reason": reason, "chosen": []}
        write_document(self.choice, {**told, **state, "provenance": self.record})

    def write_candidates(self, pool: Weeded, made: RoundChoice) -> list[dict[str, Cell]]:
        """Write the chosen structures, and all candidates as a table.

        Parameters
        ----------
        pool
            The candidates.
        made
            What was chosen of them.

        Returns
        -------
        list of dict
            The rows, in the order of the pool.
        """
        names = {
            number: path.stem for number, path in zip(made.reasons, self.snapshots, strict=True)
        }
        for path, (number, name) in zip(self.snapshots, names.items(), strict=True):
            one = pool.candidates[number]
            write_structure(
                path, one.atoms, {**self.record, "snapshot": name, "candidate": one.name}
            )
        rows = _rows(pool, made, names)
        write_table(self.candidates, rows, columns=_COLUMNS)
        return rows

    def write_choice(self, told: Mapping[str, Any], rows: Sequence[Mapping[str, Cell]]) -> None:
        """Write what is chosen, and why.

        Parameters
        ----------
        told
            What is known of the round, as plain JSON values.
        rows
            As `write_candidates` gives them.
        """
        keys = ("snapshot", "candidate", "source", "measure", "reason")
        named = sorted(
            (one for one in rows if one["snapshot"]), key=lambda one: str(one["snapshot"])
        )
        for row in named:
            logger.info("%s: candidate %s, %s", row["snapshot"], row["candidate"], row["reason"])
        listed = [{key: row[key] for key in keys} for row in named]
        state = {"state": "chosen", "reason": None, "chosen": listed}
        write_document(self.choice, {**told, **state, "provenance": self.record})


def _rows(pool: Weeded, made: RoundChoice, names: Mapping[int, str]) -> list[dict[str, Cell]]:
    """A row per candidate, in the order of the pool."""
    rows = []
    for number, one in enumerate(pool.candidates):
        info = one.atoms.info
        values: tuple[Cell, ...] = (
            *(one.name, one.source, str(one.atoms.symbols), len(one.atoms)),
            *(info.get("temperature_kelvin"), info.get("strain_percent")),
            made.measure.get(number),
            *(names.get(number, ""), made.reasons.get(number, ""), pool.reasons.get(number, "")),
        )
        rows.append(dict(zip(_COLUMNS, values, strict=True)))
    return rows
