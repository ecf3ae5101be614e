"""The control: what a linear potential makes of the same energies and forces, without any LDOS."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.accuracy import accuracy
from surrogate_hpo.potential.choice import choose_linear_snap
from surrogate_hpo.potential.features import AtomDescriptor, elements_of
from surrogate_hpo.potential.linear_snap import LinearSnap
from surrogate_hpo.predict.accuracies import Errors, classes_of, described, with_units
from surrogate_hpo.predict.energies import SnapshotEnergies, baseline_energies

logger = logging.getLogger(__name__)
FloatArray = NDArray[np.float64]
QUANTITY = "total_free_energy"
FORCES = "forces"
# Cutoffs in units of the radius of a sphere that holds one atom: in aluminium 4.0, 4.75, 5.5 Å.
RADII = (2.5, 3.0, 3.5)
TWOJMAX = (4, 6, 8)
# Forces of so many atoms say all that some dozens of coefficients can learn, in about a minute.
FORCE_ATOMS = 1024
_ERRORS = ("mae", "mean_error", "largest_error", "skill", "correlation")


@dataclass(frozen=True)
class Labelled:
    """A structure, its energies from DFT, and its forces in eV/Å, [N, 3], where DFT tells them."""

    atoms: Atoms
    energies: SnapshotEnergies
    forces: FloatArray | None = None


def control(training: Sequence[Labelled], held_out: Sequence[Labelled]) -> dict[str, Any]:
    """Fit a linear SNAP potential to the training snapshots and judge it on the held-out ones.

    It sees the total free energies, and the forces if those of all training snapshots are known:
    of small cells first, up to `FORCE_ATOMS` atoms. Cutoff radius, 2·J_max, penalty and the
    weight of the forces are those with the smallest leave-one-out error of the energies; no
    held-out snapshot takes part in the choice.

    Parameters
    ----------
    training
        Training snapshots.
    held_out
        Held-out snapshots.

    Returns
    -------
    dict
        `control`: what was fitted and its errors in meV/atom, for all held-out snapshots and
        per class; None if no potential can be fitted, and then `control_reason` says why.
        `control_energies_only`, where forces were fitted: the same without them.
    """
    fitted_to = [one for one in training if np.isfinite(one.energies.energies[QUANTITY])]
    of_training = [one.energies for one in training]
    forces = _forces(fitted_to)
    try:
        found = {"control": _judged(fitted_to, forces, held_out, of_training)}
        if forces is not None:
            found["control_energies_only"] = _judged(fitted_to, None, held_out, of_training)
    except DataError as error:
        logger.warning("no control: %s", error)
        return {"control": None, "control_reason": str(error).splitlines()[0]}
    return found


def _forces(training: Sequence[Labelled]) -> list[FloatArray] | None:
    """The forces to fit per snapshot, empty beyond `FORCE_ATOMS`; None if some are not known."""
    known = [one.forces for one in training if one.forces is not None]
    if len(known) < len(training) or not all(np.isfinite(forces).all() for forces in known):
        return None
    left, chosen = FORCE_ATOMS, [np.empty((0, 3)) for _ in known]
    for index in sorted(range(len(known)), key=lambda index: len(known[index])):
        if len(known[index]) <= left:
            chosen[index] = known[index]
            left -= len(known[index])
    return chosen if any(len(forces) for forces in chosen) else None


def _judged(
    training: Sequence[Labelled],
    forces: Sequence[FloatArray] | None,
    held_out: Sequence[Labelled],
    of_training: Sequence[SnapshotEnergies],
) -> Errors:
    """The potential that was fitted, in words and numbers, and its errors."""
    potential = _fitted(training, forces)
    predicted = [potential.energy(one.atoms) / len(one.atoms) for one in held_out]
    energies = [one.energies for one in held_out]
    return {
        "model": "linear SNAP",
        "fitted_to": [QUANTITY] if forces is None else [QUANTITY, FORCES],
        "training_snapshots": len(training),
        "force_components": sum(np.size(given) for given in forces or ()),
        "force_weight_angstrom_per_atom": potential.fit.force_weight,
        "cutoff_radius_angstrom": potential.descriptor.cutoff_radius,
        "twojmax": potential.descriptor.twojmax,
        "features": potential.descriptor.features,
        "penalty": potential.fit.penalty,
        "leave_one_out_rmse_mev_per_atom": 1000 * potential.fit.leave_one_out_rmse,
        **_errors(predicted, energies, of_training),
        "classes": _class_errors(predicted, energies, of_training),
    }


def _fitted(training: Sequence[Labelled], forces: Sequence[FloatArray] | None) -> LinearSnap:
    structures = [one.atoms for one in training]
    elements = elements_of(structures)
    # The edge of the mean volume of an atom, as the radius of a sphere.
    volumes = [atoms.get_volume() / len(atoms) for atoms in structures]
    radius = float(np.cbrt(3 * np.mean(volumes) / (4 * np.pi))) if volumes else 1.0
    descriptors = [
        AtomDescriptor(factor * radius, twojmax, elements)
        for factor in RADII
        for twojmax in TWOJMAX
    ]
    energies = [one.energies.energies[QUANTITY] for one in training]
    return choose_linear_snap(structures, energies, descriptors, forces)


def _errors(
    predicted: Sequence[float],
    reference: Sequence[SnapshotEnergies],
    training: Sequence[SnapshotEnergies],
) -> Errors:
    """Errors of the potential in meV/atom, in the words of those of the surrogate."""
    truth = [1000 * row.comparable(QUANTITY) for row in reference]
    baseline, _ = baseline_energies(reference, training)
    # There is no floor here: the energies are fitted themselves.
    found = accuracy(
        [1000 * value for value in predicted],
        truth,
        truth,
        [1000 * row.comparable(QUANTITY) for row in baseline],
        [row.kind for row in reference],
    )
    kept = {name: value for name, value in asdict(found).items() if name in _ERRORS}
    return with_units(kept, QUANTITY)


def _class_errors(
    predicted: Sequence[float],
    reference: Sequence[SnapshotEnergies],
    training: Sequence[SnapshotEnergies],
) -> list[Errors]:
    result = []
    for kind in classes_of(reference):
        members = [index for index, row in enumerate(reference) if row.kind == kind]
        rows = [reference[index] for index in members]
        found = _errors([predicted[index] for index in members], rows, training)
        result.append(described(kind, len(rows)) | found)
    return result
