"""Forces and stress of a large cell by many jobs: for any number of slabs those of `predict`."""

import contextlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from force_case import with_components_of_the_cell
from small_surrogate import aluminium, written
from test_predict_large import GRID, INPUTS, scatter, settings_for, slab_files

from surrogate_hpo.data.predicted_gradients import read_pulled, write_pulled
from surrogate_hpo.data.surrogates import read_surrogate, write_surrogate
from surrogate_hpo.errors import ConfigError, DataError, EngineError
from surrogate_hpo.networks.error_bar import ForceErrorBar
from surrogate_hpo.physics.prediction_grid import ONE_VOLUME
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.predict.prediction_forces import NOT_CALIBRATED
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.predict_large import memory
from surrogate_hpo.stages.predict_large.bracket import predict_large_bracket
from surrogate_hpo.stages.predict_large.contents import task_of
from surrogate_hpo.stages.predict_large.derivatives import derivatives_from
from surrogate_hpo.stages.predict_large.gradient import predict_large_gradient
from surrogate_hpo.stages.predict_large.pull import predict_large_pull
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings
from surrogate_hpo.stages.predict_large.stage import predict_large

GRADIENT = "gradient.zarr.zip"
BAR = ForceErrorBar(1.5, 0.02, 3)


def with_forces(**options) -> PredictLargeSettings:
    return settings_for(**{"forces": True, "stress": True} | options)


def pulled_files(folder, settings):
    return [folder / f"pulled-{number}.zarr.zip" for number in range(settings.slabs)]


def differentiate(folder, settings):
    predict_large_gradient(
        settings=settings, seed=0, threads=1, **INPUTS, bracket=folder / "bracket.json",
        slabs=slab_files(folder, settings), gradient=folder / GRADIENT,
    )  # fmt: skip


def pull(folder, settings, slab):
    predict_large_pull(
        settings=settings, seed=0, threads=1, slab=slab, **INPUTS, gradient=folder / GRADIENT,
        pulled=pulled_files(folder, settings)[slab],
    )  # fmt: skip


def gather(folder, settings):
    predict_large(
        settings=settings, seed=0, threads=1, **INPUTS, bracket=folder / "bracket.json",
        slabs=slab_files(folder, settings), gradient=folder / GRADIENT,
        pulled=pulled_files(folder, settings), energies=folder / "prediction.json",
        dos=folder / "dos.csv", density=folder / "density.zarr.zip",
        forces=folder / "structure.extxyz",
    )  # fmt: skip
    return json.loads((folder / "prediction.json").read_text()), read(folder / "structure.extxyz")


def jobs(folder, settings):
    """All jobs but the last."""
    scatter(folder, settings, INPUTS)
    differentiate(folder, settings)
    for slab in range(settings.slabs):
        pull(folder, settings, slab)


def summed(folder, settings):
    """What the last job makes of the others', with all digits."""
    pulled = pulled_files(folder, settings)
    inputs = [*INPUTS.values(), folder / GRADIENT, *pulled]
    record = provenance("predict_large", settings, 0, inputs)
    task = task_of(settings, INPUTS["surrogate"], 1)
    return derivatives_from(task, folder / GRADIENT, pulled, record)


def predicted(**conditions):
    """What `predict` says of the same file."""
    surrogate = read_surrogate(INPUTS["surrogate"])
    return predict_structure(
        surrogate,
        read("large.extxyz"),
        Conditions(**{"grid": GRID} | conditions),
        Path(),
        forces="each",
    )


def close(found, expected, relative):
    np.testing.assert_allclose(found, expected, rtol=0, atol=relative * np.abs(expected).max())


def prepared(*, of_cell=False, **options):
    """Structure and surrogate, with an error bar of its forces."""
    atoms = aluminium(3)
    atoms.write("large.extxyz")
    path = written(Path(), **options)
    surrogate = replace(read_surrogate(path), force_error_bar=BAR)
    write_surrogate(path, with_components_of_the_cell(surrogate, atoms) if of_cell else surrogate)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with all but the last job's files of two slabs, to be copied."""
    folder = tmp_path_factory.mktemp("forces")
    with contextlib.chdir(folder):
        prepared(functional="pbe", core=True)
        jobs(Path(), with_forces(slabs=2))
    return folder


