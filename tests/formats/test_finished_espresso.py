"""Finished runs of Quantum ESPRESSO: with wavefunctions, with cubes, with both and with neither."""

import dataclasses
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tiny_workflow import edit_config

from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.dft.ldos import ldos_from_bands
from surrogate_hpo.errors import ConfigError, DataError, PhysicsError
from surrogate_hpo.formats.cubes.ldos import run_pp_ldos
from surrogate_hpo.formats.espresso.engine import WHEEL_VARIABLE
from surrogate_hpo.formats.espresso.size import espresso_size
from surrogate_hpo.formats.espresso.wavefunctions import orbital_densities
from surrogate_hpo.formats.espresso.xml_file import read_espresso_xml
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.physics.ewald import ewald_energy
from surrogate_hpo.stages.dft.settings import DftSettings
from surrogate_hpo.stages.dft.stage import dft
from surrogate_hpo.stages.ldos.settings import LdosSettings
from surrogate_hpo.stages.ldos.stage import ldos
from surrogate_hpo.stages.snapshots.stage import make_snapshot
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV
from surrogate_hpo.verbs.check.verb import check

pytestmark = pytest.mark.qe
WAVES = LdosSettings(kernel="gaussian", width_ev=0.5, minimum_ev=-6, maximum_ev=13, spacing_ev=0.5)
CUBES = LdosSettings(
    source="cubes",
    kernel="fermi_dirac",
    width_ev=0.2,
    minimum_ev=-6,
    maximum_ev=13,
    spacing_ev=0.2,
)
XML = "data-file-schema.xml"


@pytest.fixture(scope="module")
def cubes(tiny_run, tmp_path_factory) -> Path:
    """A folder of pp.x: the .save folder without wavefunctions, and a cube per energy beside it."""
    folder = tmp_path_factory.mktemp("cubes")
    shutil.copytree(tiny_run.save, folder / "espresso.save")
    run_pp_ldos(folder, prefix="espresso", energy=CUBES.energy_axis(), width=CUBES.width_ev)
    for path in folder.glob("espresso.save/wfc*"):
        path.unlink()
    return folder


@pytest.fixture
def own(cubes, tmp_path) -> Path:
    """A copy to damage."""
    shutil.copytree(cubes, tmp_path / "own")
    return tmp_path / "own"


def through_the_stages(source: Path, window: LdosSettings, potential: Path, folder: Path):
    """Result and LDOS as the rules make them."""
    dft(
        settings=DftSettings(pseudopotentials={"Al": str(potential)}),
        seed=0,
        structure=folder / "none.extxyz",
        pseudopotentials=[potential],
        dft=folder / "a.json",
        finished=source,
    )
    store = folder / "a.zarr.zip"
    ldos(settings=window, seed=0, dft=folder / "a.json", finished=source, ldos=store)
    return read_dft_result(folder / "a.json"), read_ldos(store)


def test_a_run_with_wavefunctions_gives_what_the_workflow_would(tiny_run, project):
    result, data = through_the_stages(tiny_run.save, WAVES, project / "Al.UPF", project)
    assert result.total_free_energy == tiny_run.result.total_free_energy
    expected = ldos_from_bands(
        orbital_densities=orbital_densities(tiny_run.save, tiny_run.result),
        eigenvalues=tiny_run.result.eigenvalues,
        k_weights=tiny_run.result.k_weights,
        energy=WAVES.energy_axis(),
        kernel="gaussian",
        width=0.5,
    )
    np.testing.assert_array_equal(data.values, expected)
    # The folder above it holds one calculation, so it names the same one.
    assert open_finished(tiny_run.save.parent) == open_finished(tiny_run.save)


