"""Bytes and CPU or GPU seconds of trainings by the short recipe of the audits."""

from statistics import fmean

from surrogate_hpo.config.short_recipe import BriefTrainingSettings
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import (
    Need,
)
from surrogate_hpo.run.needs.networks import epoch_operations, fit


def brief_points(recipe: BriefTrainingSettings) -> int:
    """Points that such a training sees, those it is judged by included."""
    return recipe.points + recipe.validation_points


def brief(
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
