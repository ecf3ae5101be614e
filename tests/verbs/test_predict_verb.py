"""`surrogate-hpo predict` and the ASE calculator: files, options, refusals."""

import csv
import json

import numpy as np
import pytest
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces
from ase.io import read, write
from ase.io.cube import read_cube_data
from ase.optimize import BFGS
from small_surrogate import ENERGY, GRID, aluminium, electrons_of, written

from surrogate_hpo.calculator import SurrogateCalculator
from surrogate_hpo.cli import main
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.data.predicted_fields import read_density
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.formats.cubes.ldos import read_cube
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.units import BOHR_ANGSTROM

ENERGIES = ("total_free_energy_ev", "fermi_energy_ev", "band_energy_ev", "entropy_term_ev")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    written(folder)
    written(folder / "one", seeds=1)
    write(folder / "three.xyz", [aluminium(seed) for seed in range(3)], format="extxyz")
    write(folder / "POSCAR", aluminium(1), format="vasp")
    return folder


def predict(folder, structures, output, *options, surrogate="surrogate.pt"):
    files = [str(folder / surrogate), str(folder / structures)]
    main(["predict", *files, "--output", str(folder / output), *options])


@pytest.fixture(scope="module")
def predicted(folder):
    predict(folder, "POSCAR", "vasp", "--ldos")
    return folder / "vasp"


def test_the_document_has_means_error_bars_and_all_values(predicted):
    document = json.loads((predicted / "prediction.json").read_text())
    for key in ENERGIES:
        found = document[key]
        assert found["mean"] == pytest.approx(np.mean(found["per_seed"]))
        assert found["std_over_seeds"] == pytest.approx(np.std(found["per_seed"], ddof=1))
        assert len(found["per_seed"]) == 2
    assert document["total_free_energy_ev_per_atom"]["mean"] == pytest.approx(
        document["total_free_energy_ev"]["mean"] / 4
    )
    assert (document["atoms"], document["electrons"], document["grid"]) == (4, 12.0, list(GRID))
    assert document["electronic_temperature_kelvin"] == 5000.0
    assert document["warnings"] == []
    assert document["descriptors_outside_of_training_range"]["fraction_of_points"] == 0
    record = document["provenance"]
    assert record["surrogate"]["stage"] == "surrogate"
    assert {name.rpartition("/")[2] for name in record["inputs"]} == {"surrogate.pt", "POSCAR"}


def test_density_cube_and_store_hold_the_electrons_and_agree(predicted):
    store = read_density(predicted / "density.zarr.zip")
    assert electrons_of(store.values, store.cell) == pytest.approx(12.0, abs=1e-9)
    assert store.deviation.min() >= 0
    assert store.deviation.max() > 0
    values, atoms = read_cube_data(str(predicted / "density.cube"))
    np.testing.assert_allclose(values / BOHR_ANGSTROM**3, store.values, rtol=1e-6)
    np.testing.assert_allclose(atoms.positions, aluminium(1).positions, atol=1e-6)
    assert atoms.get_chemical_formula() == "Al4"
    np.testing.assert_allclose(read_cube(predicted / "density.cube").cell, store.cell, atol=1e-6)


def test_dos_and_ldos_are_those_of_the_density(predicted):
    with (predicted / "dos.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == [
        *("energy_ev", "dos_per_ev", "dos_std_per_ev", "seed_0_per_ev", "seed_1_per_ev")
    ]
    np.testing.assert_allclose([float(row["energy_ev"]) for row in rows], ENERGY)
    ldos = read_ldos(predicted / "ldos.zarr.zip")
    assert (ldos.kernel, ldos.width, ldos.electrons) == ("gaussian", 0.5, 12.0)
    dos = ldos.values.sum((0, 1, 2), dtype=np.float64) * ldos.volume_element
    np.testing.assert_allclose([float(row["dos_per_ev"]) for row in rows], dos, rtol=1e-5)
    assert {path.name for path in predicted.iterdir()} == {
        *("prediction.json", "dos.csv", "density.cube", "density.zarr.zip", "ldos.zarr.zip")
    }