@pytest.fixture
def two(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return Path(), with_forces(slabs=2)


@pytest.mark.parametrize(
    ("functional", "core", "of_cell"),
    [("pbe", True, False), ("lda_pz", False, False), ("lda_pz", False, True)],
)
def test_any_number_of_slabs_has_the_forces_of_predict(
    tmp_path, monkeypatch, functional, core, of_cell
):
    monkeypatch.chdir(tmp_path)
    prepared(functional=functional, core=core, of_cell=of_cell)
    expected = predicted().derivatives
    found = []
    for slabs in (1, 2, 5):
        settings, folder = with_forces(slabs=slabs), Path(str(slabs))
        jobs(folder, settings)
        found.append(summed(folder, settings))
    # What goes through components of the cell is a sum over all points that nearly cancel.
    close_to_predict = 1e-8 if of_cell else 1e-9
    for one in found:
        close(one.forces_per_network, expected.forces_per_network, close_to_predict)
        close(one.stress_per_network, expected.stress_per_network, close_to_predict)
        close(one.forces_error_bar, expected.forces_error_bar, 1e-8)
        close(one.forces_per_network, found[0].forces_per_network, 1e-12)
        close(one.stress_per_network, found[0].stress_per_network, 1e-12)


def test_ase_reads_the_forces_and_the_document_sums_them_up(two):
    folder, settings = two
    document, atoms = gather(folder, settings)
    expected = predicted()
    derivatives = expected.derivatives
    # The format has eight decimals.
    np.testing.assert_allclose(atoms.get_forces(), derivatives.forces, rtol=0, atol=2e-8)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), derivatives.stress, atol=2e-8)
    np.testing.assert_allclose(atoms.arrays["forces_std"], derivatives.forces_std, atol=2e-8)
    bars = atoms.arrays["forces_error_bar"]
    np.testing.assert_allclose(bars, derivatives.forces_error_bar, rtol=0, atol=2e-8)
    assert atoms.get_potential_energy() == pytest.approx(
        np.mean(expected.energies["total_free_energy"]), abs=1e-6
    )
    net = document["net_force_ev_per_angstrom"]
    np.testing.assert_allclose(net, derivatives.forces.sum(0), rtol=0, atol=1e-7)
    assert document["forces_std_rms_ev_per_angstrom"] == pytest.approx(
        np.sqrt((derivatives.forces_std**2).mean()), rel=1e-7
    )
    assert document["forces_error_bar_rms_ev_per_angstrom"] == pytest.approx(
        np.sqrt((derivatives.forces_error_bar**2).mean()), rel=1e-7
    )
    assert document["force_error_bar_calibration"] == BAR.as_document()
    stress = document["stress_ev_per_cubic_angstrom"]
    np.testing.assert_allclose(stress["mean"], derivatives.stress, rtol=0, atol=1e-9)
    assert ONE_VOLUME in document["warnings"]
    assert NOT_CALIBRATED not in document["warnings"]
    assert set(document["provenance"]["inputs"]) >= {f"/{GRADIENT}", "/pulled-1.zarr.zip"}


def test_a_slab_far_from_all_atoms_adds_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    atoms = aluminium(3)
    atoms.center(vacuum=8.0, axis=0)
    atoms.write("large.extxyz")
    written(Path(), seeds=1)
    settings = with_forces(slabs=5).model_copy(update={"grid": [20, 6, 6]})
    jobs(Path(), settings)
    slabs = [read_pulled(path) for path in pulled_files(Path(), settings)]
    assert [len(slab.atoms) for slab in slabs] == [1, 4, 4, 4, 1]
    assert not slabs[0].positions.any()
    expected = predicted(grid=(20, 6, 6)).derivatives
    close(summed(Path(), settings).forces, expected.forces, 1e-9)


def test_forces_alone_and_an_uncalibrated_surrogate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    aluminium(3).write("large.extxyz")
    written(Path(), seeds=1)
    settings = with_forces(slabs=1, stress=False)
    jobs(Path(), settings)
    document, atoms = gather(Path(), settings)
    assert NOT_CALIBRATED in document["warnings"]
    assert document["forces_std_rms_ev_per_angstrom"] is None
    assert document["forces_error_bar_rms_ev_per_angstrom"] is None
    assert "stress_ev_per_cubic_angstrom" not in document
    assert ONE_VOLUME not in document["warnings"]
    assert "stress" not in atoms.calc.results
    assert "forces_error_bar" not in atoms.arrays


