"""Data in MALA's form: what is read, what is asked for, and every fault by its name."""

import dataclasses
import json
import pickle
import sys

import numpy as np
import pytest
import yaml
from finished_data import (
    DFT,
    ELECTRONS,
    FERMI_ENERGY,
    LDOS,
    TEMPERATURE,
    displaced_cell,
    edit_sidecar,
    ldos_values,
    result_of,
    sidecar_document,
    write_snapshot,
)

from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.dft_results import read_dft_result, write_dft_result
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import ConfigError, DataError, EngineError
from surrogate_hpo.files.tables import read_table, write_table
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.labels.dft_guards import check_bands, check_window
from surrogate_hpo.predict.accuracies import accuracies
from surrogate_hpo.predict.energies import baseline_energies, reference_energies
from surrogate_hpo.run.case import case_of
from surrogate_hpo.run.request import need_of
from surrogate_hpo.stages.dft.settings import DftSettings
from surrogate_hpo.stages.ldos.settings import LdosSettings


@pytest.fixture
def sidecar(tmp_path):
    return write_snapshot(tmp_path)


def test_a_snapshot_is_read_as_it_is(sidecar):
    calculation = open_finished(sidecar)
    atoms, result = calculation.structure(), calculation.result(DFT)
    np.testing.assert_array_equal(atoms.positions, displaced_cell().positions)
    assert result.species == ("Al",) * 4
    assert (result.electrons, result.fermi_energy) == (ELECTRONS, FERMI_ENERGY)
    assert result.electronic_temperature == pytest.approx(TEMPERATURE, rel=1e-14)
    assert result.total_free_energy == -220.0
    assert result.density_cutoff_rydberg == 32.0
    data = calculation.ldos(LDOS, result)
    np.testing.assert_array_equal(data, np.load(sidecar.parent / "a.out.npy"))
    assert data.dtype == np.float32
    assert calculation.files(LDOS) == [sidecar, sidecar.parent / "a.out.npy"]


def test_the_array_names_the_snapshot_as_well_as_the_sidecar_does(sidecar):
    assert open_finished(sidecar.parent / "a.out.npy") == open_finished(sidecar)


def test_what_the_sidecar_does_not_know_is_not_known_and_never_zero(sidecar, tmp_path):
    edit_sidecar(sidecar, hartree_contribution=None, band_energy_dft_calculation=None)
    result = result_of(sidecar)
    unknown = (result.xc_potential_energy, result.hartree_energy, result.band_energy)
    assert unknown == (None, None, None)
    assert not result.knows_bands
    assert np.isnan(result.energy_sum_error)
    write_dft_result(tmp_path / "a.json", result, {})
    stored = json.loads((tmp_path / "a.json").read_text())
    assert stored["hartree_energy_ev"] is None
    assert stored["eigenvalues_ev"] is None
    back = read_dft_result(tmp_path / "a.json")
    assert back.hartree_energy is None
    assert back.eigenvalues.shape == (0, 0)
    assert back.k_points.shape == (0, 3)
    check_bands(back, where="x")
    check_window(back, LdosAxis(LDOS.energy, "gaussian", 0.5), where="x")


@pytest.mark.parametrize(
    ("changes", "settings", "key"),
    [
        ({}, {}, r"dft\.functional"),
        ({"ecutrho": None}, {"functional": "pbe"}, r"dft\.density_cutoff_rydberg"),
        ({"temperature": None}, {"functional": "pbe"}, r"dft\.electronic_temperature_kelvin"),
    ],
)
def test_missing_knowledge_is_asked_for_by_its_key(sidecar, changes, settings, key):
    edit_sidecar(sidecar, **changes)
    with pytest.raises(ConfigError, match=rf"not guessed(.|\n)*{key} in the config"):
        open_finished(sidecar).result(
            DftSettings(pseudopotentials={"Al": "x"}, **settings).supplement()
        )