def test_forces_and_stress_of_a_finished_run_are_taken_over(own, project):
    path = own / "espresso.save" / XML
    text = re.sub(r"<(forces|stress) .*?</\1>", "", path.read_text(), flags=re.DOTALL)
    path.write_text(text)
    result, _ = through_the_stages(own, CUBES, project / "Al.UPF", project)
    assert result.forces is result.stress is None
    forces = 0.01 * np.arange(3 * len(result.species)).reshape(-1, 3)
    stress = 1e-4 * np.array([[1, 2, 3], [2, 4, 5], [3, 5, 6]])
    written = "".join(
        f"<{name} rank='2' dims='3 3' order='F'>{' '.join(map(str, values.ravel()))}</{name}>"
        for name, values in (("forces", forces), ("stress", stress))
    )
    path.write_text(text.replace("</output>", f"{written}</output>"))
    result, _ = through_the_stages(own, CUBES, project / "Al.UPF", project)
    np.testing.assert_allclose(result.forces, forces * HARTREE_EV / BOHR_ANGSTROM, rtol=1e-12)
    # Positive under tension, as everywhere here; Quantum ESPRESSO's sign is the other one.
    expected = -stress * HARTREE_EV / BOHR_ANGSTROM**3
    np.testing.assert_allclose(result.stress, expected, rtol=1e-12)


def test_a_run_with_cubes_only(cubes, tiny_run, project):
    before = sorted((p, p.stat().st_mtime_ns) for p in cubes.rglob("*"))
    result, data = through_the_stages(cubes, CUBES, project / "Al.UPF", project)
    assert before == sorted((p, p.stat().st_mtime_ns) for p in cubes.rglob("*"))
    expected = ldos_from_bands(
        orbital_densities=orbital_densities(tiny_run.save, tiny_run.result),
        eigenvalues=result.eigenvalues,
        k_weights=result.k_weights,
        energy=CUBES.energy_axis(),
        kernel="fermi_dirac",
        width=0.2,
    )
    assert np.abs(data.values - expected).max() < 1e-4 * expected.max()
    np.testing.assert_array_equal(data.energy, CUBES.energy_axis())


def test_a_run_with_neither_is_an_error_that_says_what_to_do(own, project):
    for path in own.glob("*.cube"):
        path.unlink()
    message = r"neither wavefunctions nor an LDOS(.|\n)*only the XML(.|\n)*plot_num = 3"
    with pytest.raises(DataError, match=message):
        through_the_stages(own, WAVES, project / "Al.UPF", project)
    (own / "espresso.save" / "wfc1.hdf5").touch()
    with pytest.raises(DataError, match="wavefunctions in HDF5, which are not read"):
        open_finished(own).wavefunctions(WAVES.request())


def test_where_there_are_both_the_config_decides(tiny_run, own):
    for path in tiny_run.save.glob("wfc*.dat"):
        shutil.copy(path, own / "espresso.save")
    calculation = open_finished(own)
    assert calculation.wavefunctions(WAVES.request()) == own / "espresso.save"
    assert calculation.wavefunctions(CUBES.request()) is None
    assert {p.suffix for p in calculation.files(WAVES.request())} == {".xml", ".dat"}
    assert {p.suffix for p in calculation.files(CUBES.request())} == {".xml", ".cube"}


def test_cubes_of_another_axis_tell_the_keys_to_set(cubes, tiny_run):
    told = WAVES.request()
    # Whether pp.x was told to use_gauss_ldos stands in no file: a Gaussian is believed if said.
    for request, kernel in (
        (told, "gaussian"),
        (replace(told, kernel_is_given=False), "fermi_dirac"),
    ):
        with pytest.raises(ConfigError) as error:
            open_finished(cubes).check(request, tiny_run.result)
        assert (
            f"ldos: {{kernel: {kernel}, width_ev: 0.2, minimum_ev: -6, maximum_ev: 13, "
            "spacing_ev: 0.2} (96 energies)" in str(error.value)
        )


