"""The points that cheap scores of architectures see, drawn once for all architectures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.io.datasets import PointData, read_points
from surrogate_hpo.networks.options import InputScaling
from surrogate_hpo.networks.scaling import fit_input_scaler, fit_output_scaler
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.naswot import draw_minibatch
from surrogate_hpo.selection.proxy import ScoreData
from surrogate_hpo.stages.fitting import subset


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
    descriptors: NDArray[np.float32],
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
        Of all training points, `[point, component]`: they fit the scaler and give the minibatch.
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
    inputs = torch.from_numpy(descriptors)
    scaler = fit_input_scaler(inputs, settings.input_scaling)
    output_scaler = fit_output_scaler(torch.from_numpy(labelled.ldos), "maximum")
    chosen = subset(labelled, settings.points, derive_seed(seed, stage, "points"))
    judged = subset(held_out, settings.held_out_points, derive_seed(seed, stage, "held_out_points"))
    return ScoreData(
        inputs=scaler.transform(torch.from_numpy(chosen.descriptors)),
        targets=output_scaler.transform(torch.from_numpy(chosen.ldos)),
        held_out_inputs=scaler.transform(torch.from_numpy(judged.descriptors)),
        held_out_targets=output_scaler.transform(torch.from_numpy(judged.ldos)),
        minibatch=draw_minibatch(
            scaler.transform(inputs),
            batch_size=settings.batch_size,
            seed=derive_seed(seed, stage, "batch"),
        ),
    )


def split_labelled(
    descriptors: Sequence[Path], ldos: Sequence[Path], *, seed: int
) -> tuple[PointData, PointData]:
    """Hold out the last of several labelled snapshots, or half the points of a single one.

    Parameters
    ----------
    descriptors
        Stores of the training snapshots.
    ldos
        LDOS stores of the first of these.
    seed
        Of the halves.

    Returns
    -------
    PointData, PointData
        Labelled points and held-out points, none in both.
    """
    paths = descriptors[: len(ldos)]
    if len(ldos) > 1:
        return read_points(paths[:-1], ldos[:-1]), read_points(paths[-1:], ldos[-1:])
    both = read_points(paths, ldos)
    order = np.random.default_rng(seed).permutation(len(both.ldos))
    halves = (np.sort(order[::2]), np.sort(order[1::2]))
    first, second = (
        replace(both, descriptors=both.descriptors[rows], ldos=both.ldos[rows]) for rows in halves
    )
    return first, second
