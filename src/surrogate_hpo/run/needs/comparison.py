"""Bytes and CPU or GPU seconds of the jobs that compare: audits, contests; and of the archive.

Made of the needs of trainings, see `surrogate_hpo.run.needs.training`.
"""

import math
from dataclasses import replace
from statistics import fmean

from surrogate_hpo.config.short_recipe import BriefTrainingSettings
from surrogate_hpo.config.splits import SPLITS
from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    MEBIBYTE,
    NUMBA_BASE,
    NUMPY_BASE,
    STARTUP_SECONDS,
    TORCH_BASE,
    Need,
    snap_seconds,
)
from surrogate_hpo.run.needs.evaluation import REPORT_SECONDS, evaluate_snapshot
from surrogate_hpo.run.needs.training import (
    READING_RATE,
    epoch_operations,
    fit,
    held_points,
    jacobians,
    moments_seconds,
    score_seconds,
    trial_points,
)
from surrogate_hpo.scores.architectures.options import LEARNING_SCORES

# Bytes per second, for checksums and compression.
_PACKING_RATE = 5e7


def audit(case: Case, *, parts: int = 1) -> Need:
    """Scores and brief trainings of the drawn architectures.

    Parameters
    ----------
    case
        The case.
    parts
        Jobs that share the work; each reads all data.

    Returns
    -------
    Need
        Of one of them.
    """
    settings = case.config.audit
    recipe = settings.training
    training, validation = case.points("training"), case.points("validation")
    # Read; then, for the scores, the descriptors scaled; the trainings see a few points only.
    reading = case.point_bytes * (training + max(training, validation))
    scoring = case.point_bytes * (training + validation) + FLOAT32 * training * case.components
    space = [case.layers(n, width) for n in settings.layers for width in settings.widths]
    held = max(reading, scoring) + 2 * case.point_bytes * _brief_points(recipe)
    drawn = math.ceil(settings.architectures / parts)
    networks = drawn * settings.initialisations
    scores = [settings.points if name in LEARNING_SCORES else 0 for name in settings.scores]
    return _brief(
        case,
        recipe,
        space,
        trainings=drawn * recipe.seeds,
        held=held + jacobians(case, settings.batch_size),
        host_seconds=held / READING_RATE
        + moments_seconds(case, training)
        + networks * sum(score_seconds(space[-1], points) for points in scores),
    )


def acsd_audit(case: Case, *, parts: int = 1) -> Need:
    """Brief trainings of one network on every candidate's descriptors at some points.

    Parameters
    ----------
    case
        The case.
    parts
        Jobs that share the candidates; each may compute SNAP for all cutoff radii.

    Returns
    -------
    Need
        Of one of them.
    """
    settings, scored = case.config.acsd_audit, case.config.acsd
    recipe = settings.training
    radii = settings.cutoff_radii_angstrom or scored.cutoff_radii_angstrom
    candidates = math.ceil(len(radii) * len(settings.twojmax or scored.twojmax) / parts)
    points = _brief_points(recipe)
    held = 2 * FLOAT32 * case.grid_points * case.energies
    held += 3 * candidates * case.point_bytes * points
    return _brief(
        case,
        recipe,
        [case.layers(settings.layers, settings.width)],
        trainings=candidates * recipe.seeds,
        held=held,
        host_seconds=len(radii) * points * snap_seconds(case, "native")
        + case.points("training", "validation") * FLOAT32 * case.energies / READING_RATE,
    )


def contest(case: Case) -> Need:
    """One search method: its trials, the final trainings on all points, held-out energies."""
    settings = case.config.contest
    training, validation = trial_points(case, settings)
    layers = case.layers(max(settings.layers), max(settings.widths))
    batch = min(settings.batch_size)
    pairs = len(settings.input_scaling) * len(settings.output_scaling)
    trials = settings.trials * settings.initialisations * settings.maximum_epochs
    finals = settings.final_initialisations * settings.final_epochs
    everything = case.points("training")
    held = held_points(case, everything, case.points("validation")) + case.point_bytes * (
        pairs * (training + validation)
    )
    operations = trials * epoch_operations(layers, training, batch) + finals * epoch_operations(
        layers, everything, batch
    )
    steps = (trials * training + finals * everything) // batch
    after = evaluate_snapshot(case, snapshots=case.snapshots("test"))
    return fit(
        case,
        held + after.memory_bytes - TORCH_BASE,
        operations,
        steps,
        settings.use_gpu,
        host_seconds=after.cpu_seconds,
    )


def learning_curve(case: Case) -> Need:
    """Predictions of all held-out snapshots by networks of all numbers of training snapshots."""
    settings = case.config.learning_curve
    networks = len(settings.counts(case.snapshots("training"))) * settings.seeds
    one = evaluate_snapshot(case, snapshots=case.snapshots("test"))
    times = math.ceil(networks / case.config.train.seeds)
    return replace(one, cpu_seconds=times * one.cpu_seconds, gpu_seconds=times * one.gpu_seconds)


def gathering(_: Case) -> Need:
    """Tables from what other jobs have found; the libraries behind them are imported."""
    return Need(TORCH_BASE, STARTUP_SECONDS)


def compare(_: Case) -> Need:
    """Tables and figures of the contests."""
    return Need(NUMPY_BASE + NUMBA_BASE, REPORT_SECONDS)


def figure(_: Case) -> Need:
    """The one figure of a stage."""
    return Need(NUMPY_BASE, REPORT_SECONDS)


def archive(case: Case) -> Need:
    """The stores are read twice and packed; tables of all files are held."""
    stored = case.points(*SPLITS) * case.point_bytes
    return Need(NUMPY_BASE + 150 * MEBIBYTE, STARTUP_SECONDS + stored / _PACKING_RATE)


def _brief_points(recipe: BriefTrainingSettings) -> int:
    return recipe.points + recipe.validation_points


def _brief(
    case: Case,
    recipe: BriefTrainingSettings,
    space: list[list[int]],
    *,
    trainings: int,
    held: float,
    host_seconds: float,
) -> Need:
    """Trainings of networks that are drawn from a space, each as often as any other."""
    epochs = trainings * recipe.epochs
    each = fmean(epoch_operations(n, recipe.points, recipe.batch_size) for n in space)
    operations = epochs * each
    steps = epochs * recipe.points // recipe.batch_size
    return fit(case, held, operations, steps, recipe.use_gpu, host_seconds=host_seconds)
