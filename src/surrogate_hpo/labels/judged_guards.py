"""What errors are judged on: structures that nothing was learnt from, in eV, each once."""

import math
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.dft.likeness import SAME_TO, equal_pairs
from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.energy_unit import ENERGY_UNITS, FORCE_UNITS

Named = tuple[str, Atoms]
_MOST_NAMED = 3
# eV/atom. A prediction that means anything is nearer to the energy than this.
_FAR_OFF = 1.0
# Of the factor of a unit; a prediction that is far off by itself misses energies by less.
_NEAR_ENERGY, _NEAR_FORCE = 1.02, 1.25
# Of forces: a smaller correlation with the prediction tells nothing, a factor nearer to 1 is none.
_LEAST_CORRELATION, _TRUSTED = 0.9, 1.6


def refuse_known(
    learnt: Sequence[Named],
    judged: Sequence[Named],
    where: str,
    *,
    held_out: Sequence[Named] = (),
) -> None:
    """Refuse structures that are judged although they are learnt from, or judged already.

    Parameters
    ----------
    learnt
        Names and structures that something is learnt from, Å.
    judged
        The same of what errors are computed on.
    where
        Part of the config, or stage, for the message.
    held_out
        The same of what errors are computed on as well, and was looked at before.

    Raises
    ------
    DataError
        Naming the first of them, whatever their files, order of atoms or images are.
    """
    everything = [*learnt, *held_out, *judged]
    names = [name for name, _ in everything]
    first = len(learnt) + len(held_out)
    found = equal_pairs([atoms for _, atoms in everything])
    pairs = [(late, early) for late, early in found if late >= first]
    if not pairs:
        return
    told = [
        f"{names[late]}, already {'learnt from' if early < len(learnt) else 'held out'} as "
        f"{names[early]}"
        for late, early in pairs[:_MOST_NAMED]
    ]
    if len(pairs) > _MOST_NAMED:
        told.append(f"and {len(pairs) - _MOST_NAMED} more")
    both = any(early < len(learnt) for _, early in pairs)
    raise DataError(
        "a structure is both learnt from and held out: errors on it would be too small"
        if both
        else "a structure is held out twice: it would count twice in the errors",
        where=where,
        expected=f"cells, elements or positions that differ by more than {SAME_TO:g} Å",
        got="; ".join(told),
        remedy="leave it out of one of the two",
    )


def check_energy(energy: float, predicted: float, atoms: int, where: str) -> str | None:
    """Compare a given total free energy with a prediction, to find other units.

    Parameters
    ----------
    energy
        As it is given.
    predicted
        Mean over the networks, eV per cell.
    atoms
        Number of atoms.
    where
        File and frame, for messages.

    Returns
    -------
    str or None
        What to warn of: a difference that neither a unit nor an error of the networks explains.

    Raises
    ------
    DataError
        Energies look to be in another unit, or per atom.
    """
    off = (predicted - energy) / atoms
    if abs(off) < _FAR_OFF:
        return None
    units = ENERGY_UNITS | ({"energies in eV per atom": 1 / atoms} if atoms > 1 else {})
    unit = _nearest(units, energy / predicted, _NEAR_ENERGY)
    if unit is None:
        return (
            f"the energy of {where} is {energy / atoms:.3f} eV/atom, predicted are "
            f"{predicted / atoms:.3f}: other pseudopotentials or another functional, energies from "
            "which those of the atoms are subtracted, or a structure of which the networks know "
            "nothing"
        )
    raise DataError(
        "the total free energy of a structure is not in eV per cell",
        where=where,
        expected=f"about {predicted:.3f} eV, as predicted, for all {atoms} atoms",
        got=f"{energy:.6g}, which looks like {unit}",
        remedy="convert it where the file is written",
    )


def check_forces(forces: NDArray[np.float64], predicted: NDArray[np.float64], where: str) -> None:
    """Compare given forces with predicted ones, to find other units.

    Parameters
    ----------
    forces
        As they are given, [atom, 3].
    predicted
        Mean over the networks, eV/Å, [atom, 3].
    where
        File and frame, for messages.

    Raises
    ------
    DataError
        They look to be in another unit, or to be gradients.
    """
    together = float(np.vdot(forces, predicted))
    given, said = float(np.vdot(forces, forces)), float(np.vdot(predicted, predicted))
    if not (
        given > 0 and said > 0 and abs(together) > _LEAST_CORRELATION * math.sqrt(given * said)
    ):
        return
    factor = math.copysign(math.sqrt(given / said), together)
    if 1 / _TRUSTED < factor < _TRUSTED:
        return
    if (unit := _nearest(FORCE_UNITS, factor, _NEAR_FORCE)) is not None:
        raise DataError(
            "the forces of a structure are not in eV/Å",
            where=where,
            expected="forces about as large as the predicted ones, which they follow",
            got=f"{factor:.4g} times those, which looks like {unit}",
            remedy="convert them where the file is written, or transfer.forces: false",
        )


def _nearest(units: dict[str, float], factor: float, near: float) -> str | None:
    """Name of the unit with this factor; None if there is none."""
    alike = {name: abs(math.log(f / factor)) for name, f in units.items() if f * factor > 0}
    name = min(alike, key=lambda name: alike[name], default=None)
    return name if name is not None and alike[name] < math.log(near) else None