def test_several_frames_get_a_folder_each_and_a_table(folder, predicted):
    predict(folder, "three.xyz", "all", "--index", ":", "--block-points", "300")
    with (folder / "all/predictions.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["atoms"] for row in rows] == ["4", "4", "4"]
    single = json.loads((predicted / "prediction.json").read_text())
    for key in ENERGIES:
        for number, row in enumerate(rows):
            document = json.loads((folder / f"all/{number:04d}/prediction.json").read_text())
            assert float(row[key]) == pytest.approx(document[key]["mean"], abs=1e-12)
        # The second frame is the one of POSCAR.
        assert float(rows[1][key]) == pytest.approx(single[key]["mean"], abs=1e-6)
    assert not (folder / "all/0000/ldos.zarr.zip").exists()


def test_one_network_has_no_error_bar(folder):
    predict(folder, "POSCAR", "single", surrogate="one/surrogate.pt")
    document = json.loads((folder / "single/prediction.json").read_text())
    assert document["total_free_energy_ev"]["std_over_seeds"] is None
    assert read_density(folder / "single/density.zarr.zip").deviation is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "gap"], r"--engine(.|\n)*native, torch, lammps(.|\n)*gap"),
        (["--precision", "half"], r"--precision(.|\n)*float64 or float32(.|\n)*half"),
        (["--engine", "lammps", "--precision", "float32"], r"float64 with --engine lammps"),
        (["--use-gpu"], r"--use-gpu(.|\n)*--engine torch(.|\n)*native"),
        (["--threads", "0"], r"--threads(.|\n)*1 or more"),
        (["--block-points", "-3"], r"--block-points(.|\n)*1 or more"),
        (["--electronic-temperature", "-1"], "more than 0 K"),
        (["--grid", "10", "10"], r"--grid(.|\n)*three numbers of points"),
        (["--electronic-temperature", "inf"], "more than 0 K"),
        (["--index", "7"], "the index selects no structure"),
        (["--index", "first"], r"index of the structures is none(.|\n)*start:stop(.|\n)*'first'"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_any_work(folder, options, message):
    with pytest.raises(SystemExit, match=message):
        predict(folder, "three.xyz@0" if "--index" not in options else "three.xyz", "no", *options)
    assert not (folder / "no").exists()


def test_an_earlier_prediction_does_not_stay_beside_a_new_one(folder):
    predict(folder, "POSCAR", "twice", "--ldos")
    predict(folder, "three.xyz@0", "twice")  # other atoms: the LDOS would not be theirs
    assert {path.name for path in (folder / "twice").iterdir()} == {
        *("prediction.json", "dos.csv", "density.cube", "density.zarr.zip")
    }
    record = json.loads((folder / "twice/prediction.json").read_text())["provenance"]
    assert {name.rpartition("/")[2] for name in record["inputs"]} == {"surrogate.pt", "three.xyz"}
    assert record["structures"].endswith("three.xyz@0")


def test_folders_of_several_structures_do_not_stay_beside_a_single_one(folder):
    predict(folder, "three.xyz@:2", "fewer")
    (folder / "fewer/0001/mine.txt").write_text("mine")
    predict(folder, "POSCAR", "fewer")
    assert {path.name for path in (folder / "fewer").iterdir()} == {
        *("0001", "prediction.json", "dos.csv", "density.cube", "density.zarr.zip")
    }
    assert [path.name for path in (folder / "fewer/0001").iterdir()] == ["mine.txt"]


def test_a_structure_that_the_prediction_would_remove_is_refused(folder):
    predict(folder, "POSCAR", "own", "--stress")
    before = (folder / "own/structure.extxyz").read_bytes()
    with pytest.raises(SystemExit, match=r"--output(.|\n)*files are not the input"):
        predict(folder, "own/structure.extxyz", "own")
    assert (folder / "own/structure.extxyz").read_bytes() == before


def test_a_structure_in_place_of_the_surrogate_is_not_to_be_deleted(folder):
    with pytest.raises(SystemExit, match=r"POSCAR(.|\n)*any other: name the right file"):
        predict(folder, "POSCAR", "no", surrogate="POSCAR")


def test_an_output_folder_that_cannot_be_one_is_refused_before_any_work(folder):
    (folder / "file").write_text("mine")
    for place in ("file", "file/below"):
        with pytest.raises(SystemExit, match=r"cannot be written to(.|\n)*file(.|\n)*--output"):
            predict(folder, "POSCAR", place)
    assert (folder / "file").read_text() == "mine"


def test_all_frames_are_looked_at_before_the_first_is_computed(folder):
    other = aluminium(1)
    other.symbols[2] = "Be"
    write(folder / "mixed.xyz", [aluminium(0), other], format="extxyz")
    with pytest.raises(SystemExit, match=r"not trained on all elements(.|\n)*Be"):
        predict(folder, "mixed.xyz", "mixed", "--index", ":")
    assert not (folder / "mixed").exists()


def test_the_calculator_gives_the_same_energies(folder, predicted, tmp_path):
    atoms = aluminium(1)
    atoms.calc = SurrogateCalculator(folder / "surrogate.pt", scratch=tmp_path)
    document = json.loads((predicted / "prediction.json").read_text())
    expected = document["total_free_energy_ev"]
    assert atoms.get_potential_energy() == pytest.approx(expected["mean"], abs=1e-6)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    results = atoms.calc.results
    assert "forces" not in results  # nobody has asked for them
    assert results["free_energy_std"] == pytest.approx(expected["std_over_seeds"], abs=1e-6)
    assert results["fermi_energy"] == pytest.approx(document["fermi_energy_ev"]["mean"], abs=1e-6)
    assert results["warnings"] == []
    with pytest.raises(PropertyNotImplementedError, match=r"energies, forces and stress.*dipole"):
        atoms.get_dipole_moment()
    before = atoms.get_potential_energy()
    atoms.positions[0, 0] += 0.05
    assert abs(atoms.get_potential_energy() - before) > 1e-6
    assert list(tmp_path.iterdir()) == []


def test_the_calculator_has_forces_and_stress_in_the_form_of_ase(folder, tmp_path):
    atoms = aluminium(1)
    atoms.calc = SurrogateCalculator(
        folder / "surrogate.pt", scratch=tmp_path, grid=GRID, force_spread=True
    )
    found = predict_structure(
        read_surrogate(folder / "surrogate.pt"), atoms, Conditions(grid=GRID), tmp_path,
        forces="each",
    ).derivatives  # fmt: skip
    np.testing.assert_allclose(atoms.get_forces(), found.forces, atol=1e-9)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), found.stress, atol=1e-9)
    xx, yy, zz, yz, xz, xy = atoms.get_stress()
    np.testing.assert_allclose([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], found.stress, atol=1e-9)
    np.testing.assert_allclose(atoms.calc.results["forces_std"], found.forces_std, atol=1e-9)
    assert atoms.calc.results["stress_std"].shape == (6,)
    (warning,) = atoms.calc.results["stress_warnings"]
    assert "the pressure means nothing" in warning
    # ASE's own finite differences of the energy: single precision and a step of 0.01 Å.
    numerical = calculate_numerical_forces(atoms, 0.01, iatoms=[2])
    np.testing.assert_allclose(numerical[0], found.forces[2], rtol=0, atol=1e-3)