def test_the_kernel_is_asked_for_although_it_has_a_default(sidecar):
    unsaid = LdosSettings(width_ev=0.5, minimum_ev=-6.0, maximum_ev=13.0, spacing_ev=0.25)
    assert unsaid.kernel == LDOS.kernel
    with pytest.raises(ConfigError, match=r"not guessed(.|\n)*ldos\.kernel and ldos\.width_ev"):
        open_finished(sidecar).check(unsaid.request(), result_of(sidecar))


def test_a_rounded_temperature_is_replaced_and_another_one_refused(sidecar):
    # 0.0317 Ry, as pw.x prints 5000 K.
    edit_sidecar(sidecar, temperature=5005.0)
    exact = dataclasses.replace(DFT, electronic_temperature_kelvin=5000.0)
    result = open_finished(sidecar).result(exact)
    assert result.electronic_temperature == pytest.approx(5000, rel=1e-14)
    edit_sidecar(sidecar, temperature=5010.0)
    with pytest.raises(ConfigError, match=r"contradicts(.|\n)*5010"):
        open_finished(sidecar).result(exact)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fermi_energy_dft", None),
        ("fermi_energy_dft", "8.7"),
        ("number_of_electrons_exact", float("nan")),
        ("grid_dimensions", [10, 10]),
        ("grid_dimensions", [10.5, 10, 10]),
        ("atoms", None),
    ],
)
def test_a_damaged_sidecar_names_its_key(sidecar, key, value):
    edit_sidecar(sidecar, **{key: value})
    with pytest.raises(
        DataError, match=rf"sidecar(.|\n)*{'key ' + key if value else key}|its atoms"
    ):
        result_of(sidecar)


def test_energies_that_do_not_add_up_are_refused(sidecar):
    edit_sidecar(sidecar, hartree_contribution=1.0 / 13.605693)
    with pytest.raises(DataError, match=r"do not add up(.|\n)*-220\.000000 eV within"):
        result_of(sidecar)
    edit_sidecar(sidecar, ewald_contribution=None)
    assert result_of(sidecar).ewald_energy is None


def test_a_mismatched_cell_is_recognised(sidecar):
    document = json.loads(sidecar.read_text())
    document["voxel"]["array"][0][0] *= 1.01
    sidecar.write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"another cell than that of its atoms(.|\n)*voxel times"):
        open_finished(sidecar).structure()


def test_files_that_are_missing_doubled_or_unknown(sidecar, tmp_path):
    with pytest.raises(DataError, match=r"does not exist(.|\n)*info\.json"):
        open_finished(tmp_path / "none.info.json")
    (tmp_path / "a.out.h5").touch()
    with pytest.raises(DataError, match=r"not one LDOS(.|\n)*a\.out\.npy, a\.out\.h5"):
        open_finished(sidecar)
    np.save(tmp_path / "b.out.npy", np.zeros(1))
    with pytest.raises(DataError, match=r"no sidecar(.|\n)*b\.info\.json"):
        open_finished(tmp_path / "b.out.npy")
    (tmp_path / "x.dat").touch()
    with pytest.raises(DataError, match=r"not of a finished calculation"):
        open_finished(tmp_path / "x.dat")
    with pytest.raises(DataError, match=r"not hold one finished calculation(.|\n)*got: none"):
        open_finished(tmp_path)


