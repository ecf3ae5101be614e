"""What all scores share: the clock, the guard against failures, the mean over initialisations."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from torch import Tensor

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.selection.options import ProxyName
from surrogate_hpo.selection.ranking import ArchitectureScore


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