def test_a_relaxation_runs_downhill_on_one_reading_of_the_file(folder, monkeypatch):
    atoms = aluminium(1)
    atoms.calc = SurrogateCalculator(folder / "surrogate.pt")
    monkeypatch.setattr("surrogate_hpo.calculator.read_surrogate", None)
    before = np.linalg.norm(atoms.get_forces(), axis=1).max()
    energy = atoms.get_potential_energy()
    BFGS(atoms, logfile=None, maxstep=0.02).run(fmax=0.3 * before, steps=10)
    assert np.linalg.norm(atoms.get_forces(), axis=1).max() < 0.3 * before
    assert atoms.get_potential_energy() < energy


def test_forces_and_stress_are_written_where_ase_reads_them(folder):
    predict(folder, "POSCAR", "forces", "--forces", "--stress")
    document = json.loads((folder / "forces/prediction.json").read_text())
    atoms = read(folder / "forces/structure.extxyz")
    forces, stress = (
        document[name] for name in ("forces_ev_per_angstrom", "stress_ev_per_cubic_angstrom")
    )
    total = document["total_free_energy_ev"]["mean"]
    assert atoms.get_potential_energy() == pytest.approx(total, abs=1e-6)
    assert atoms.get_potential_energy(force_consistent=True) == pytest.approx(total, abs=1e-6)
    np.testing.assert_allclose(atoms.get_forces(), forces["mean"], atol=1e-6)
    np.testing.assert_allclose(atoms.arrays["forces_std"], forces["std_over_seeds"], atol=1e-6)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), stress["mean"], atol=1e-6)
    np.testing.assert_allclose(np.mean(stress["per_seed"], axis=0), stress["mean"])
    np.testing.assert_allclose(np.std(stress["per_seed"], axis=0, ddof=1), stress["std_over_seeds"])
    assert any("no change of volume" in warning for warning in document["warnings"])
    calculator = SurrogateCalculator(folder / "surrogate.pt")
    again = aluminium(1)
    again.calc = calculator
    np.testing.assert_allclose(again.get_forces(), forces["mean"], atol=1e-5)


