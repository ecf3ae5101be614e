"""What is found for one held-out snapshot, as a document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from surrogate_hpo.dft.result import known
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.files.tables import Cell
from surrogate_hpo.predict.energies import QUANTITIES, SnapshotEnergies
from surrogate_hpo.predict.snapshot_forces import SnapshotForces
from surrogate_hpo.stages.evaluate.ldos_samples import LdosSample, sample_rows

_KEYS = ("snapshot", "atoms", "energies", "energy_axis_ev", "dos_per_ev", "ldos_samples")


@dataclass(frozen=True)
class EvaluatedSnapshot:
    """Energies, density of states and some LDOS of one snapshot from all sources.

    Attributes
    ----------
    energies
        From DFT, from the reference LDOS, and from each network; in this order.
    samples
        LDOS at a few points, from the reference and from each network.
    inputs
        Checksums of the files that this was made from.
    forces
        Forces and stress from DFT and from each network; None if they are not known.
    """

    energies: Sequence[SnapshotEnergies]
    samples: Sequence[LdosSample]
    inputs: Mapping[str, str]
    forces: SnapshotForces | None = None

    @property
    def name(self) -> str:
        """Name of the snapshot."""
        return self.energies[0].snapshot

    @property
    def sources(self) -> list[str]:
        """What the energies are from."""
        return [row.source for row in self.energies]

    def sample_rows(self) -> list[dict[str, Cell]]:
        """Rows of the table of LDOS samples."""
        return list(sample_rows(self.name, self.energies[-1].energy_axis, self.samples))


def write_evaluated(
    path: Path,
    energies: Sequence[SnapshotEnergies],
    samples: Sequence[LdosSample],
    provenance: Mapping[str, Any],
    *,
    forces: SnapshotForces | None = None,
) -> None:
    """Write what was found for one snapshot.

    Parameters
    ----------
    path
        The file.
    energies
        From all sources.
    samples
        LDOS at a few points.
    provenance
        Of the job.
    forces
        Forces and stress; None if they are not known.
    """
    with_ldos = [row for row in energies if len(row.energy_axis)]
    write_document(
        path,
        {
            "snapshot": energies[0].snapshot,
            "atoms": energies[0].atoms,
            "temperature_kelvin": energies[0].temperature,
            "energies": {
                row.source: {f"{name}_ev": value for name, value in row.energies.items()}
                for row in energies
            },
            "energy_axis_ev": with_ldos[0].energy_axis.tolist(),
            "dos_per_ev": {row.source: row.dos.tolist() for row in with_ldos},
            "ldos_samples": {
                sample.point: {"index": sample.index, "ldos_per_ev_angstrom3": sample.ldos}
                for sample in samples
            },
            "forces": None if forces is None else forces.as_document(),
            "provenance": provenance,
        },
    )


def read_evaluated(path: Path) -> EvaluatedSnapshot:
    """Read what was found for one snapshot.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    EvaluatedSnapshot
        All digits as they were written.

    Raises
    ------
    DataError
        If the file is missing, damaged, or another document.
    """
    content = read_document(path, keys=(*_KEYS, "provenance"))
    axis, dos = np.array(content["energy_axis_ev"], dtype=np.float64), content["dos_per_ev"]
    # Documents of older versions have none.
    forces = content.get("forces")
    nothing = np.empty(0)
    try:
        return EvaluatedSnapshot(
            energies=[
                SnapshotEnergies(
                    snapshot=content["snapshot"],
                    source=source,
                    atoms=content["atoms"],
                    # JSON has no NaN: it was written as null.
                    energies={name: known(values[f"{name}_ev"]) for name in QUANTITIES},
                    energy_axis=axis if source in dos else nothing,
                    dos=np.array(dos.get(source, nothing), dtype=np.float64),
                    # Documents of older versions do not tell.
                    temperature=content.get("temperature_kelvin"),
                )
                for source, values in content["energies"].items()
            ],
            samples=[
                LdosSample(point, tuple(sample["index"]), sample["ldos_per_ev_angstrom3"])
                for point, sample in content["ldos_samples"].items()
            ],
            inputs=content["provenance"]["inputs"],
            forces=None if forces is None else SnapshotForces.from_document(forces),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            "the file is not what `evaluate_snapshot` writes",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            remedy="delete it and run the workflow again; it is remade",
        ) from error


def common_inputs(parts: Mapping[Path, EvaluatedSnapshot]) -> dict[str, str]:
    """Checksums of all files behind some snapshots.

    Parameters
    ----------
    parts
        Snapshots by the file that they were read from.

    Returns
    -------
    dict
        Checksum by the last two parts of the path.

    Raises
    ------
    DataError
        If two snapshots were evaluated with different networks or pseudopotentials.
    """
    found: dict[str, str] = {}
    sources = next(iter(parts.values())).sources
    for path, part in parts.items():
        changed = [n for n, value in part.inputs.items() if found.setdefault(n, value) != value]
        if changed or part.sources != sources:
            raise DataError(
                "the held-out snapshots were not all evaluated with the same files",
                where=str(path),
                expected=", ".join(sources),
                got=f"{', '.join(part.sources)}; other contents of {', '.join(changed) or 'none'}",
                remedy="delete results/evaluate and run the workflow again; it is remade",
            )
    return found
