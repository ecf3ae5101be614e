"""Calibration of a surrogate's error bars on errors that are known."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.networks.error_bar import calibrated_error_bar, calibrated_force_error_bar
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.energies import TOTAL
from surrogate_hpo.predict.error_bars import ErrorBars
from surrogate_hpo.predict.prediction import predict_structure

logger = logging.getLogger(__name__)
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class KnownErrors:
    """Errors of the networks on validation snapshots, where DFT tells the truth.

    Attributes
    ----------
    energies
        Of each snapshot, [network], eV/atom.
    forces
        Of each snapshot, [network, atom, 3], eV/Å.
    """

    energies: list[FloatArray] = field(default_factory=list)
    forces: list[FloatArray] = field(default_factory=list)


def judge(
    surrogate: Surrogate,
    structures: Sequence[Path],
    dft: Sequence[Path],
    scratch: Path,
    *,
    with_forces: bool,
) -> KnownErrors:
    """Predict the validation snapshots and compare with DFT.

    Parameters
    ----------
    surrogate
        All but the bars.
    structures
        Structures of the validation snapshots.
    dft
        Their DFT results.
    scratch
        Folder for their descriptors, on disk for a while where forces are judged.
    with_forces
        Whether forces are judged, too, where DFT has them.

    Returns
    -------
    KnownErrors
        As far as DFT tells.
    """
    known = KnownErrors()
    scratch.mkdir(parents=True, exist_ok=True)
    for structure, path in zip(structures, dft, strict=True):
        result = read_dft_result(path)
        forces = result.forces if with_forces else None
        if result.total_free_energy is None and forces is None:
            continue
        atoms = read_structure(structure)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            found = predict_structure(
                surrogate,
                atoms,
                Conditions(),
                Path(folder),
                forces=None if forces is None else "each",
            )
        if result.total_free_energy is not None:
            error = np.array(found.energies[TOTAL]) - result.total_free_energy
            known.energies.append(error / len(atoms))
        if forces is not None and found.derivatives is not None:
            each = found.derivatives.forces_per_network
            assert each is not None  # noqa: S101 - asked for
            known.forces.append(each - forces)
    return known


def calibrate(trained: Sequence[TrainedModel], known: KnownErrors) -> ErrorBars:
    """Calibrate the error bars of a surrogate's free energies and forces.

    Parameters
    ----------
    trained
        Its networks, with their errors of left-out training snapshots.
    known
        Their errors on validation snapshots.

    Returns
    -------
    ErrorBars
        None, with a warning, where too few errors are known.
    """
    nothing = np.empty((len(trained), 0))
    validation = np.stack(known.energies, axis=1) if known.energies else nothing
    bars = ErrorBars(
        calibrated_error_bar(_left_out(trained), validation),
        calibrated_force_error_bar(known.forces),
    )
    _tell(bars)
    return bars


def _tell(bars: ErrorBars) -> None:
    if (energy := bars.energy) is None:
        logger.warning(
            "predictions will have no error bar: neither errors of left-out training snapshots "
            "(train.readout) nor those of two validation snapshots are known"
        )
    else:
        logger.info(
            "error bar of the total free energy: %.2f times the spread of the networks and %.2f "
            "meV/atom, from %d left-out training snapshots and %d validation snapshots",
            energy.spread_factor,
            1000 * energy.constant,
            energy.left_out_snapshots,
            energy.validation_snapshots,
        )
    if (forces := bars.forces) is None:
        logger.warning(
            "predicted forces will have no error bar, only the spread of the networks: forces of "
            "fewer than two validation snapshots are known (dft.forces_and_stress, "
            "surrogate.forces)"
        )
    else:
        logger.info(
            "error bar of a component of the forces: %.2f times the spread of the networks and "
            "%.1f meV/Å, from %d validation snapshots",
            forces.spread_factor,
            1000 * forces.constant,
            forces.validation_snapshots,
        )


def _left_out(trained: Sequence[TrainedModel]) -> FloatArray:
    """Errors, [network, snapshot], of the training snapshots that were left out of all fits."""
    known = [model.left_out for model in trained if model.left_out is not None]
    if len(known) < len(trained):
        return np.empty((len(trained), 0))
    return np.stack([-one.energies for one in known])
