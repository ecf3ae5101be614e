"""What the evaluate stage reads: held-out snapshots, structures beyond the run, the training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import read_structure, read_temperature
from surrogate_hpo.labels.judged_guards import refuse_known
from surrogate_hpo.predict.energies import REFERENCES, SnapshotEnergies, reference_energies
from surrogate_hpo.predict.transferred import Transferred, read_transferred
from surrogate_hpo.stages.evaluate.control import Labelled
from surrogate_hpo.stages.evaluate.evaluated import (
    EvaluatedSnapshot,
    common_inputs,
    read_evaluated,
)


@dataclass(frozen=True)
class Judged:
    """All that is judged: held-out snapshots, and structures beyond the run behind them.

    Attributes
    ----------
    parts
        The held-out snapshots.
    beyond
        Structures of the transfer stage.
    labelled
        Structures and energies from DFT of both.
    inputs
        Checksums of the files behind the held-out snapshots.
    """

    parts: Sequence[EvaluatedSnapshot]
    beyond: Sequence[Transferred]
    labelled: Sequence[Labelled]
    inputs: dict[str, str]

    @property
    def rows(self) -> list[SnapshotEnergies]:
        """Energies of all of them from all sources."""
        by_one = [part.energies for part in self.parts] + [one.rows() for one in self.beyond]
        return [row for energies in by_one for row in energies]

    @property
    def reference(self) -> list[SnapshotEnergies]:
        """Energies of all of them from DFT."""
        return [one.energies for one in self.labelled]

    @property
    def networks(self) -> list[str]:
        """What the predictions of the initialisations are called."""
        return [source for source in self.parts[0].sources if source not in REFERENCES]

    @property
    def counts(self) -> dict[str, int]:
        """How many there are, as the summary says it."""
        return {
            "held_out_snapshots": len(self.labelled),
            "transfer_snapshots": len(self.beyond),
            "transfer_snapshots_with_forces": sum(one.forces is not None for one in self.beyond),
            "transfer_snapshots_with_warnings": sum(bool(one.warnings) for one in self.beyond),
            "initialisations": len(self.networks),
        }


def read_judged(
    snapshots: Sequence[Path], structures: Sequence[Path], transfer: Sequence[Path]
) -> Judged:
    """Read what is judged.

    Parameters
    ----------
    snapshots
        JSON of `evaluate_snapshot`.
    structures
        Structures of the same snapshots.
    transfer
        JSON of the transfer stage; none where it is not part of the run.

    Returns
    -------
    Judged
        Everything.

    Raises
    ------
    DataError
        If a file is missing or damaged, or they were made with different networks.
    """
    parts = {path: read_evaluated(path) for path in snapshots}
    inputs = common_inputs(parts)
    first, *_ = parts.values()
    beyond = _beyond(transfer, first.sources)
    atoms = [*map(read_structure, structures), *(one.atoms for one in beyond)]
    reference = [part.energies[0] for part in parts.values()] + [one.rows()[0] for one in beyond]
    labelled = [Labelled(one, energies) for one, energies in zip(atoms, reference, strict=True)]
    return Judged(list(parts.values()), beyond, labelled, inputs)


def read_training(
    structures: Sequence[Path], dft: Sequence[Path]
) -> tuple[list[Labelled], list[DftResult]]:
    """Read structures, energies and forces of the training snapshots.

    Parameters
    ----------
    structures
        Their files.
    dft
        JSON of their DFT runs, in the same order.

    Returns
    -------
    list of Labelled, list of DftResult
        In that order.
    """
    results = [read_dft_result(path) for path in dft]
    labelled = []
    for structure, path, result in zip(structures, dft, results, strict=True):
        energies = reference_energies(path.stem, result, read_temperature(structure))
        labelled.append(Labelled(read_structure(structure), energies, result.forces))
    return labelled, results


def check_apart(training: Sequence[Labelled], judged: Judged) -> None:
    """Refuse structures of the transfer stage that are snapshots of the run as well.

    Parameters
    ----------
    training
        Snapshots that are learnt from.
    judged
        What errors are computed on.

    Raises
    ------
    DataError
        Naming the first of them.
    """
    learnt = [(one.energies.snapshot, one.atoms) for one in training]
    own = zip(judged.parts, judged.labelled, strict=False)  # in front of those beyond the run
    refuse_known(
        learnt,
        [(one.source, one.atoms) for one in judged.beyond],
        "transfer.structures",
        held_out=[(part.energies[0].snapshot, one.atoms) for part, one in own],
    )


def _beyond(files: Sequence[Path], sources: Sequence[str]) -> list[Transferred]:
    """Structures beyond the run, predicted by as many networks as the held-out snapshots."""
    found = [(path, one) for path in files for one in read_transferred(path)]
    for path, one in found:
        predicted = [row.source for row in one.rows()]
        if predicted != list(sources):
            raise DataError(
                "structures beyond the run were predicted with other networks than the snapshots",
                where=str(path),
                expected=", ".join(sources),
                got=", ".join(predicted),
                remedy="delete it and run the workflow again; it is remade",
            )
    return [one for _, one in found]
