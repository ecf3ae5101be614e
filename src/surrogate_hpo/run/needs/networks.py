"""Bytes and CPU or GPU seconds of the jobs that score, train or use networks.

As in `surrogate_hpo.run.needs.basis`: memory from the arrays held at the worst moment, time from
floating point operations. P is a number of points, C of components, E of energies.
"""

from itertools import pairwise
from statistics import fmean

from surrogate_hpo.config.short_recipe import ShortRecipeSettings
from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import CUDA_BASE, FLOAT64, MEBIBYTE, TORCH_BASE, Need

TORCH_STARTUP_SECONDS = 6.0
_RATE = 50e9
DOUBLE_RATE = 8e9
# A network this small does not fill a GPU: its steps are bound by their launches.
_GPU_RATE = 3e12
_GPU_SECONDS_PER_STEP = 5e-3
READING_RATE = 2e8
# Work of autograd, float64 chunks of the scalers, activations of a chunk of validation points.
TRAINING_WORK = 350 * MEBIBYTE
# A score that learns takes about 50 steps, some passes over its few points.
_SCORE_PASSES = 6


def parameters(layers: list[int]) -> int:
    """Weights and biases of a network of these widths."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(layers))


def points_in_memory(case: Case, training: int, validation: int, *, copies: int = 1) -> float:
    """Bytes of a fit: the points as they were read, and once more for each scaling of them.

    Reading holds the training points twice, as single snapshots and joined.

    Parameters
    ----------
    case
        The case.
    training
        Training points that are kept.
    validation
        Validation points.
    copies
        Pairs of scalings whose results are kept.

    Returns
    -------
    float
        At the worst moment.
    """
    reading = 2 * case.points("training")
    fitting = (1 + copies) * (training + validation)
    order = 2 * FLOAT64 * training
    return case.point_bytes * max(reading, fitting) + order


def bounded(held: float, mebibytes: float | None) -> float:
    """Bytes of data, or their bound if there is one and it is less."""
    return held if mebibytes is None else min(held, mebibytes * MEBIBYTE)


def epoch_operations(layers: list[int], points: int, batch: int) -> float:
    """Operations of one pass: forward and backward 6 per weight and point; the optimiser's own.

    SOAP rotates each gradient by the eigenvectors of both its sides: about 20 products of the
    gradient with a square matrix per step.

    Parameters
    ----------
    layers
        Widths of the network.
    points
        Training points.
    batch
        Points per step.

    Returns
    -------
    float
        Floating point operations.
    """
    steps = max(1, points // batch)
    rotations = sum(
        20 * inputs * outputs * (inputs + outputs) for inputs, outputs in pairwise(layers)
    )
    return 6.0 * parameters(layers) * points + steps * rotations


def fit(
    case: Case,
    held: float,
    operations: float,
    steps: int,
    use_gpu: bool,
    *,
    host_seconds: float = 0.0,
    threads: int = 1,
) -> Need:
    """Need of a job that trains: it reads data, finds their scaling, and goes through them.

    Parameters
    ----------
    case
        The case.
    held
        Bytes of the data.
    operations
        Floating point operations of the network and its optimiser.
    steps
        Of the optimiser, each of which waits for its launches on a GPU.
    use_gpu
        Whether the network is on a GPU.
    host_seconds
        What else the CPU does.
    threads
        Fewest threads.

    Returns
    -------
    Need
        Reading, scaling and libraries included.
    """
    scaling = moments_seconds(case, case.points("training"))
    return network_job(
        held, operations, steps, use_gpu, host_seconds=host_seconds + scaling, threads=threads
    )


def network_job(
    held: float,
    operations: float,
    steps: int,
    use_gpu: bool,
    *,
    host_seconds: float = 0.0,
    threads: int = 1,
) -> Need:
    """Need of a job that reads data and passes them through a network.

    Parameters
    ----------
    held
        Bytes of the data.
    operations
        Floating point operations of the network.
    steps
        Of an optimiser.
    use_gpu
        Whether the network is on a GPU.
    host_seconds
        What else the CPU does.
    threads
        Fewest threads.

    Returns
    -------
    Need
        Reading and libraries included.
    """
    memory = TORCH_BASE + TRAINING_WORK + held
    host = TORCH_STARTUP_SECONDS + host_seconds + held / READING_RATE
    if not use_gpu:
        return Need(memory, host + operations / _RATE, fewest_threads=threads)
    seconds = operations / _GPU_RATE + steps * _GPU_SECONDS_PER_STEP
    return Need(
        memory + CUDA_BASE, host + seconds, gpu_seconds=host + seconds, fewest_threads=threads
    )


def moments_seconds(case: Case, points: int) -> float:
    """Covariances of descriptors and LDOS in double precision, and their scaling."""
    return points * 4.0 * (case.components**2 + case.energies**2) / DOUBLE_RATE


def jacobians(case: Case, batch: int) -> float:
    """Jacobians of a minibatch of five networks at once, with what autograd holds."""
    return 5.0 * 3 * FLOAT32 * batch * case.components * case.energies


def score_seconds(layers: list[int], points: int) -> float:
    """One initialisation of one network: Jacobians of a minibatch, or steps on some points."""
    return 0.05 + _SCORE_PASSES * 6.0 * parameters(layers) * points / _RATE


def recipe_points(recipe: ShortRecipeSettings) -> int:
    """Points that such a training sees, those it is judged by included."""
    return recipe.points + recipe.validation_points


def short_trainings(
    case: Case,
    recipe: ShortRecipeSettings,
    space: list[list[int]],
    *,
    trainings: int,
    held: float,
    host_seconds: float,
) -> Need:
    """Trainings of networks that are drawn from a space, each as often as any other."""
    epochs = trainings * recipe.epochs
    each = fmean(epoch_operations(n, recipe.points, recipe.batch_size) for n in space)
    operations = epochs * each
    steps = epochs * recipe.points // recipe.batch_size
    return fit(case, held, operations, steps, recipe.use_gpu, host_seconds=host_seconds)