def test_several_frames_have_their_forces_in_one_file(folder):
    predict(folder, "three.xyz", "frames", "--index", ":", "--forces")
    frames = read(folder / "frames/predictions.extxyz", ":")
    with (folder / "frames/predictions.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    for number, (atoms, row) in enumerate(zip(frames, rows, strict=True)):
        alone = read(folder / f"frames/{number:04d}/structure.extxyz")
        np.testing.assert_array_equal(atoms.get_forces(), alone.get_forces())
        assert "stress" not in atoms.calc.results
        largest = np.linalg.norm(atoms.get_forces(), axis=1).max()
        assert float(row["largest_force_ev_per_angstrom"]) == pytest.approx(largest, abs=1e-6)
        spread = np.sqrt((atoms.arrays["forces_std"] ** 2).mean())
        assert float(row["forces_std_rms_ev_per_angstrom"]) == pytest.approx(spread, abs=1e-6)
    assert "pressure_ev_per_cubic_angstrom" not in rows[0]
    predict(folder, "three.xyz", "frames", "--index", ":")  # without forces: none may stay
    assert not (folder / "frames/predictions.extxyz").exists()
    assert not (folder / "frames/0000/structure.extxyz").exists()


def test_stress_alone_and_one_network(folder):
    predict(folder, "three.xyz@0", "stress", "--stress", surrogate="one/surrogate.pt")
    document = json.loads((folder / "stress/prediction.json").read_text())
    assert "forces_ev_per_angstrom" not in document
    assert document["stress_ev_per_cubic_angstrom"]["std_over_seeds"] is None
    assert "forces_std" not in read(folder / "stress/structure.extxyz").arrays


def test_the_calculator_refuses_molecules(folder):
    atoms = aluminium(1)
    atoms.pbc = False
    atoms.calc = SurrogateCalculator(folder / "surrogate.pt")
    for wanted in (atoms.get_potential_energy, atoms.get_forces, atoms.get_stress):
        with pytest.raises(DataError, match=r"not periodic(.|\n)*atoms\.pbc = True"):
            wanted()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.positions.__setitem__(1, a.positions[0] + 0.1), r"two atoms overlap"),
        (lambda a: a.cell.__setitem__(2, 0.0), r"not periodic in three"),
        (lambda a: a.__delitem__(slice(None)), r"no atoms(.|\n)*0 atoms"),
    ],
)
def test_the_calculator_refuses_what_the_verb_refuses(folder, change, message):
    atoms = aluminium(1)
    change(atoms)
    atoms.calc = SurrogateCalculator(folder / "surrogate.pt")
    for wanted in (atoms.get_potential_energy, atoms.get_forces):
        with pytest.raises(DataError, match=message):
            wanted()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "gap"}, "one of native"),
        ({"threads": 0}, "1 or more"),
        ({"electronic_temperature": 0}, "more than 0 K"),  # was once taken for the training's
        ({"use_gpu": True}, "engine torch"),
    ],
)
def test_the_calculator_refuses_options_that_make_no_sense(folder, options, message):
    with pytest.raises(ConfigError, match=message):
        SurrogateCalculator(folder / "surrogate.pt", **options)
    with pytest.raises(DataError, match="scratch"):
        SurrogateCalculator(folder / "surrogate.pt", scratch=folder / "nowhere")


def test_help_needs_no_run_and_explains_files_and_units(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["predict", "--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(word in text for word in ("file that ASE reads", "Å", "K, for the occupations"))
    assert "--config" not in text
