"""The noise of the labels beside the errors: how far each size of cell is converged in k points."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from surrogate_hpo.predict.accuracies import Errors
from surrogate_hpo.stages.knoise.records import read_noise_summary

logger = logging.getLogger(__name__)


def with_kpoint_noise(classes: Sequence[Errors], summaries: Sequence[Path]) -> list[Errors]:
    """Put the k noise of its number of atoms into each class.

    Parameters
    ----------
    classes
        As `class_accuracies` gives them.
    summaries
        JSON of the knoise stage; none where nobody has asked for it.

    Returns
    -------
    list of dict
        The classes with `kpoint_noise`: the numbers of one snapshot of this size, None if there
        are none.
    """
    noise = {entry.atoms: entry for path in summaries for entry in read_noise_summary(path)}
    if missing := sorted({entry["atoms"] for entry in classes} - noise.keys()):
        logger.warning(
            "k noise not known for cells of %s atoms: an error against DFT may be smaller than "
            "that of the labels",
            ", ".join(map(str, missing)),
        )
    return [
        entry | {"kpoint_noise": asdict(noise[entry["atoms"]]) if entry["atoms"] in noise else None}
        for entry in classes
    ]
