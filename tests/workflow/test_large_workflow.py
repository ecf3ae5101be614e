"""A large cell by the workflow: a slab that was damaged is made again, and only it."""

import json
import re

import pytest
from ase.io import read
from small_surrogate import aluminium, written
from tiny_workflow import edit_config, new_folder, planned, snakemake

pytestmark = pytest.mark.workflow
RESULT = "results/predict_large/prediction.json"


@pytest.fixture(scope="module")
def finished_cell(tmp_path_factory):
    folder = new_folder(tmp_path_factory.mktemp("large") / "run")
    aluminium(3).write(folder / "large.extxyz")
    written(folder, functional="pbe", core=True)
    settings = {"structure": "large.extxyz", "surrogate": "surrogate.pt", "slabs": 3}
    edit_config(folder, "predict_large", grid=[10, 9, 8], **settings)
    done = snakemake(folder, "predict_large")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def energies(folder):
    content = json.loads((folder / RESULT).read_text())
    return {key: value for key, value in content.items() if key != "provenance"}


def test_a_damaged_slab_is_made_again_and_only_it(finished_cell):
    slabs = [finished_cell / f"results/predict_large/slabs/{n}.zarr.zip" for n in range(3)]
    sound, numbers = [path.read_bytes() for path in slabs], energies(finished_cell)
    times = [path.stat().st_mtime_ns for path in slabs]
    content = bytearray(sound[1])
    content[len(content) // 2] ^= 1
    slabs[1].write_bytes(content)
    (finished_cell / RESULT).unlink()
    assert planned(finished_cell, "predict_large") == {"predict_large", "predict_large_slab"}
    done = snakemake(finished_cell, "predict_large")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1.zarr.zip is not what predict_large wrote" in done.stdout + done.stderr
    assert [path.read_bytes() for path in slabs] == sound
    assert [path.stat().st_mtime_ns == then for path, then in zip(slabs, times, strict=True)] == [
        True,
        False,
        True,
    ]
    assert energies(finished_cell) == numbers
    assert planned(finished_cell, "predict_large") == set()


@pytest.fixture(scope="module")
def with_forces(finished_cell):
    """The same cell, asked for its forces afterwards: its slabs are not computed again."""
    edit_config(finished_cell, "predict_large", forces=True)
    assert planned(finished_cell, "predict_large") == {
        "predict_large_gradient",
        "predict_large_pull",
        "predict_large",
    }
    done = snakemake(finished_cell, "predict_large")
    assert done.returncode == 0, done.stdout + done.stderr
    return finished_cell


def test_the_forces_through_a_slab_are_made_again_and_only_they(with_forces):
    folder = with_forces / "results/predict_large"
    paths = [folder / f"pulled/{n}.zarr.zip" for n in range(3)]
    sound, forces = [path.read_bytes() for path in paths], read(folder / "structure.extxyz")
    assert abs(forces.get_forces()).max() > 0.1
    assert forces.arrays["forces_std"].shape == (4, 3)
    paths[2].unlink()  # as if its job had been killed
    content = bytearray(sound[0])
    content[len(content) // 2] ^= 1
    paths[0].write_bytes(content)
    assert planned(with_forces, "predict_large") == {"predict_large", "predict_large_pull"}
    done = snakemake(with_forces, "predict_large")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^predict_large_pull +2$", done.stdout + done.stderr, re.MULTILINE)
    assert [path.read_bytes() for path in paths] == sound
    again = read(folder / "structure.extxyz")
    assert (again.get_forces() == forces.get_forces()).all()
    assert planned(with_forces, "predict_large") == set()
