"""Calibration of a surrogate's error bar on errors that are known."""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.networks.error_bar import ErrorBar, calibrated_error_bar
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.energies import TOTAL
from surrogate_hpo.predict.prediction import predict_structure

logger = logging.getLogger(__name__)


def calibrate(
    surrogate: Surrogate,
    trained: Sequence[TrainedModel],
    structures: Sequence[Path],
    dft: Sequence[Path],
    scratch: Path,
) -> ErrorBar | None:
    """Calibrate the error bar of a surrogate's free energies.

    Parameters
    ----------
    surrogate
        All but the bar.
    trained
        Its networks, with their errors of left-out training snapshots.
    structures
        Structures of the validation snapshots.
    dft
        Their DFT results.
    scratch
        Folder for their predicted LDOS, on disk for a while.

    Returns
    -------
    ErrorBar or None
        None, with a warning, if too few errors are known.
    """
    bar = calibrated_error_bar(_left_out(trained), _validation(surrogate, structures, dft, scratch))
    if bar is None:
        logger.warning(
            "predictions will have no error bar: neither errors of left-out training snapshots "
            "(train.readout) nor those of two validation snapshots are known"
        )
        return None
    logger.info(
        "error bar of the total free energy: %.2f times the spread of the networks and %.2f "
        "meV/atom, from %d left-out training snapshots and %d validation snapshots",
        bar.spread_factor,
        1000 * bar.constant,
        bar.left_out_snapshots,
        bar.validation_snapshots,
    )
    return bar


def _left_out(trained: Sequence[TrainedModel]) -> NDArray[np.float64]:
    """Errors, [network, snapshot], of the training snapshots that were left out of all fits."""
    known = [model.left_out for model in trained if model.left_out is not None]
    if len(known) < len(trained):
        return np.empty((len(trained), 0))
    return np.stack([-one.energies for one in known])


def _validation(
    surrogate: Surrogate, structures: Sequence[Path], dft: Sequence[Path], scratch: Path
) -> NDArray[np.float64]:
    """Errors, [network, snapshot], of the validation snapshots whose free energy is known."""
    errors = []
    scratch.mkdir(parents=True, exist_ok=True)
    for structure, path in zip(structures, dft, strict=True):
        truth = read_dft_result(path).total_free_energy
        if truth is None:
            continue
        atoms = read_structure(structure)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            found = predict_structure(surrogate, atoms, Conditions(), Path(folder))
        errors.append((np.array(found.energies[TOTAL]) - truth) / len(atoms))
    return np.stack(errors, axis=1) if errors else np.empty((len(surrogate.models), 0))