def test_a_truncated_array_and_one_of_objects(sidecar):
    path, result = sidecar.parent / "a.out.npy", result_of(sidecar)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"damaged or cut off"):
        open_finished(sidecar).check(LDOS, result)
    np.save(path, np.array([{}, 1], dtype=object))
    with pytest.raises(DataError, match=r"damaged or cut off"):
        open_finished(sidecar).check(LDOS, result)
    np.save(path, np.zeros((10, 10, 10, 77), dtype=np.int64))
    with pytest.raises(DataError, match=r"not hold floating-point(.|\n)*int64"):
        open_finished(sidecar).check(LDOS, result)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v[..., :-1], r"76 energies: set ldos\.minimum_ev"),
        (lambda v: v.transpose(2, 1, 0, 3), r"order z, y, x"),
        (lambda v: v.transpose(2, 0, 1, 3), r"order z, x, y"),
        (lambda v: v[:-1], r"two calculations were mixed"),
        (lambda v: v.reshape(-1, 77), r"axes x, y, z, energy"),
    ],
)
def test_a_shape_that_does_not_fit_says_how(tmp_path, change, message):
    sidecar = write_snapshot(tmp_path, shape=(8, 9, 10))
    path, result = tmp_path / "a.out.npy", result_of(sidecar)
    open_finished(sidecar).check(LDOS, result)
    np.save(path, change(np.load(path)))
    with pytest.raises(DataError, match=rf"does not fit the grid(.|\n)*{message}"):
        open_finished(sidecar).check(LDOS, result)


def test_coordinates_beside_the_descriptors_show_a_wrong_cell_or_order(tmp_path):
    shape = (8, 9, 10)
    sidecar, atoms = write_snapshot(tmp_path, shape=shape), displaced_cell()
    result, path = result_of(sidecar), tmp_path / "a.in.npy"
    points = grid_points(shape, atoms.cell[:]).reshape(*shape, 3)
    rest = np.zeros((*shape, 5))
    # LAMMPS turns cells: only lengths and angles count.
    turned = points @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    np.save(path, np.concatenate([turned, rest], axis=-1).astype(np.float32))
    open_finished(sidecar).check(LDOS, result)
    assert path in open_finished(sidecar).files(LDOS)
    np.save(path, np.concatenate([1.01 * points, rest], axis=-1))
    with pytest.raises(DataError, match=r"coordinates(.|\n)*of different cells"):
        open_finished(sidecar).check(LDOS, result)
    np.save(path, np.concatenate([points, rest], axis=-1)[:, :, :-1])
    with pytest.raises(DataError, match=r"another grid than the LDOS"):
        open_finished(sidecar).check(LDOS, result)


def test_coordinates_in_another_order_of_axes_are_named(tmp_path):
    atoms = displaced_cell()
    atoms.set_cell(atoms.cell[:] * np.array([[1.0], [1.1], [1.2]]), scale_atoms=True)
    shape, sidecar = (10, 10, 10), tmp_path / "a.info.json"
    sidecar.write_text(json.dumps(sidecar_document(atoms, shape)))
    np.save(tmp_path / "a.out.npy", ldos_values(atoms, shape))
    points = grid_points(shape, atoms.cell[:]).reshape(*shape, 3)
    columns = np.concatenate([points, np.zeros((*shape, 5))], axis=-1)
    np.save(tmp_path / "a.in.npy", columns.transpose(2, 1, 0, 3))
    with pytest.raises(DataError, match=r"coordinates(.|\n)*order z, y, x"):
        open_finished(sidecar).check(LDOS, result_of(sidecar))