def test_a_density_among_the_cubes_is_passed_over(own, tiny_run):
    shutil.copy(next(own.glob("*.cube")), own / "density.cube")
    text = (own / "density.cube").read_text()
    (own / "density.cube").write_text(re.sub(r"Energy\s*=.*", "charge density", text, count=1))
    open_finished(own).check(CUBES.request(), tiny_run.result)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r"(?s)(.*)\n.*\n.*\n\Z", r"\1\n", "damaged or cut off"),
        (r"(?m)^( +15 +0\.5\d+)", r" 15  0.600000", "another cell than the calculation"),
        (r"(13\.000000 +)\S+", r"\1  1.000000", "atoms at other places(.|\n)*different calcul"),
    ],
)
def test_a_damaged_cube_is_named(own, tiny_run, old, new, message):
    victim = sorted(own.glob("*.cube"))[7]
    victim.write_text(re.sub(old, new, victim.read_text(), count=1))
    with pytest.raises(DataError, match=message) as error:
        open_finished(own).ldos(CUBES.request(), tiny_run.result)
    assert victim.name in str(error.value)


def test_a_missing_cube_is_noticed_before_any_is_read(own, tiny_run):
    sorted(own.glob("*.cube"))[7].unlink()
    with pytest.raises(DataError, match="not equidistant: files are missing"):
        open_finished(own).check(CUBES.request(), tiny_run.result)


def test_a_missing_wavefunction_file_is_noticed_before_any_is_read(tiny_run, tmp_path):
    shutil.copytree(tiny_run.save, tmp_path / "a.save")
    (tmp_path / "a.save" / "wfc2.dat").unlink()
    with pytest.raises(DataError, match=r"not one wavefunction file for each k point"):
        open_finished(tmp_path).check(WAVES.request(), tiny_run.result)


def test_orbitals_that_are_not_all_are_refused_before_any_is_read(tiny_run):
    for change, message in (
        ({"symmetry_operations": 4}, "reduced by symmetry"),
        ({"norm_conserving": False}, "augmentation charge"),
    ):
        result = dataclasses.replace(tiny_run.result, **change)
        with pytest.raises(DataError, match=message):
            open_finished(tiny_run.save).check(WAVES.request(), result)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (">fd<", ">gaussian<", "not of Fermi-Dirac statistics"),
        ("<convergence_achieved>true", "<convergence_achieved>false", "did not converge"),
    ],
)
def test_runs_that_cannot_be_used(own, old, new, message):
    path = own / "espresso.save" / XML
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=message):
        open_finished(own).result(DftSettings(pseudopotentials={"Al": "x"}).supplement())


def test_settings_that_contradict_the_run(cubes):
    wrong = DftSettings(pseudopotentials={"Al": "x"}, functional="pbe").supplement()
    with pytest.raises(ConfigError, match=r"dft\.functional contradicts(.|\n)*lda_pw92"):
        open_finished(cubes).result(wrong)


def test_several_runs_in_one_folder_are_not_chosen_from(own):
    shutil.copytree(own / "espresso.save", own / "other.save")
    with pytest.raises(DataError, match=r"espresso\.save/data(.|\n)*other\.save/data"):
        open_finished(own)
    open_finished(own / "other.save" / XML)


def test_the_size_comes_from_the_head_of_the_file(tiny_run):
    size, result = espresso_size(tiny_run.save / XML), tiny_run.result
    assert (size.grid, size.atoms) == (result.fft_grid, 4)
    assert (size.k_points, size.bands) == result.eigenvalues.shape
    assert size.volume == pytest.approx(result.volume)
    with pytest.raises(DataError, match="head of Quantum ESPRESSO's XML"):
        espresso_size(tiny_run.save / "none.xml")


