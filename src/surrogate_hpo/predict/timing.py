"""How long predictions take."""

import time

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.predict.held_out import BLOCK_POINTS, predict_ldos

TIMED_PREDICTIONS = 5


def inference_microseconds(
    model: TrainedModel, points: NDArray[np.float32], *, use_gpu: bool
) -> float:
    """Median wall time per grid point of a prediction, after one to warm up.

    Parameters
    ----------
    model
        The trained model.
    points
        Descriptors, `[point, component]`.
    use_gpu
        Predict on CUDA.

    Returns
    -------
    float
        µs.
    """
    seconds = []
    for _ in range(1 + TIMED_PREDICTIONS):
        start = time.perf_counter()
        predict_ldos(model, points, block_points=BLOCK_POINTS, use_gpu=use_gpu)
        if use_gpu:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return float(1e6 * np.median(seconds[1:]) / len(points))
