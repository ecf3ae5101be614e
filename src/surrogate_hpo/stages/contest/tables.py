"""Rows and document of one contest."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from surrogate_hpo.contest.methods.interface import MethodResult, Trial
from surrogate_hpo.contest.parallel import batches
from surrogate_hpo.files.tables import Cell
from surrogate_hpo.networks.history import HistoryRow
from surrogate_hpo.stages.contest.final import FinalNetwork
from surrogate_hpo.stages.contest.objective import architecture_of, recipe_of
from surrogate_hpo.stages.contest.settings import ContestSettings

Row = dict[str, Cell]


def trial_rows(found: MethodResult, settings: ContestSettings) -> list[Row]:
    """One row per trial, in order, failed and pruned ones included.

    Parameters
    ----------
    found
        The search.
    settings
        Initialisations, and random trials of a TPE study.

    Returns
    -------
    list of dict
        Rows of `trials.csv`.
    """
    numbers = batches(found.method, found.trials, startup_trials=settings.startup_trials)
    total = itertools.accumulate(trial.evaluation.seconds for trial in found.trials)
    return [
        {
            "trial": trial.number,
            "kind": trial.kind,
            "state": trial.evaluation.state,
            "value": trial.evaluation.value,
            **_values(trial, settings),
            "fidelity": trial.fidelity,
            "trainings": trial.evaluation.trainings,
            "seconds": trial.evaluation.seconds,
            "cumulative_seconds": seconds,
            "batch": batch,
            "parallel_tasks": settings.initialisations if trial.kind == "training" else 1,
            **trial.hyperparameters,
            "reason": trial.evaluation.reason,
        }
        for trial, seconds, batch in zip(found.trials, total, numbers, strict=True)
    ]


def _values(trial: Trial, settings: ContestSettings) -> Row:
    """Values of the initialisations; scores have another number of them than trainings."""
    count = max(settings.initialisations, settings.score.initialisations)
    values = [*trial.evaluation.values, *[math.nan] * count][:count]
    return {f"value_{number}": value for number, value in enumerate(values)}


def history_rows(networks: Sequence[FinalNetwork]) -> list[Row]:
    """One row per initialisation and epoch of the final trainings."""

    def row(number: int, epoch: HistoryRow, used: bool) -> Row:
        return {"initialisation": number, **asdict(epoch), "used": used}

    return [
        row(number, epoch, epoch == network.used)
        for number, network in enumerate(networks)
        for epoch in network.history
    ]


def result_document(
    found: MethodResult, networks: Sequence[FinalNetwork], settings: ContestSettings
) -> dict[str, Any]:
    """What was found and what it cost.

    Parameters
    ----------
    found
        The search.
    networks
        The final trainings.
    settings
        Lengths of the trainings.

    Returns
    -------
    dict
        Content of `result.json` but for errors and provenance.
    """
    architecture = architecture_of(found.best)
    scaler = networks[0].model.surrogate.input_scaler
    outputs = len(networks[0].model.energy)
    states = [t.evaluation.state for t in found.trials]
    return {
        "method": found.method,
        "architecture": architecture.to_dict(),
        "architecture_label": architecture.label,
        "inputs": scaler.features,
        "outputs": outputs,
        "parameters": architecture.parameter_count(scaler.features, outputs),
        "hyperparameters": recipe_of(found.best),
        "reason": found.reason,
        "device": "gpu" if settings.use_gpu else "cpu",
        "search": {
            "trials": sum(trial.kind == "training" for trial in found.trials),
            "scores": sum(trial.kind == "score" for trial in found.trials),
            "trainings": found.trainings,
            "seconds": found.seconds,
            "failed": states.count("failed"),
            "pruned": states.count("pruned"),
            "epochs_per_training": settings.maximum_epochs,
        },
        "final": {
            "epochs": settings.final_epochs,
            "initialisations": len(networks),
            "seconds": [network.seconds for network in networks],
            "validation_loss": [network.validation_loss for network in networks],
        },
    }
