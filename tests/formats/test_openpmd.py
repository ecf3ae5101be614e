"""LDOS in the openPMD layout of MALA: one HDF5 dataset per energy, with units and spacing."""

import dataclasses

import numpy as np
import pytest
from finished_data import LDOS, displaced_cell, ldos_values, result_of, write_snapshot

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.units import BOHR_ANGSTROM, RYDBERG_EV

h5py = pytest.importorskip("h5py")
SHAPE = (8, 9, 10)
# 1 eV is 1.602176634e-19 J; MALA writes the constants of CODATA 2014.
SI = 6.241509125883258e48


@pytest.fixture
def sidecar(tmp_path):
    path = write_snapshot(tmp_path, shape=SHAPE)
    (tmp_path / "a.out.npy").unlink()
    write_openpmd(tmp_path / "a.out.h5", ldos_values(displaced_cell(), SHAPE))
    return path


def write_openpmd(path, values, unit=SI, scale=1.0, iteration="0"):
    """As MALA lays it out; the energies are written in an order that sorting by name would break."""
    with h5py.File(path, "w") as file:
        mesh = file.create_group(f"data/{iteration}/meshes/LDOS")
        mesh.attrs["gridSpacing"] = scale * 4.05 / np.array(values.shape[:3])
        mesh.attrs["gridUnitSI"] = 1e-10
        for number in range(values.shape[-1]):
            feature = mesh.create_dataset(str(number), data=values[..., number])
            feature.attrs["unitSI"] = unit


def test_it_is_read_as_the_numpy_form_is(sidecar):
    calculation, result = open_finished(sidecar), result_of(sidecar)
    assert calculation.files(LDOS)[1].name == "a.out.h5"
    data = calculation.ldos(LDOS, result)
    np.testing.assert_array_equal(data, ldos_values(displaced_cell(), SHAPE))
    assert data.dtype == np.float32


def test_another_unit_is_converted_by_what_the_file_says(sidecar, tmp_path):
    values, factor = ldos_values(displaced_cell(), SHAPE), RYDBERG_EV * BOHR_ANGSTROM**3
    write_openpmd(tmp_path / "a.out.h5", values * factor, unit=SI / factor)
    data = open_finished(sidecar).ldos(LDOS, result_of(sidecar))
    np.testing.assert_allclose(data, values, rtol=2e-6)


def test_the_grid_of_another_cell_is_recognised(sidecar, tmp_path):
    write_openpmd(tmp_path / "a.out.h5", ldos_values(displaced_cell(), SHAPE), scale=1.02)
    with pytest.raises(DataError, match=r"grid of another cell(.|\n)*0\.5164"):
        open_finished(sidecar).check(LDOS, result_of(sidecar))


def test_a_number_type_that_is_none_is_a_damaged_file(sidecar, tmp_path):
    path = tmp_path / "a.out.h5"
    whole = path.read_bytes()
    start = whole.index(b"gridSpacing")
    bias = whole.index(b"\x34\xff\x03\x00\x00", start) + 1
    path.write_bytes(whole[:bias] + bytes(4) + whole[bias + 4 :])
    with pytest.raises(DataError, match=r"the file is damaged(.|\n)*RuntimeError"):
        open_finished(sidecar).check(LDOS, result_of(sidecar))


def test_wrong_numbers_of_energies_and_damaged_files(sidecar, tmp_path):
    result, path = result_of(sidecar), tmp_path / "a.out.h5"
    write_openpmd(path, ldos_values(displaced_cell(), SHAPE)[..., :70])
    with pytest.raises(DataError, match=r"70 energies: set ldos\.minimum_ev"):
        open_finished(sidecar).check(LDOS, result)
    with h5py.File(path, "a") as file:
        file["data/0/meshes/LDOS/3"].attrs["unitSI"] = 1.0
    with pytest.raises(DataError, match="features in different units"):
        open_finished(sidecar).check(LDOS, result)
    with h5py.File(path, "w") as file:
        file.create_group("data/0/meshes/Density")
    with pytest.raises(DataError, match=r"holds no LDOS in MALA's openPMD layout"):
        open_finished(sidecar).check(LDOS, result)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"damaged, or holds no LDOS"):
        open_finished(sidecar).check(LDOS, result)


def test_the_kernel_is_asked_for_here_too(sidecar):
    window = dataclasses.replace(LDOS, kernel_is_given=False)
    with pytest.raises(ConfigError, match=r"ldos\.kernel"):
        open_finished(sidecar).check(window, result_of(sidecar))


def mesh_attributes(path, **changes):
    """Set attributes of the mesh; None removes one."""
    with h5py.File(path, "a") as file:
        attributes = file["data/0/meshes/LDOS"].attrs
        for key, value in changes.items():
            del attributes[key]
            if value is not None:
                attributes[key] = value


@pytest.mark.parametrize("unit", [1e-10, None])
@pytest.mark.parametrize("default", [[1.0], 1.0, [1]])
def test_a_spacing_that_was_left_at_the_default_is_not_known(sidecar, tmp_path, default, unit):
    mesh_attributes(tmp_path / "a.out.h5", gridSpacing=default, gridUnitSI=unit)
    open_finished(sidecar).check(LDOS, result_of(sidecar))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gridUnitSI": None}, "gridUnitSI missing"),
        ({"gridUnitSI": "angstrom"}, "gridUnitSI angstrom"),
        ({"gridUnitSI": float("nan")}, "gridUnitSI nan"),
        ({"gridUnitSI": [1e-10, 1e-10]}, "gridUnitSI"),
        ({"gridSpacing": [0.5, 0.5]}, r"gridSpacing \[0\.5, 0\.5\]"),
        ({"gridSpacing": [0.5]}, r"gridSpacing \[0\.5\]"),
        ({"gridSpacing": [0.5, 0.5, -0.5]}, r"-0\.5\]"),
        ({"gridSpacing": ["a", "b", "c"]}, "gridSpacing"),
        ({"gridSpacing": np.eye(3)}, "gridSpacing"),
    ],
)
def test_a_spacing_that_is_none_is_said_with_what_is_there(sidecar, tmp_path, changes, words):
    mesh_attributes(tmp_path / "a.out.h5", **changes)
    with pytest.raises(DataError, match=rf"spacing of its grid(.|\n)*got(.|\n)*{words}"):
        open_finished(sidecar).check(LDOS, result_of(sidecar))
