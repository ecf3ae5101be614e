"""Bytes and CPU or GPU seconds of one search method."""

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import (
    TORCH_BASE,
    Need,
)
from surrogate_hpo.run.needs.networks import (
    epoch_operations,
    fit,
    points_in_memory,
)
from surrogate_hpo.stages.evaluate.needs import held_out_energies
from surrogate_hpo.stages.search.settings import SearchSettings


def trial_points(case: Case, settings: SearchSettings) -> tuple[int, int]:
    """Training and validation points of a trial."""
    everything = case.points("training")
    return min(settings.points or everything, everything), case.points("validation")


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
    held = points_in_memory(case, everything, case.points("validation")) + case.point_bytes * (
        pairs * (training + validation)
    )
    operations = trials * epoch_operations(layers, training, batch) + finals * epoch_operations(
        layers, everything, batch
    )
    steps = (trials * training + finals * everything) // batch
    after = held_out_energies(case, snapshots=case.snapshots("test"))
    return fit(
        case,
        held + after.memory_bytes - TORCH_BASE,
        operations,
        steps,
        settings.use_gpu,
        host_seconds=after.cpu_seconds,
    )
