"""What a cheap score of an architecture is given, and what it promises."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.architectures.options import Direction, ProxyName
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore


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

    Raises
    ------
    DataError
        The shapes do not fit each other, or a set is empty.
    """

    inputs: Tensor
    targets: Tensor
    held_out_inputs: Tensor
    held_out_targets: Tensor
    minibatch: Tensor

    def __post_init__(self) -> None:
        shapes = {name: tuple(getattr(self, name).shape) for name in self.__dataclass_fields__}
        if (
            any(len(shape) != 2 or 0 in shape for shape in shapes.values())
            or len(self.inputs) != len(self.targets)
            or len(self.held_out_inputs) != len(self.held_out_targets)
            or len({shapes[name][1] for name in ("inputs", "held_out_inputs", "minibatch")}) > 1
            or self.targets.shape[1] != self.held_out_targets.shape[1]
        ):
            raise DataError(
                "Descriptors and LDOS for the scores do not fit each other.",
                expected="(points, components) and (points, energies), the same in all sets",
                got=", ".join(f"{name} {shape}" for name, shape in shapes.items()),
            )

    @property
    def components(self) -> int:
        """Number of descriptor components."""
        return self.inputs.shape[1]

    @property
    def energies(self) -> int:
        """Number of energies of the LDOS."""
        return self.targets.shape[1]

    def parameter_count(self, architecture: Architecture) -> int:
        """Return the number of weights and biases that an architecture has on these data."""
        return architecture.parameter_count(self.components, self.energies)

    def labelled(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs and targets of these training points, by their numbers."""
        rows = rows.to(self.inputs.device)
        return self.inputs[rows], self.targets[rows]

    def held_out(self, points: int) -> tuple[Tensor, Tensor]:
        """Return at most this many held-out inputs and targets, evenly spaced among all."""
        stride = -(-len(self.held_out_inputs) // points)
        return self.held_out_inputs[::stride], self.held_out_targets[::stride]


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
