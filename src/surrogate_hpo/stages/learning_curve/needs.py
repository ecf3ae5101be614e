"""Bytes and CPU or GPU seconds of the learning curve."""

import math
from dataclasses import replace

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import (
    Need,
)
from surrogate_hpo.stages.evaluate.needs import held_out_energies
from surrogate_hpo.stages.train.needs import train


def learning_curve(case: Case) -> Need:
    """Predictions of all held-out snapshots by networks of all numbers of training snapshots."""
    settings = case.config.learning_curve
    networks = len(settings.counts(case.snapshots("training"))) * settings.seeds
    one = held_out_energies(case, snapshots=case.snapshots("test"))
    times = math.ceil(networks / case.config.train.seeds)
    return replace(one, cpu_seconds=times * one.cpu_seconds, gpu_seconds=times * one.gpu_seconds)


def learning_curve_network(case: Case) -> Need:
    """A final training, of all snapshots at most."""
    return train(case)
