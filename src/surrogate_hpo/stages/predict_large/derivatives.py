"""Forces and stress of a large cell from what other jobs have carried back through its slabs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from surrogate_hpo.data.predicted_gradients import StoredGradient, read_pulled
from surrogate_hpo.errors import DataError
from surrogate_hpo.predict.contents import Derivatives
from surrogate_hpo.predict.descriptor_chain import together
from surrogate_hpo.predict.prediction_forces import of_each
from surrogate_hpo.stages.predict_large.contents import REMADE, Task, check_origin, planes_of


def derivatives_from(
    task: Task, gradient: Path, pulled: Sequence[Path], record: Mapping[str, Any]
) -> Derivatives:
    """Forces and stress: the sum over the slabs, and what does not go through the LDOS.

    One slab at a time is held.

    Parameters
    ----------
    task
        What is predicted.
    gradient
        File of the derivatives of the free energy.
    pulled
        Files of the forces through the slabs, in their order.
    record
        Provenance of what is made of them.

    Returns
    -------
    Derivatives
        Of the mean over the networks, and of each.

    Raises
    ------
    DataError
        If a file is damaged, or not one of this cell.
    """
    stored = StoredGradient(gradient)
    check_origin(gradient, stored.provenance, record)
    positions, strain = (np.zeros_like(part) for part in stored.direct)
    for number, path in enumerate(pulled):
        slab = read_pulled(path)
        check_origin(path, slab.provenance, record)
        planes = planes_of(task.grid, len(pulled), number)
        unknown = slab.atoms.max() >= len(task.atoms)
        if slab.planes != planes or len(slab.positions) != len(positions) or unknown:
            raise DataError(
                "the forces through a slab are not of this large cell",
                where=str(path),
                expected=f"planes {planes}, {len(positions)} networks, {len(task.atoms)} atoms",
                got=f"planes {slab.planes}, {len(slab.positions)} networks, atoms up to number "
                f"{slab.atoms.max()}",
                remedy=REMADE,
            )
        positions[:, slab.atoms] += slab.positions
        strain += slab.strain
    forces, stress = together((positions, strain), stored.direct, task.atoms.get_volume())
    return of_each(task.surrogate, forces, stress)
