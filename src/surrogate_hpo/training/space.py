"""The space of the optimisation hyperparameters, as the settings of a search describe it."""

from surrogate_hpo.search.known_points import known_points
from surrogate_hpo.search.space import Choices, Interval, Value
from surrogate_hpo.stages.search.settings import SearchSettings
from surrogate_hpo.training.fitting import OUTPUT_SCALING_KEY, SCALING_KEY


def training_space(settings: SearchSettings) -> dict[str, Interval | Choices]:
    """Hyperparameters of a training with their ranges and options."""
    low, high = settings.learning_rate
    return {
        "learning_rate": Interval(low, high, logarithmic=True),
        "batch_size": Choices(tuple(settings.batch_size)),
        "schedule": Choices(tuple(settings.schedule)),
        "patience": Choices(tuple(settings.patience)),
        "plateau_factor": Choices(tuple(settings.plateau_factor)),
        "weight_decay": Choices(tuple(settings.weight_decay)),
        "dos_weight": Choices(tuple(settings.dos_weight)),
        "optimiser": Choices(tuple(settings.optimiser)),
        SCALING_KEY: Choices(tuple(settings.input_scaling)),
        OUTPUT_SCALING_KEY: Choices(tuple(settings.output_scaling)),
    }


def first_trials(settings: SearchSettings) -> list[dict[str, Value]]:
    """Points of this space that a search begins with: what was best for other materials."""
    return known_points(training_space(settings), min(settings.known_trials, settings.trials))