def test_hdf5_without_its_library_says_what_to_install(sidecar, monkeypatch):
    result = result_of(sidecar)
    (sidecar.parent / "a.out.npy").rename(sidecar.parent / "a.out.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(EngineError, match=r"h5py(.|\n)*pip install 'surrogate-hpo\[hdf5\]'"):
        open_finished(sidecar).check(LDOS, result)


def test_what_an_import_will_ask_for_is_known_from_the_sidecars(project):
    for name in "abcd":
        write_snapshot(project, name, shape=(40, 40, 40) if name == "c" else (4, 4, 4))
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["dft"] = {"pseudopotentials": {"Al": "Al.UPF"}, "functional": "lda_pw92"}
    values["snapshots"] = {
        "method": "finished",
        "training": ["a.info.json", "b.out.npy"],
        "validation": ["c.info.json"],
        "test": ["d.info.json"],
    }
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    case = case_of(load_config([project / "config.yaml"]))
    assert (case.size.atoms, case.size.grid) == (4, (40, 40, 40))
    assert need_of("dft")(case).cpu_seconds == need_of("snapshots")(case).cpu_seconds
    array = 4 * case.grid_points * case.energies
    assert array < need_of("ldos")(case).memory_bytes < array * 6 + 400 * 2**20


def test_an_unknown_reference_has_an_unknown_error_and_the_others_theirs(sidecar, tmp_path):
    told = reference_energies("a", result_of(sidecar))
    edit_sidecar(sidecar, hartree_contribution=None)
    untold = reference_energies("b", result_of(sidecar))
    complete = dict.fromkeys(told.energies, 1.0)
    rows = [
        told,
        untold,
        *(
            dataclasses.replace(row, source=source, energies=complete)
            for row in (told, untold)
            for source in ("reference_ldos", "seed-0")
        ),
    ]
    found = accuracies(rows, [told, untold], ["seed-0"])
    of_one = 1000 * abs(1.0 - told.energies["hartree_energy"]) / 4
    assert found["hartree_energy"]["mae_mev_per_atom"] == pytest.approx(of_one)
    assert found["hartree_energy"]["known_snapshots"] == 1
    assert found["total_free_energy"]["known_snapshots"] == 2
    assert found["total_free_energy"]["mae_mev_per_atom"] == pytest.approx(1000 * 221 / 4)
    baseline, _ = baseline_energies([told], [told, untold])
    assert baseline[0].energies["hartree_energy"] == told.energies["hartree_energy"]
    write_table(tmp_path / "energies.csv", [untold.as_row()])
    (row,) = read_table(tmp_path / "energies.csv")
    assert row["hartree_energy_ev"] == ""
    assert float(row["total_free_energy_ev"]) == -220.0


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"pseudopotentials": ["Al.UPF"]}, r"key pseudopotentials(.|\n)*a JSON object"),
        ({"voxel": [1, 2]}, r"key voxel(.|\n)*a JSON object"),
        ({"ecutrho": -32.0}, r"key ecutrho(.|\n)*more than 0 Ry"),
        ({"surrogate_hpo": {"ldos": {"kernel": "gaussian"}}}, r"axis(.|\n)*minimum_ev"),
    ],
)
def test_a_sidecar_with_values_of_another_kind_is_refused_by_the_key(sidecar, changes, key):
    result = result_of(sidecar)
    edit_sidecar(sidecar, **changes)
    with pytest.raises(DataError, match=key):
        open_finished(sidecar).check(LDOS, open_finished(sidecar).result(DFT) and result)


@pytest.mark.parametrize("number", [0, -3, 13.5, 200])
def test_numbers_that_are_no_element_s_are_not_taken_for_one(sidecar, number):
    atoms = json.loads(sidecar.read_text())["atoms"]
    edit_sidecar(sidecar, atoms=atoms | {"numbers": [13, 13, 13, number]})
    with pytest.raises(DataError, match=r"atoms\.numbers(.|\n)*atomic numbers"):
        open_finished(sidecar).structure()


def test_zip_archives_and_pickles_called_npy_are_refused_without_being_loaded(sidecar):
    path = sidecar.parent / "a.out.npy"
    array, result = np.load(path), result_of(sidecar)
    for write in (lambda f: np.savez(f, array), lambda f: pickle.dump(array, f)):
        with path.open("wb") as file:
            write(file)
        with pytest.raises(DataError, match=r"complete \.npy file(.|\n)*magic") as refused:
            open_finished(sidecar).check(LDOS, result)
        assert "allow_pickle" not in str(refused.value)
    np.save(path, array.astype(object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        open_finished(sidecar).check(LDOS, result)


@pytest.mark.parametrize("form", [">f4", ">f8", "<f8"])
def test_byte_order_precision_and_memory_order_do_not_matter(sidecar, form):
    path = sidecar.parent / "a.out.npy"
    array, result = np.load(path), result_of(sidecar)
    np.save(path, np.asfortranarray(array.astype(form)))
    np.testing.assert_array_equal(open_finished(sidecar).ldos(LDOS, result), array)