def move_an_atom(path: Path, bohr: float) -> None:
    head, output = path.read_text().split("<output>")
    place = re.compile(r'(<atom name="Al" index="1">)(\S+)')
    moved = place.sub(lambda found: f"{found[1]}{float(found[2]) + bohr}", output)
    path.write_text(f"{head}<output>{moved}")
    # As of a calculation of its own, which `check` compares.
    result = read_espresso_xml(path)
    own = ewald_energy(
        torch.from_numpy(result.positions),
        torch.full((len(result.species),), 3.0, dtype=torch.float64),
        torch.from_numpy(result.cell),
    )
    change = (float(own) - result.ewald_energy) / HARTREE_EV
    energy = re.compile(r"<(etot|ewald)>([^<]*)<")
    path.write_text(
        energy.sub(lambda found: f"<{found[1]}>{float(found[2]) + change!r}<", path.read_text())
    )


@pytest.fixture
def finished_project(project, tiny_run) -> Path:
    """A project whose snapshots are copies of the tiny run, but for a place of an atom."""
    names = [f"{name}.save" for name in "abcd"]
    for number, name in enumerate(reversed(names)):
        shutil.copytree(tiny_run.save, project / name)
        move_an_atom(project / name / XML, 0.5 * number)
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["dft"] = {"pseudopotentials": values["dft"]["pseudopotentials"]}
    values["snapshots"] = {
        "method": "finished",
        "training": names[:2],
        "validation": names[2:3],
        "test": names[3:],
    }
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    return project


def test_check_opens_finished_runs_and_needs_no_quantum_espresso(finished_project, monkeypatch):
    monkeypatch.setenv(WHEEL_VARIABLE, "/no/such/python")
    monkeypatch.setenv("PATH", "")
    check(load_config([finished_project / "config.yaml"]))
    for path in finished_project.glob("c.save/wfc*"):
        path.unlink()
    (finished_project / "d.save" / XML).unlink()
    edit_config(finished_project, "ldos", minimum_ev=-3.0)
    with pytest.raises(ConfigError) as error:
        check(load_config([finished_project / "config.yaml"]))
    message = str(error.value)
    assert "the inputs have 4 faults" in message
    assert "c.save" in message.split("neither wavefunctions")[1]
    assert "does not hold one finished calculation" in message
    assert message.count("begins above the tail") == 2


def test_other_potentials_and_a_run_in_two_splits_are_refused(finished_project):
    edit_config(finished_project, "snapshots", test=["a.save/" + XML])
    text = (finished_project / "Al.UPF").read_text()
    (finished_project / "Al.UPF").write_text(re.sub(r'z_valence="[^"]*"', 'z_valence="11.0"', text))
    with pytest.raises(ConfigError) as error:
        check(load_config([finished_project / "config.yaml"]))
    message = str(error.value)
    assert "used twice" in message
    assert "expected: 12 valence electrons\n  got: 44" in message
    assert "that it was made with: Al.UPF" in message


def test_structures_come_from_the_run(finished_project, tiny_run):
    settings = load_config([finished_project / "config.yaml"]).snapshots
    atoms = make_snapshot(settings, "test-0000", seed=0)
    np.testing.assert_allclose(atoms.positions, tiny_run.atoms.positions, atol=1e-8)


def test_a_stage_is_told_where_the_calculation_is_once(tiny_run, project):
    for options in ({}, {"save": project / "a.save", "finished": tiny_run.save}):
        with pytest.raises(ConfigError, match="--save, --finished"):
            dft(
                settings=DftSettings(pseudopotentials={"Al": "Al.UPF"}),
                seed=0,
                structure=project / "none.extxyz",
                pseudopotentials=[project / "Al.UPF"],
                dft=project / "a.json",
                **options,
            )


def test_an_imported_ldos_is_checked_by_the_stage(own, project):
    for path in own.glob("*.cube"):
        head, body = path.read_text().split("\n", 10)[:10], path.read_text().split("\n", 10)[10]
        doubled = [
            " ".join(f"{2 * float(x):.8E}" for x in line.split()) for line in body.split("\n")
        ]
        path.write_text("\n".join([*head, *doubled]))
    with pytest.raises(PhysicsError, match=r"spin counted twice"):
        through_the_stages(own, CUBES, project / "Al.UPF", project)
    assert not (project / "a.zarr.zip").exists()
