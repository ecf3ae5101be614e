"""A large cell by many jobs: the same numbers for any number of slabs, and those of `predict`."""

import contextlib
import dataclasses
import itertools
import json
import math
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from small_surrogate import aluminium, written

from surrogate_hpo.data.predicted_fields import read_density
from surrogate_hpo.data.predicted_slabs import StoredSlab
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.errors import ConfigError, DataError, EngineError, PhysicsError
from surrogate_hpo.files import scratch
from surrogate_hpo.files.zarr_zip import open_dataset, write_dataset
from surrogate_hpo.physics.density_expansion import combination
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.point_pass import PointPass
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.predict.prediction_energies import NetworkIntegrals
from surrogate_hpo.stages.predict_large import bracket as stage_bracket
from surrogate_hpo.stages.predict_large import memory
from surrogate_hpo.stages.predict_large.bracket import predict_large_bracket
from surrogate_hpo.stages.predict_large.contents import planes_of, read_brackets, task_of
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings
from surrogate_hpo.stages.predict_large.slab import predict_large_slab
from surrogate_hpo.stages.predict_large.stage import predict_large

GRID = (10, 9, 8)
INPUTS = {"structure": Path("large.extxyz"), "surrogate": Path("surrogate.pt")}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with structure, surrogate and two slabs, to be copied."""
    folder = tmp_path_factory.mktemp("large")
    with contextlib.chdir(folder):
        aluminium(3).write("large.extxyz")
        written(Path(), functional="pbe", core=True)
        scatter(Path(), settings_for(slabs=2), INPUTS)
    return folder


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    aluminium(3).write("large.extxyz")
    written(Path(), functional="pbe", core=True)
    return INPUTS


@pytest.fixture
def two(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return Path(), settings_for(slabs=2)


def settings_for(**options) -> PredictLargeSettings:
    return PredictLargeSettings(
        structure="large.extxyz", grid=list(GRID), block_points=32, **options
    )


def slab_files(folder, settings):
    return [folder / f"slab-{number}.zarr.zip" for number in range(settings.slabs)]


def scatter(folder, settings, inputs):
    """All jobs but the last."""
    folder.mkdir(exist_ok=True)
    common = {"settings": settings, "seed": 0, "threads": 1, **inputs}
    bracket = folder / "bracket.json"
    predict_large_bracket(**common, bracket=bracket)
    for number, path in enumerate(slab_files(folder, settings)):
        predict_large_slab(**common, bracket=bracket, slab=number, result=path)


def gather(folder, settings, inputs):
    predict_large(
        settings=settings, seed=0, threads=1, **inputs, bracket=folder / "bracket.json",
        slabs=slab_files(folder, settings), energies=folder / "prediction.json",
        dos=folder / "dos.csv", density=folder / "density.zarr.zip",
    )  # fmt: skip
    return json.loads((folder / "prediction.json").read_text())


def test_any_number_of_slabs_gives_what_one_job_gives(tmp_path, inputs):
    surrogate = read_surrogate(inputs["surrogate"])
    expected = predict_structure(surrogate, aluminium(3), Conditions(grid=GRID), tmp_path)
    densities, documents = [], []
    for slabs in (1, 2, 5):
        settings, folder = settings_for(slabs=slabs), tmp_path / str(slabs)
        scatter(folder, settings, inputs)
        documents.append(gather(folder, settings, inputs))
        densities.append(read_density(folder / "density.zarr.zip"))
    for found, density in zip(documents, densities, strict=True):
        for name, values in expected.energies.items():
            # Networks in single precision see other blocks of points.
            np.testing.assert_allclose(found[f"{name}_ev"]["per_seed"], values, rtol=0, atol=1e-6)
            first = documents[0][f"{name}_ev"]["per_seed"]
            np.testing.assert_allclose(found[f"{name}_ev"]["per_seed"], first, rtol=0, atol=1e-10)
        np.testing.assert_allclose(density.values, densities[0].values, rtol=1e-12)
        np.testing.assert_allclose(density.values, expected.density, rtol=1e-6)
        np.testing.assert_allclose(density.deviation, expected.density_deviation, atol=1e-8)
        seen = found["descriptors_outside_of_training_range"]
        assert seen["fraction_of_points"] == pytest.approx(
            expected.extrapolation.fraction_of_points
        )
        assert seen["component"] == expected.extrapolation.component
        assert found["warnings"] == documents[0]["warnings"]
    assert documents[0]["warnings"]  # the grid is coarser than the training's


def test_the_whole_numbers_of_the_slabs_change_the_free_energy_by_less_than_1e_10(two):
    folder, settings = two
    task = task_of(settings, INPUTS["surrogate"], 1)
    points = PointPass(task.surrogate, task.atoms, GRID, task.conditions)
    exact = points.expansions(read_brackets(folder / "bracket.json", GRID))
    dos = points(exact, boxes=points.planes(0, GRID[0]))
    integrals = NetworkIntegrals(task.surrogate, task.atoms, GRID, task.conditions)
    slabs = [StoredSlab(path) for path in slab_files(folder, settings)]
    for number, expansion in enumerate(exact):
        band = integrals.band(dos[number])
        mu = float(band.fermi_energy)
        factors = expansion.bracket.polynomials(mu)
        stored = torch.cat([combination(factors, *slab.sums(number)) for slab in slabs])
        kept = expansion.density(mu).reshape(GRID)
        assert float((stored - kept).abs().max()) < 2e-9 * float(kept.max())
        energies = [float(integrals.energies(band, n).total_free_energy) for n in (stored, kept)]
        assert energies[0] == pytest.approx(energies[1], rel=1e-10)
    together = sum(path.stat().st_size for path in slab_files(folder, settings))
    headers = 60_000  # of the arrays, which count only in a grid as small as this
    assert together < 2 * headers + len(exact) * 16 * math.prod(GRID)


def test_a_fermi_energy_outside_of_the_bracket_says_how_to_go_on(tmp_path, inputs):
    settings = settings_for(slabs=1, fermi_half_width_ev=1e-9)
    scatter(tmp_path / "run", settings, inputs)
    with pytest.raises(PhysicsError, match=r"networks \[0, 1\](.|\n)*fermi_half_width_ev: "):
        gather(tmp_path / "run", settings, inputs)


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path, name="order_1_1/c/1/0/0"):
    """One bit in the middle of an array, as a disk may lose it."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(name)
    content = bytearray(path.read_bytes())
    content[entry.header_offset + 30 + len(name) + entry.compress_size // 2] ^= 1
    path.write_bytes(content)


def of_another_version(path):
    """As written by a version that had no number of the format, or another one."""
    dataset = open_dataset(path).load()
    attributes = {key: value for key, value in dataset.attrs.items() if key != "format"}
    provenance = json.loads(attributes.pop("provenance"))
    path.unlink()
    dataset.attrs = {}
    for variable in dataset.variables.values():
        variable.encoding = {}
    write_dataset(path, dataset, {}, attributes, provenance)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncated, "damaged or incomplete"),
        (flipped, "damaged or incomplete"),
        (lambda path: path.write_bytes(b""), "damaged or incomplete"),
        (lambda path: path.unlink(), "missing"),
        (of_another_version, "another version"),
    ],
    ids=["truncated", "flipped", "empty", "missing", "version"],
)
def test_a_damaged_slab_is_named_and_remade_alone(two, damage, words):
    folder, settings = two
    first, second = slab_files(folder, settings)
    sound, untouched = second.read_bytes(), first.read_bytes()
    damage(second)
    with pytest.raises(DataError, match=rf"{words}(.|\n)*slab-1(.|\n)*remedy: ") as error:
        gather(folder, settings, INPUTS)
    assert "slab-0" not in str(error.value)
    predict_large_slab(
        settings=settings, seed=0, threads=1, **INPUTS,
        bracket=folder / "bracket.json", slab=1, result=second,
    )  # fmt: skip
    assert second.read_bytes() == sound
    assert first.read_bytes() == untouched
    gather(folder, settings, INPUTS)


