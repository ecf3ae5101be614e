"""What the networks of a surrogate say of structures, and how far they are apart in it."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.interruption import stop_if_asked
from surrogate_hpo.predict.contents import Conditions, Prediction
from surrogate_hpo.predict.energies import TOTAL
from surrogate_hpo.predict.prediction import check_elements, predict_structure
from surrogate_hpo.selection.options import AnyRule

logger = logging.getLogger(__name__)
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """What the networks say of one structure, all of one prediction.

    Attributes
    ----------
    energies
        Total free energy by each network, eV/atom.
    dos
        Density of states by each network, 1/(eV atom).
    density_spread
        Root mean square over the grid of the density's standard deviation over the networks, in
        units of the mean density.
    error_bar
        Expected error of the mean free energy from the calibrated spread, eV/atom; NaN if the
        surrogate has no calibration.
    refused
        Why the predictions make no sense; empty if they do.
    """

    energies: tuple[float, ...]
    dos: tuple[tuple[float, ...], ...]
    density_spread: float
    error_bar: float
    refused: str = ""

    @classmethod
    def of(cls, prediction: Prediction, atoms: int) -> "Said":
        """Take from a prediction what a selection needs."""
        deviation = prediction.density_deviation
        mean = float(prediction.density.mean())
        spread = math.nan if deviation is None else float(np.sqrt((deviation**2).mean())) / mean
        return cls(
            tuple(energy / atoms for energy in prediction.energies[TOTAL]),
            tuple(tuple(row) for row in (prediction.dos / atoms).tolist()),
            spread,
            math.nan if prediction.error_bar is None else prediction.error_bar / atoms,
        )


def ask_networks(
    surrogate: Surrogate, structures: Mapping[str, Atoms], memory: Memo[Said], scratch: Path
) -> dict[str, Said]:
    """Predict structures one after the other.

    Parameters
    ----------
    surrogate
        Two networks or more.
    structures
        By a name that tells them apart, Å.
    memory
        What was said before under these names.
    scratch
        Folder for temporary files.

    Returns
    -------
    dict
        By the same names.

    Raises
    ------
    DataError
        If there are too few networks, or an element that they do not know.
    """
    if len(surrogate.models) < 2:
        raise DataError(
            "the spread over the networks of a surrogate cannot be asked",
            where="select.rule",
            expected="two networks or more",
            got=str(len(surrogate.models)),
            remedy="train more (train.seeds: 4), or choose another rule",
        )
    for atoms in structures.values():  # all of them, before the first is predicted
        check_elements(surrogate, atoms)
    found = {}
    for number, (name, atoms) in enumerate(structures.items()):
        stop_if_asked(f"{number} of {len(structures)} structures predicted")
        found[name] = memory.remember(name, partial(_said, surrogate, atoms, scratch))
    logger.info("%d structures predicted", len(found))
    return found


def _said(surrogate: Surrogate, atoms: Atoms, scratch: Path) -> Said:
    try:
        found = predict_structure(surrogate, atoms, Conditions(), scratch)
    except PhysicsError as error:
        # Far outside of the training networks say anything; that is a reason to leave it out.
        return Said((), (), math.nan, math.nan, str(error).splitlines()[0])
    return Said.of(found, len(atoms))


def members_of_networks(
    said: Sequence[Said], places: Sequence[int], structures: int
) -> dict[AnyRule, FloatArray]:
    """What networks say, in the form that rules compare members in.

    Grids of two structures have no points in common: for a batch that is diverse in itself, what
    two candidates' densities have in common is taken for that of their densities of states.

    Parameters
    ----------
    said
        Of some structures, none of them refused.
    places
        Which structures these are.
    structures
        How many there are.

    Returns
    -------
    dict
        eV/atom, [networks, structures]; 1/(eV atom), [networks, structures, energies], divided by
        the square root of the number of energies, so that the sum of squares is a mean; and of the
        mean density, in the same form. NaN for structures that were not asked.
    """
    energies = np.array([one.energies for one in said])
    dos = np.array([one.dos for one in said])
    dos /= np.sqrt(dos.shape[2])
    apart = dos - dos.mean(axis=1, keepdims=True)
    spreads = np.sqrt((apart**2).sum(axis=(1, 2)) / (dos.shape[1] - 1))
    own = np.array([one.density_spread for one in said])
    scale = np.divide(own, spreads, out=np.zeros_like(own), where=spreads > 0)
    values: dict[AnyRule, FloatArray] = {
        "energy_spread": energies,
        "dos_spread": dos,
        "density_spread": apart * scale[:, None, None],
    }
    found: dict[AnyRule, FloatArray] = {}
    for rule, one in values.items():
        full = np.full((one.shape[1], structures, *one.shape[2:]), np.nan)
        full[:, places] = np.moveaxis(one, 0, 1)
        found[rule] = full
    return found
