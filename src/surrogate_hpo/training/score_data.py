"""The points that cheap scores of architectures see, drawn once for all architectures."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from surrogate_hpo.data.datasets import PointData
from surrogate_hpo.networks.options import InputScaling
from surrogate_hpo.networks.point_parts import PointParts
from surrogate_hpo.networks.scaling import AffineScaler, fit_input_scaler, fit_output_scaler
from surrogate_hpo.scores.architectures.naswot import draw_minibatch
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.training.fitting import subset


class ScoreDataSettings(Protocol):
    """What the sections of all stages that score architectures have in common."""

    @property
    def input_scaling(self) -> InputScaling:
        """Of the descriptors."""

    @property
    def batch_size(self) -> int:
        """Wanted points of the minibatch, clipped to the number of components."""

    @property
    def points(self) -> int:
        """Wanted labelled points; all if there are fewer."""

    @property
    def held_out_points(self) -> int:
        """The same of the held-out ones."""


def make_score_data(
    descriptors: PointParts,
    labelled: PointData,
    held_out: PointData,
    settings: ScoreDataSettings,
    *,
    stage: str,
    seed: int,
) -> ScoreData:
    """Scale the points and draw from them.

    Parameters
    ----------
    descriptors
        Of all training points: they fit the scaler and give the minibatch.
    labelled
        Training points whose LDOS is known.
    held_out
        Points of other snapshots where there are.
    settings
        How many points, and how they are scaled.
    stage
        Name of the stage, from which and the root seed the seeds of the draws follow.
    seed
        Root seed.

    Returns
    -------
    ScoreData
        Shared by all architectures; the LDOS is divided by its maximum over `labelled`.
    """
    scaler = fit_input_scaler(descriptors, settings.input_scaling)
    output_scaler = fit_output_scaler(torch.from_numpy(labelled.ldos), "maximum")
    chosen = subset(labelled, settings.points, derive_seed(seed, stage, "points"))
    judged = subset(held_out, settings.held_out_points, derive_seed(seed, stage, "held_out_points"))
    return ScoreData(
        inputs=scaler.transform(torch.from_numpy(chosen.descriptors)),
        targets=output_scaler.transform(torch.from_numpy(chosen.ldos)),
        held_out_inputs=scaler.transform(torch.from_numpy(judged.descriptors)),
        held_out_targets=output_scaler.transform(torch.from_numpy(judged.ldos)),
        minibatch=draw_minibatch(
            _Scaled(descriptors, scaler),
            batch_size=settings.batch_size,
            seed=derive_seed(seed, stage, "batch"),
        ),
    )


@dataclass(frozen=True)
class _Scaled:
    """Points that are scaled when they are picked."""

    points: PointParts
    scaler: AffineScaler

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.points), self.scaler.features

    def __getitem__(self, points: Tensor) -> Tensor:
        return self.scaler.transform(self.points.rows(points))


def halves(points: PointData, *, seed: int) -> tuple[PointData, PointData]:
    """Split the points of a single snapshot at random.

    Parameters
    ----------
    points
        Of a snapshot.
    seed
        Of the halves.

    Returns
    -------
    PointData, PointData
        Labelled points and held-out points, none in both.
    """
    order = np.random.default_rng(seed).permutation(len(points.ldos))
    first, second = (
        replace(points, descriptors=points.descriptors[rows], ldos=points.ldos[rows])
        for rows in (np.sort(order[::2]), np.sort(order[1::2]))
    )
    return first, second