def test_all_damaged_slabs_are_named_at_once(two):
    folder, settings = two
    for path in slab_files(folder, settings):
        truncated(path)
    with pytest.raises(DataError, match=r"2 of 2 slabs(.|\n)*slab-0(.|\n)*slab-1(.|\n)*alone"):
        gather(folder, settings, INPUTS)


def test_slabs_of_another_task_are_not_gathered(two):
    folder, settings = two
    first, second = slab_files(folder, settings)
    second.write_bytes(first.read_bytes())
    with pytest.raises(DataError, match=r"not one of this large cell(.|\n)*slab-1"):
        gather(folder, settings, INPUTS)
    aluminium(4).write(INPUTS["structure"])
    with pytest.raises(DataError, match=r"2 of 2 slabs(.|\n)*not one of this large cell"):
        gather(folder, settings, INPUTS)


def test_room_and_memory_are_looked_at_before_the_first_slab(tmp_path, inputs, monkeypatch):
    def bracket(**options):
        predict_large_bracket(
            settings=settings_for(**options), seed=0, threads=1, **inputs,
            bracket=tmp_path / "bracket.json",
        )  # fmt: skip

    with pytest.raises(ConfigError, match=r"more slabs than planes(.|\n)*at most 10"):
        bracket(slabs=11)
    usage = dataclasses.make_dataclass("Usage", ["free"])
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda _: usage(free=1000))
    monkeypatch.setattr(stage_bracket, "fermi_brackets", pytest.fail)
    with pytest.raises(DataError, match=r"too full for the slabs(.|\n)*another disk"):
        bracket(slabs=2)
    assert not (tmp_path / "bracket.json").exists()
    with pytest.raises(EngineError, match=r"memory is too small(.|\n)*GiB for 1000000000000 grid"):
        memory.check_memory(10**12, {})
    memory.check_memory(10**12, {"SLURM_JOB_ID": "7"})  # the scheduler chooses the machine


def test_planes_are_dealt_without_gap():
    dealt = [planes_of((11, 1, 1), 4, number) for number in range(4)]
    assert dealt[0][0] == 0
    assert dealt[-1][1] == 11
    assert all(one[1] == other[0] for one, other in itertools.pairwise(dealt))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"use_gpu": True}, "knows no GPU"),
        ({"structure": "run.traj@:"}, "leaves open"),
        ({"slabs": 0}, "greater than 0"),
        ({"slabs": 501}, "less than or equal to 500"),
    ],
)
def test_settings_without_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PredictLargeSettings(**options)


def test_without_a_structure_there_is_nothing_to_predict(tmp_path, inputs):
    with pytest.raises(ConfigError, match=r"nothing to predict(.|\n)*predict_large.structure"):
        predict_large_bracket(
            settings=PredictLargeSettings(), seed=0, threads=1, **inputs,
            bracket=tmp_path / "bracket.json",
        )  # fmt: skip
