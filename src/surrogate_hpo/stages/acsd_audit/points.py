"""Training and validation points of all snapshots, and every candidate's descriptors there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.datasets import PointData, check_same_cell, flat
from surrogate_hpo.data.ldos_store import LdosData, read_ldos
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.descriptors.triples import nested_columns
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.networks.options import InputScaling
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.acsd_audit.candidates import candidate_name
from surrogate_hpo.training.fitting import ScaledData, scale

Candidate = tuple[float, int]


@dataclass(frozen=True)
class SnapshotPoints:
    """Some grid points of one snapshot.

    Attributes
    ----------
    atoms
        The structure, Å.
    points
        Cartesian coordinates, Å, [P, 3].
    values
        LDOS there, 1/(eV Å³), [P, energies].
    ldos
        Energy axis and kernel.
    """

    atoms: Atoms
    points: NDArray[np.float64]
    values: NDArray[np.float32]
    ldos: LdosData

    def descriptors(self, definition: DescriptorDefinition) -> NDArray[np.float32]:
        """SNAP at the points, [P, components]."""
        keywords = definition.keywords(self.atoms.get_chemical_symbols())
        found: NDArray[np.float32] = bispectrum(
            self.points, self.atoms.positions, self.atoms.cell[:], **keywords
        ).astype(np.float32)
        return found


def sample_points(
    structures: Sequence[Path], ldos: Sequence[Path], count: int, *, seed: int
) -> list[SnapshotPoints]:
    """Draw about so many grid points, equally many from every snapshot.

    Parameters
    ----------
    structures
        Files of the snapshots.
    ldos
        LDOS stores of the same snapshots, in the same order.
    count
        Points in all, rounded up to the same number per snapshot; all points if there are fewer.
    seed
        Root seed.

    Returns
    -------
    list of SnapshotPoints
        One per snapshot.

    Raises
    ------
    DataError
        If structures and LDOS do not pair up, or belong to different cells.
    """
    if len(structures) != len(ldos) or not ldos:
        raise DataError(
            "Structures and LDOS stores do not pair up.",
            expected=f"{len(structures)} LDOS stores, one per structure",
            got=str(len(ldos)),
        )
    each, found = -(-count // len(ldos)), []
    for structure, store in zip(structures, ldos, strict=True):
        atoms, data = read_structure(structure), read_ldos(store)
        check_same_cell(atoms.cell[:], data.cell, where=f"{structure} and {store}")
        values = flat(data.values)
        generator = np.random.default_rng(derive_seed(seed, "acsd_audit", structure.stem))
        rows = np.sort(generator.permutation(len(values))[:each])
        points = grid_points(data.values.shape[:3], data.cell, indices=rows)
        found.append(SnapshotPoints(atoms, points, values[rows], data))
    return found


def candidate_data(
    training: Sequence[SnapshotPoints],
    validation: Sequence[SnapshotPoints],
    candidates: Sequence[Candidate],
    elements: Mapping[str, Any],
    input_scaling: InputScaling,
    *,
    highest: int,
) -> dict[str, ScaledData]:
    """Compute the descriptors of every candidate, once per cutoff radius, and scale them.

    Parameters
    ----------
    training
        Points to train on.
    validation
        Points to measure the error on.
    candidates
        Cutoff radius (Å) and 2·J_max.
    elements
        With `element_weights` and `element_radii` of the acsd stage's choice.
    input_scaling
        Of the descriptors.
    highest
        2·J_max of the calculation, of which each candidate takes some components.

    Returns
    -------
    dict
        Scaled data by name, in the order of the candidates.
    """
    known = elements["element_weights"], elements["element_radii"]
    by_radius = {
        radius: [
            np.concatenate(
                [s.descriptors(DescriptorDefinition(radius, highest, *known)) for s in snapshots]
            )
            for snapshots in (training, validation)
        ]
        for radius in dict.fromkeys(radius for radius, _ in candidates)
    }
    found = {}
    for radius, twojmax in candidates:
        columns = nested_columns(highest, twojmax)
        definition = DescriptorDefinition(radius, twojmax, *known)
        train, judge = (
            _points(vectors[:, columns], snapshots, definition)
            for vectors, snapshots in zip(by_radius[radius], (training, validation), strict=True)
        )
        found[candidate_name(radius, twojmax)] = scale(train, judge, input_scaling)
    return found


def _points(
    vectors: NDArray[np.float32],
    snapshots: Sequence[SnapshotPoints],
    definition: DescriptorDefinition,
) -> PointData:
    ldos = snapshots[0].ldos
    return PointData(
        descriptors=np.ascontiguousarray(vectors),
        ldos=np.concatenate([snapshot.values for snapshot in snapshots]),
        axis=ldos.axis,
        definition=definition,
    )
