"""The number of parameters: the naive control that every score has to beat."""

from dataclasses import dataclass

import torch

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.architectures.options import Direction, ProxyName
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.scores.architectures.scoring import Values, scored


@dataclass(frozen=True)
class ParameterCount:
    """Number of weights and biases; larger networks are expected to err less.

    Attributes
    ----------
    name
        Its name in `PROXIES`.
    label
        Its name in figures and texts.
    direction
        How its publication reads it.
    """

    name: ProxyName = "parameters"
    label: str = "number of parameters"
    direction: Direction = "maximise"

    def __call__(
        self,
        architecture: Architecture,
        data: ScoreData,
        *,
        seed: int,  # noqa: ARG002 - nothing in it is random
        initialisations: int,  # noqa: ARG002
    ) -> ArchitectureScore:
        """Score one architecture; see `Proxy`."""
        parameters = data.parameter_count(architecture)
        return scored(
            lambda: Values(torch.tensor([float(parameters)], dtype=torch.float64)),
            proxy=self.name,
            architecture=architecture,
            parameters=parameters,
            batch_size=0,
            initialisations=1,
        )
