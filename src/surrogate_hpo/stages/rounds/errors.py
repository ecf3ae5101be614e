"""The errors that a round is judged by: of its potential, where it relaxed to, of networks."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.stages.rounds.model import RELAXED, SURROGATE, RoundModel, relaxed_force
from surrogate_hpo.stages.rounds.networks import LdosFiles, surrogate_error
from surrogate_hpo.stages.rounds.settings import RoundsSettings

logger = logging.getLogger(__name__)


def round_errors(
    settings: RoundsSettings,
    model: RoundModel,
    before: Mapping[str, Any],
    data: Sequence[Labelled],
    validation: tuple[Sequence[Path], Sequence[Path]],
    stores: LdosFiles,
    seed: int,
) -> dict[str, float]:
    """Collect the errors that the settings ask for.

    Parameters
    ----------
    settings
        The section.
    model
        The potential that is fitted to all that is computed.
    before
        What the last round has written; empty if there was none.
    data
        What is computed by now.
    validation
        Structures of the validation snapshots, and their DFT runs.
    stores
        What networks learn from.
    seed
        Of the networks.

    Returns
    -------
    dict
        By name, in the unit that the name ends with; NaN where it is not known.

    Raises
    ------
    DataError
        If stores do not fit together, or a DFT run does not tell the energy.
    """
    errors = dict(model.errors)
    if settings.relaxation is not None:
        errors[RELAXED] = relaxed_force(before, data)
    if settings.needs_ldos:
        errors[SURROGATE] = surrogate_error(settings.network, stores, *validation, seed)
    told = ", ".join(f"{name} {value:.3g}" for name, value in errors.items())
    logger.info("errors by now: %s", told)
    return errors
