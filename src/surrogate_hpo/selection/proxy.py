"""What a cheap score of an architecture is given, and what it promises."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.selection.options import Direction, ProxyName
from surrogate_hpo.selection.ranking import ArchitectureScore


@dataclass(frozen=True)
class ScoreData:
    """Data that all architectures are scored on.

    Attributes
    ----------
    inputs
        Shape (points, components), float32: scaled descriptors of training points.
    targets
        Shape (points, energies), float32: scaled LDOS of the same points.
    held_out_inputs
        Shape (held-out points, components): of other snapshots.
    held_out_targets
        Shape (held-out points, energies).
    minibatch
        Shape (N, components), float64, N at most the number of components; from
        :func:`.naswot.draw_minibatch`.
    """

    inputs: Tensor
    targets: Tensor
    held_out_inputs: Tensor
    held_out_targets: Tensor
    minibatch: Tensor


class Proxy(Protocol):
    """A score that stands for the error of a trained network."""

    @property
    def name(self) -> ProxyName:
        """Name in configs and tables."""

    @property
    def label(self) -> str:
        """Name in figures and texts."""

    @property
    def direction(self) -> Direction:
        """How its publication reads it: whether the largest or the smallest score wins."""

    def __call__(
        self, architecture: Architecture, data: ScoreData, *, seed: int, initialisations: int
    ) -> ArchitectureScore:
        """Score one architecture; the same arguments give the same score.

        Parameters
        ----------
        architecture
            What to score.
        data
            Shared by all architectures.
        seed
            Each initialisation derives its own from it.
        initialisations
            Number of random initialisations that are averaged over.

        Returns
        -------
        ArchitectureScore
            With its CPU seconds. A failure is a status with a reason and a score of NaN,
            never an exception.
        """