def test_the_energies_are_the_same_with_and_without_forces(two):
    folder, settings = two
    document, _ = gather(folder, settings)
    plain = settings_for(slabs=2)
    assert plain.deciding() == settings.deciding()  # so that no slab is computed again
    predict_large(
        settings=plain, seed=0, threads=1, **INPUTS, bracket=folder / "bracket.json",
        slabs=slab_files(folder, plain), energies=folder / "plain.json",
        dos=folder / "dos.csv", density=folder / "density.zarr.zip",
    )  # fmt: skip
    found = json.loads((folder / "plain.json").read_text())
    assert found["total_free_energy_ev"] == document["total_free_energy_ev"]
    assert "net_force_ev_per_angstrom" not in found


@pytest.mark.parametrize("name", ["pulled-1.zarr.zip", GRADIENT])
def test_a_damaged_file_of_forces_is_named(two, name):
    folder, settings = two
    path = folder / name
    sound = path.read_bytes()
    for place in (len(sound) // 3, len(sound) // 2, len(sound) - 200):
        content = bytearray(sound)
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}(.|\n)*delete it"):  # noqa: PT012 - either
            pull(folder, settings, 0)
            gather(folder, settings)
    path.unlink()
    with pytest.raises(DataError, match=rf"missing(.|\n)*{name}"):
        gather(folder, settings)


def test_a_file_that_is_something_else_is_no_file_of_forces(two):
    folder, settings = two
    gradient, (first, _) = folder / GRADIENT, pulled_files(folder, settings)
    sound = first.read_bytes()
    first.write_bytes(gradient.read_bytes())
    with pytest.raises(DataError, match=r"holds no forces through a slab(.|\n)*pulled-0"):
        gather(folder, settings)
    gradient.write_bytes(sound)
    with pytest.raises(DataError, match=r"holds no derivatives(.|\n)*gradient"):
        pull(folder, settings, 0)


def test_forces_of_another_task_are_not_summed(two):
    folder, settings = two
    first, second = pulled_files(folder, settings)
    sound = second.read_bytes()
    second.write_bytes(first.read_bytes())
    with pytest.raises(DataError, match=r"not of this large cell(.|\n)*pulled-1(.|\n)*\(5, 10\)"):
        gather(folder, settings)
    second.write_bytes(sound)
    aluminium(4).write("large.extxyz")
    with pytest.raises(DataError, match=r"not one of this large cell(.|\n)*gradient(.|\n)*another"):
        pull(folder, settings, 0)
    scatter(folder, settings, INPUTS)
    differentiate(folder, settings)
    pull(folder, settings, 0)
    with pytest.raises(DataError, match=r"not one of this large cell(.|\n)*pulled-1"):
        gather(folder, settings)
    pull(folder, settings, 1)  # that job alone is needed
    gather(folder, settings)


def test_forces_that_are_not_finite_are_refused(two):
    folder, settings = two
    path = pulled_files(folder, settings)[0]
    slab = read_pulled(path)
    slab.positions[0, 2, 1] = np.nan
    write_pulled(path, slab)
    with pytest.raises(DataError, match=r"pulled-0(.|\n)*not finite"):
        gather(folder, settings)


def test_another_grid_and_a_slab_of_too_large_a_number_are_refused(two):
    folder, settings = two
    with pytest.raises(DataError, match=r"another grid(.|\n)*gradient(.|\n)*\(10, 9, 9\)"):
        pull(folder, settings.model_copy(update={"grid": [10, 9, 9]}), 0)
    with pytest.raises(ConfigError, match="no such slab"):
        predict_large_pull(
            settings=settings, seed=0, threads=1, slab=2, **INPUTS, gradient=folder / GRADIENT,
            pulled=folder / "pulled-2.zarr.zip",
        )  # fmt: skip


def test_memory_for_the_derivatives_is_looked_at_before_the_first_slab(two, monkeypatch):
    assert memory.whole_grid_bytes(4, derivatives=False) == memory.DENSITY_POINT_BYTES
    assert memory.whole_grid_bytes(4, derivatives=True) == 416 + 32
    folder, settings = two
    pages = 300 * 10 * 9 * 8
    monkeypatch.setattr(memory.os, "sysconf", lambda name: pages if name == "SC_PHYS_PAGES" else 1)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    common = {"seed": 0, "threads": 1, **INPUTS, "bracket": folder / "bracket.json"}
    with pytest.raises(EngineError, match=r"too small(.|\n)*forces and stress take most"):
        predict_large_bracket(settings=settings, **common)
    predict_large_bracket(settings=settings_for(slabs=2), **common)
