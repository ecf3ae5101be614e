"""Forces and stress of a large cell by many jobs: for any number of slabs those of `predict`."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.io import read
from force_case import double
from small_surrogate import aluminium, small_surrogate
from test_predict_large import GRID, inputs, scatter, settings_for, slab_files  # noqa: F401

from surrogate_hpo.data.predicted_gradients import (
    StoredGradient,
    read_pulled,
    write_pulled,
)
from surrogate_hpo.data.surrogates import read_surrogate, write_surrogate
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.networks.error_bar import ForceErrorBar
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.predict.prediction_forces import NOT_CALIBRATED
from surrogate_hpo.stages.predict_large.gradient import predict_large_gradient
from surrogate_hpo.stages.predict_large.pull import predict_large_pull
from surrogate_hpo.stages.predict_large.stage import predict_large

# Planes of the grid are the blocks of points of either, so that both round alike.
PLANE = GRID[1] * GRID[2]


def pulled_files(folder, settings):
    return [folder / f"pulled-{number}.zarr.zip" for number in range(settings.slabs)]


def differentiate(folder, settings, inputs):
    predict_large_gradient(
        settings=settings, seed=0, threads=1, **inputs, bracket=folder / "bracket.json",
        slabs=slab_files(folder, settings), gradient=folder / "gradient.zarr.zip",
    )  # fmt: skip


def pull(folder, settings, inputs, slab):
    predict_large_pull(
        settings=settings, seed=0, threads=1, slab=slab, **inputs,
        gradient=folder / "gradient.zarr.zip", pulled=pulled_files(folder, settings)[slab],
    )  # fmt: skip


def gather(folder, settings, inputs):
    predict_large(
        settings=settings, seed=0, threads=1, **inputs, bracket=folder / "bracket.json",
        slabs=slab_files(folder, settings), energies=folder / "prediction.json",
        gradient=folder / "gradient.zarr.zip", pulled=pulled_files(folder, settings),
        dos=folder / "dos.csv", density=folder / "density.zarr.zip",
        forces=folder / "structure.extxyz",
    )  # fmt: skip
    return json.loads((folder / "prediction.json").read_text())


def all_jobs(folder, settings, inputs):
    scatter(folder, settings, inputs)
    differentiate(folder, settings, inputs)
    for slab in range(settings.slabs):
        pull(folder, settings, inputs, slab)
    return gather(folder, settings, inputs), read(folder / "structure.extxyz")


def with_forces(inputs, **options):
    return settings_for(inputs, **{"forces": True, "stress": True} | options)


@pytest.fixture
def two(tmp_path, inputs):  # noqa: F811
    settings = with_forces(inputs, slabs=2)
    all_jobs(tmp_path / "two", settings, inputs)
    return tmp_path / "two", settings


def expected_of(inputs, folder, **conditions):
    surrogate = read_surrogate(inputs["surrogate"])
    return predict_structure(
        surrogate,
        read(inputs["structure"]),
        Conditions(grid=GRID, **conditions),
        folder,
        forces="each",
    ).derivatives


def close(found, expected, relative):
    np.testing.assert_allclose(found, expected, rtol=0, atol=relative * np.abs(expected).max())


@pytest.mark.parametrize("precision", ["single", "double"])
def test_any_number_of_slabs_has_the_forces_of_predict(tmp_path, inputs, precision):  # noqa: F811
    surrogate = read_surrogate(inputs["surrogate"])
    surrogate = replace(surrogate, force_error_bar=ForceErrorBar(1.5, 0.02, 3))
    write_surrogate(inputs["surrogate"], double(surrogate) if precision == "double" else surrogate)
    expected = expected_of(inputs, tmp_path, block_points=PLANE)
    found = []
    for slabs in (1, 2, 5):
        settings = with_forces(inputs, slabs=slabs).model_copy(update={"block_points": PLANE})
        found.append(all_jobs(tmp_path / str(slabs), settings, inputs))
    for document, atoms in found:
        close(atoms.get_forces(), expected.forces, 1e-9)
        close(atoms.get_stress(voigt=False), expected.stress, 1e-9)
        close(atoms.arrays["forces_std"], expected.forces_std, 1e-8)
        close(atoms.arrays["forces_error_bar"], expected.forces_error_bar, 1e-8)
        first = found[0][1]
        close(atoms.get_forces(), first.get_forces(), 1e-12)
        close(atoms.get_stress(), first.get_stress(), 1e-12)
