"""What a search method may vary and spend in a contest, and the method as configured."""

import dataclasses

from surrogate_hpo.contest.methods.base import SearchMethod
from surrogate_hpo.contest.methods.interface import Budget
from surrogate_hpo.contest.methods.registry import METHODS
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.search.options import ARCHITECTURE_KEYS
from surrogate_hpo.search.space import Choices, Interval
from surrogate_hpo.stages.contest.settings import ContestSettings
from surrogate_hpo.training.space import training_space


def contest_space(settings: ContestSettings) -> dict[str, Interval | Choices]:
    """Hyperparameters of network and training with their ranges and options."""
    layers, width, activation, _ = ARCHITECTURE_KEYS
    network = {
        layers: Choices(tuple(settings.layers)),
        width: Choices(tuple(settings.widths)),
        activation: Choices(tuple(settings.activations)),
    }
    return network | training_space(settings)


def contestant(name: str, settings: ContestSettings) -> SearchMethod:
    """Find a method, with its own options as the settings have them.

    Parameters
    ----------
    name
        Name of the method.
    settings
        Levels of an interval and trials at random before a TPE study learns.

    Returns
    -------
    SearchMethod
        Ready to run.

    Raises
    ------
    ConfigError
        There is no method of this name.
    """
    found = {str(known): method for known, method in METHODS.items()}.get(name)
    if not isinstance(found, SearchMethod):
        raise ConfigError(
            "there is no search method of this name",
            where="compare.methods",
            expected=", ".join(METHODS),
            got=name,
        )
    options = {
        "levels": settings.learning_rate_levels,
        "startup_trials": settings.startup_trials,
    }
    own = {field.name for field in dataclasses.fields(found)}  # type: ignore[arg-type]
    return dataclasses.replace(  # type: ignore[type-var]
        found, **{key: value for key, value in options.items() if key in own}
    )


def budget_of(method: SearchMethod, settings: ContestSettings) -> Budget:
    """Fewer trials for a method that trains only after it has chosen the network."""
    trials = settings.reduced_trials if method.needs_training_part else settings.trials
    return Budget(trials=trials, initialisations=settings.initialisations)


def check_contestant(name: str, settings: ContestSettings) -> None:
    """Raise ConfigError if a method cannot search the space within its budget.

    Parameters
    ----------
    name
        Name of the method.
    settings
        Space and budget.
    """
    method = contestant(name, settings)
    method.check(contest_space(settings), budget_of(method, settings))
