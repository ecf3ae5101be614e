"""What all scores share: initial networks, clock, guard against failures, mean of the values."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.architectures.batched_networks import (
    StackedNetworks,
    initial_networks,
    initialisation_seeds,
)
from surrogate_hpo.scores.architectures.options import ProxyName
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore


@dataclass(frozen=True)
class Values:
    """Values of one score for each initialisation.

    Attributes
    ----------
    numbers
        Shape (initialisations,).
    reasons
        Why the initialisations that could not be scored could not, by their number.
    """

    numbers: Tensor
    reasons: Mapping[int, str] = field(default_factory=dict)


def score_networks(
    proxy: ProxyName,
    architecture: Architecture,
    data: ScoreData,
    compute: Callable[[StackedNetworks], Values],
    *,
    batch_size: int,
    seed: int,
    initialisations: int,
    dtype: torch.dtype = torch.float32,
    combine: Literal["mean", "mean_plus_std"] = "mean",
) -> ArchitectureScore:
    """Compute a score of untrained networks; see `scored`.

    Parameters
    ----------
    proxy
        Which score it is.
    architecture
        What is scored.
    data
        What the networks are initialised for, and on whose device.
    compute
        Takes the networks and returns the value of each.
    batch_size
        Number of grid points that the score looks at.
    seed
        Each initialisation derives its own from it.
    initialisations
        Number of networks.
    dtype
        Of their weights.
    combine
        What is ranked: the mean over the initialisations, or mean + std.

    Returns
    -------
    ArchitectureScore
        With the CPU time of the networks' initialisation and of `compute`.

    Raises
    ------
    ConfigError
        No initialisation.
    """
    seeds = initialisation_seeds(seed, initialisations)

    def values() -> Values:
        return compute(
            initial_networks(
                architecture,
                inputs=data.components,
                outputs=data.energies,
                seeds=seeds,
                dtype=dtype,
                device=data.inputs.device,
            )
        )

    return scored(
        values,
        proxy=proxy,
        architecture=architecture,
        parameters=data.parameter_count(architecture),
        batch_size=batch_size,
        initialisations=initialisations,
        combine=combine,
    )


def scored(
    compute: Callable[[], Values],
    *,
    proxy: ProxyName,
    architecture: Architecture,
    parameters: int,
    batch_size: int,
    initialisations: int,
    combine: Literal["mean", "mean_plus_std"] = "mean",
) -> ArchitectureScore:
    """Compute a score, and turn what goes wrong in it into a status.

    Parameters
    ----------
    compute
        Returns the value of each initialisation.
    proxy
        Which score it is.
    architecture
        What is scored.
    parameters
        Number of its weights and biases.
    batch_size
        Number of grid points that the score looks at.
    initialisations
        Number of values to expect.
    combine
        What is ranked: the mean over the initialisations, or mean + std.

    Returns
    -------
    ArchitectureScore
        With the CPU time of `compute`. Rejected, with the reason, if a value is missing or
        not finite, if a matrix cannot be factorised, or if the memory does not suffice.
    """
    start = time.process_time()
    try:
        found = compute()
        values = found.numbers.detach().double().cpu().tolist()
        reasons = dict(found.reasons)
    # torch raises it, and its subclasses, for lack of memory and failed factorisations.
    except RuntimeError as error:
        values, reasons = [math.nan] * initialisations, {0: str(error).splitlines()[0]}
    seconds = time.process_time() - start
    for number, value in enumerate(values):
        if not math.isfinite(value):
            reasons.setdefault(number, f"the value {value} is not finite")
    for number in reasons:
        values[number] = math.nan
    first = min(reasons, default=None)
    mean, std = float(np.mean(values)), float(np.std(values))
    return ArchitectureScore(
        architecture=architecture,
        parameters=parameters,
        batch_size=batch_size,
        values=tuple(values),
        mean=mean,
        std=std,
        score=mean + std if combine == "mean_plus_std" else mean,
        status="ok" if first is None else f"rejected: initialisation {first}: {reasons[first]}",
        proxy=proxy,
        seconds=seconds,
    )
