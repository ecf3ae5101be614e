"""Energies of held-out snapshots from the LDOS that trained models predict."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.datasets import flat, read_pair
from surrogate_hpo.data.descriptor_store import DescriptorData
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.formats.upf.reader import Pseudopotential
from surrogate_hpo.predict.energies import REFERENCE_LDOS, SnapshotEnergies
from surrogate_hpo.predict.ldos_energies import energies_of
from surrogate_hpo.run.devices import device_name

BLOCK_POINTS = 16384
TIMED_PREDICTIONS = 5


@dataclass(frozen=True)
class HeldOut:
    """A snapshot that no training has seen.

    Attributes
    ----------
    name
        Name of the snapshot.
    atoms
        Its structure.
    result
        Its DFT run.
    descriptors
        On its grid.
    ldos
        The reference.
    where
        File of the descriptors, to name in messages.
    """

    name: str
    atoms: Atoms
    result: DftResult
    descriptors: DescriptorData
    ldos: LdosData
    where: Path


def read_held_out(
    structures: Sequence[Path],
    dft: Sequence[Path],
    descriptors: Sequence[Path],
    ldos: Sequence[Path],
) -> Iterator[HeldOut]:
    """Read the files of the same snapshots, one snapshot at a time."""
    return starmap(read_snapshot, zip(structures, dft, descriptors, ldos, strict=True))


def read_snapshot(structure: Path, dft: Path, descriptors: Path, ldos: Path) -> HeldOut:
    """Read the files of one snapshot."""
    pair = read_pair(descriptors, ldos)
    return HeldOut(
        structure.stem, read_structure(structure), read_dft_result(dft), *pair, descriptors
    )


def energies_by_source(
    snapshot: HeldOut,
    models: Mapping[str, TrainedModel],
    potentials: Mapping[str, Pseudopotential],
    *,
    block_points: int,
    use_gpu: bool,
) -> Iterator[tuple[SnapshotEnergies, NDArray[np.float32]]]:
    """Energies and LDOS of a snapshot: from the reference LDOS, then from each model's.

    Parameters
    ----------
    snapshot
        The snapshot.
    models
        By what their predictions are called in tables.
    potentials
        Pseudopotential per element.
    block_points
        Grid points predicted at a time.
    use_gpu
        Predict on CUDA.

    Yields
    ------
    tuple
        Energies in eV per cell, and the LDOS, `[x, y, z, energy]`, 1/(eV Å³).
    """
    values = snapshot.ldos.values
    yield _energies(snapshot, REFERENCE_LDOS, values, potentials), values
    for source, model in models.items():
        yield predicted_energies(
            snapshot, source, model, potentials, block_points=block_points, use_gpu=use_gpu
        )


def predicted_energies(
    snapshot: HeldOut,
    source: str,
    model: TrainedModel,
    potentials: Mapping[str, Pseudopotential],
    *,
    block_points: int = BLOCK_POINTS,
    use_gpu: bool,
) -> tuple[SnapshotEnergies, NDArray[np.float32]]:
    """Energies and LDOS of a snapshot from one model; arguments as of `energies_by_source`."""
    reference = snapshot.ldos
    check_model_fits(model, snapshot.descriptors, reference, where=f"{source} and {snapshot.where}")
    points = flat(snapshot.descriptors.values)
    values = predict_ldos(model, points, block_points=block_points, use_gpu=use_gpu)
    values = values.reshape(reference.values.shape)
    return _energies(snapshot, source, values, potentials), values


def _energies(
    snapshot: HeldOut,
    source: str,
    values: NDArray[np.float32],
    potentials: Mapping[str, Pseudopotential],
) -> SnapshotEnergies:
    return energies_of(
        snapshot.name, source, snapshot.ldos, values, snapshot.atoms, snapshot.result, potentials
    )


def predict_ldos(
    model: TrainedModel, descriptors: NDArray[np.float32], *, block_points: int, use_gpu: bool
) -> NDArray[np.float32]:
    """Predict `[point, energy]`, 1/(eV Å³), from `[point, component]`."""
    predicted: NDArray[np.float32] = model.surrogate.predict(
        torch.from_numpy(descriptors),
        points_per_chunk=block_points,
        device=device_name(use_gpu=use_gpu),
    ).numpy()
    return predicted


def check_model_fits(
    model: TrainedModel, descriptors: DescriptorData, ldos: LdosData, *, where: str
) -> None:
    """A model must be fed the descriptors, and compared on the axis, that it was trained on.

    Parameters
    ----------
    model
        The trained model.
    descriptors
        What it is to be fed.
    ldos
        What its prediction is compared with.
    where
        File to name in the message.

    Raises
    ------
    DataError
        If descriptor settings, energy axis or kernel differ.
    """
    if model.definition != descriptors.definition or not model.axis.agrees(ldos.axis):
        trained, given = (model.definition, model.axis), (descriptors.definition, ldos.axis)
        names = "descriptor, energies, kernel"
        raise DataError(
            f"the model was trained on other data ({names})",
            where=where,
            expected=", ".join(map(str, trained)),
            got=", ".join(map(str, given)),
            remedy="run the workflow again, so that model and data come from the same settings",
        )


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
