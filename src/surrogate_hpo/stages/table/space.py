"""The configurations of the table."""

from collections.abc import Mapping
from typing import cast

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.options import Activation
from surrogate_hpo.search.options import ARCHITECTURE_KEYS
from surrogate_hpo.search.space import Choices, Interval, Value
from surrogate_hpo.search.unit_cube import spread_points
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.table.settings import TableSettings
from surrogate_hpo.training.fitting import SCALING_KEY


def table_space(settings: TableSettings) -> dict[str, Interval | Choices]:
    """Hyperparameters of network and training with their ranges and options."""
    layers, width, activation, taper = ARCHITECTURE_KEYS
    low, high = settings.learning_rate
    return {
        layers: Choices(tuple(settings.layers)),
        width: Choices(tuple(settings.widths)),
        activation: Choices(tuple(settings.activations)),
        taper: Choices(tuple(settings.tapers)),
        "learning_rate": Interval(low, high, logarithmic=True),
        "batch_size": Choices(tuple(settings.batch_size)),
        "weight_decay": Choices(tuple(settings.weight_decay)),
        SCALING_KEY: Choices(tuple(settings.input_scaling)),
    }


def configurations(settings: TableSettings, seed: int) -> list[tuple[int, dict[str, Value]]]:
    """All configurations with their numbers, from 0."""
    own = derive_seed(seed, "table", "configurations")
    return list(enumerate(spread_points(table_space(settings), settings.configurations, seed=own)))


def architecture_of(hyperparameters: Mapping[str, Value]) -> Architecture:
    """Return the network of a configuration.

    Widths form a geometric series from `width` to `width` times `taper`, rounded, at least one
    unit each.

    Parameters
    ----------
    hyperparameters
        With `layers`, `width`, `activation` and `taper`.

    Returns
    -------
    Architecture
        A single layer has no taper.
    """
    layers, width = int(hyperparameters["layers"]), int(hyperparameters["width"])
    taper = float(hyperparameters["taper"])
    steps = max(layers - 1, 1)
    widths = tuple(max(1, round(width * taper ** (n / steps))) for n in range(layers))
    return Architecture(widths, cast(Activation, hyperparameters["activation"]))
