"""Rows of the table of trained networks."""

import math
from collections.abc import Mapping
from typing import Any

from surrogate_hpo.data.trained_tables import (
    energy_column,
    loss_column,
    score_columns,
    seconds_column,
)
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.files.tables import Cell
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.stages.table.evaluations import table_score_key
from surrogate_hpo.stages.table.settings import TableSettings
from surrogate_hpo.stages.table.space import architecture_of, configurations
from surrogate_hpo.stages.table.trainings import ENERGIES, Trained
from surrogate_hpo.training.trained_error import training_key

Row = dict[str, Cell]


def table_rows(
    results: dict[str, dict[str, Any]],
    network: Mapping[str, int],
    settings: TableSettings,
    seed: int,
) -> list[Row]:
    """One row per configuration and seed, those of diverged trainings included.

    Parameters
    ----------
    results
        What the chunks have found, by key.
    network
        Numbers of `inputs` and `outputs`.
    settings
        The section of the config.
    seed
        Root seed of the config.

    Returns
    -------
    list of dict
        Rows of `table.csv`.
    """
    trained, scores = Memo(Trained, results), Memo(ArchitectureScore, results)
    rows: list[Row] = []
    for number, hyperparameters in configurations(settings, seed):
        architecture = architecture_of(hyperparameters)
        found = [scores.recall(table_score_key(name, number)) for name in settings.score.names]
        for own in range(settings.seeds):
            one = trained.recall(training_key(str(number), own))
            rows.append(
                {
                    "configuration": number,
                    "seed": own,
                    **hyperparameters,
                    "hidden_widths": "x".join(map(str, architecture.hidden_widths)),
                    "parameters": architecture.parameter_count(**network),
                    "status": one.status,
                    **_reached(one, settings),
                    **{key: value for score in found for key, value in _score(score).items()},
                }
            )
    return rows


def _reached(one: Trained, settings: TableSettings) -> Row:
    energies = {
        energy_column(name, epochs): value
        for epochs, errors in zip(settings.epochs, one.energies, strict=True)
        for name, value in zip(ENERGIES, errors, strict=True)
    }
    return {
        **dict(zip(map(loss_column, settings.epochs), one.losses, strict=True)),
        **dict(zip(map(seconds_column, settings.epochs), one.seconds, strict=True)),
        **energies,
        "energy_status": one.energy_status,
        "inference_microseconds_per_point": one.inference_microseconds,
    }


def _score(one: ArchitectureScore) -> Row:
    """Value and cost; a score that was rejected has no value."""
    value, seconds = score_columns(one.proxy)
    return {value: one.score if one.accepted else math.nan, seconds: one.seconds}
