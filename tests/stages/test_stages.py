"""Guards between stages, `check`, and the command line: each fault gets a clear error."""

import dataclasses
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from ase.build import bulk
from tiny_workflow import edit_config

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.dft_results import read_dft_result, write_dft_result
from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.dft.hgh import ALUMINIUM_LDA, radial_potential
from surrogate_hpo.dft.ldos import ldos_from_bands
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import ConfigError, DataError, PhysicsError
from surrogate_hpo.formats.espresso.wavefunctions import orbital_densities
from surrogate_hpo.formats.structures.structures import read_structure, read_structure_provenance
from surrogate_hpo.formats.upf.writer import upf_text
from surrogate_hpo.labels.dft_guards import check_bands, check_window
from surrogate_hpo.labels.ldos_guards import check_electrons, check_grid
from surrogate_hpo.run.graph import (
    EVERY_STAGE,
)
from surrogate_hpo.stages.dft.stage import dft
from surrogate_hpo.stages.snapshots import stage as snapshots
from surrogate_hpo.verbs.check.verb import check

ENERGY = np.arange(-6, 13.25, 0.25)


@pytest.fixture(scope="module")
def ldos(tiny_run) -> LdosData:
    result = tiny_run.result
    values = ldos_from_bands(
        orbital_densities=orbital_densities(tiny_run.save, result),
        eigenvalues=result.eigenvalues,
        k_weights=result.k_weights,
        energy=ENERGY,
        kernel="gaussian",
        width=0.5,
    )
    return LdosData(values, LdosAxis(ENERGY, "gaussian", 0.5), result.cell, result.electrons)


@pytest.mark.qe
def test_a_window_that_loses_states_is_refused(tiny_run):
    result = tiny_run.result
    check_window(result, LdosAxis(ENERGY, "gaussian", 0.5), where="x")
    with pytest.raises(
        PhysicsError, match=r"begins above the tail(.|\n)*ldos\.minimum_ev to -4"
    ) as error:
        check_window(result, LdosAxis(np.arange(-3, 13, 0.25), "gaussian", 0.5), where="here.json")
    assert "here.json" in str(error.value)
    with pytest.raises(
        PhysicsError, match=r"too close to the Fermi energy(.|\n)*ldos\.maximum_ev to 1[1-3]"
    ):
        check_window(result, LdosAxis(np.arange(-6, 9, 0.25), "gaussian", 0.5), where="x")


@pytest.mark.qe
def test_too_few_bands_are_refused(tiny_run):
    result = tiny_run.result
    check_bands(result, where="x")
    few = dataclasses.replace(result, occupations=result.occupations[:, :6])
    with pytest.raises(PhysicsError, match=r"too few bands(.|\n)*raise dft\.bands"):
        check_bands(few, where="x")


@pytest.mark.qe
@pytest.mark.parametrize(
    ("factor", "name"), [(13.605693, "per Ry"), (1 / 0.529177**3, "per bohr³"), (0.5, "one spin")]
)
def test_an_ldos_in_a_wrong_unit_does_not_hold_the_electrons(tiny_run, ldos, factor, name):
    check_electrons(ldos, tiny_run.result, where="x")
    wrong = dataclasses.replace(ldos, values=(ldos.values * factor).astype(np.float32))
    with pytest.raises(
        PhysicsError, match=r"does not hold the electrons(.|\n)*12 electrons(.|\n)*1/\(eV Å³\)"
    ):
        check_electrons(wrong, tiny_run.result, where=name)


@pytest.mark.qe
def test_an_ldos_on_another_grid_is_refused(tiny_run, ldos):
    other = dataclasses.replace(ldos, values=ldos.values[:10])
    with pytest.raises(DataError, match=r"another grid(.|\n)*\(15, 15, 15\)(.|\n)*\(10, 15, 15\)"):
        check_grid(other, tiny_run.result, where="x")


@pytest.mark.qe
def test_dft_results_survive_the_round_trip_and_damage_is_named(tiny_run, tmp_path):
    path = tmp_path / "a.json"
    write_dft_result(path, tiny_run.result, {"stage": "dft"})
    back = read_dft_result(path)
    for field in dataclasses.fields(back):
        np.testing.assert_equal(getattr(back, field.name), getattr(tiny_run.result, field.name))
    assert '"total_free_energy_ev"' in path.read_text()
    path.write_text(path.read_text().replace('"total_free_energy_ev"', '"total_free_energy_ry"'))
    with pytest.raises(DataError, match="missing total_free_energy_ev"):
        read_dft_result(path)


def test_check_lists_all_faults_at_once_before_anything_runs(project):
    edit_config(project, "dft", pseudopotentials={"Al": "none.UPF"}, command="/no/such/pw.x")
    edit_config(project, "snapshots", cell={"file": "missing.cif"})
    with pytest.raises(ConfigError) as error:
        check(load_config([project / "config.yaml"]))
    message = str(error.value)
    assert "the inputs have 3 faults; nothing was started" in message
    assert all(name in message for name in ("none.UPF", "/no/such/pw.x", "missing.cif"))


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("dft", {"bands": 6}, r"too few bands(.|\n)*more than 6"),
        (
            "snapshots",
            {"cell": {"symbol": "Al", "structure": "fcx", "lattice_constant_angstrom": 4.0}},
            "cannot be built",
        ),
        (
            "dft",
            {"pseudopotentials": {"Al": "Al.UPF", "Be": "Al.UPF"}},
            r"wrong element(.|\n)*is for Al",
        ),
    ],
)
def test_check_knows_what_pw_x_would_only_find_later(project, section, changes, message):
    edit_config(project, section, **changes)
    with pytest.raises(ConfigError, match=message):
        check(load_config([project / "config.yaml"]))


def test_potentials_of_different_functionals_are_refused(project):
    """By `check`, and by the stage when it is run on its own."""
    beryllium = dataclasses.replace(ALUMINIUM_LDA, element="Be")
    text = upf_text(radial_potential(beryllium), functional="pbe", comment="a test")
    (project / "Be.UPF").write_text(text)
    edit_config(project, "dft", pseudopotentials={"Al": "Al.UPF", "Be": "Be.UPF"})
    message = r"different functionals(.|\n)*Al: lda_pw92, Be: pbe(.|\n)*of one functional"
    with pytest.raises(ConfigError, match=message):
        check(load_config([project / "config.yaml"]))
    for other, fault in (("Be.UPF", message), ("Al.UPF", "two pseudopotentials for Al")):
        with pytest.raises(ConfigError, match=fault):
            dft(
                settings=load_config([project / "config.yaml"]).dft,
                seed=0,
                structure=project / "none.extxyz",
                pseudopotentials=[project / "Al.UPF", project / other],
                dft=project / "a.json",
                save=project / "a.save",
            )


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            {"pseudo_type": "PAW", "is_paw": "T"},
            r"PAW potentials(.|\n)*potentials\.Al(.|\n)*got: PAW",
        ),
        ({"pseudo_type": "US", "is_paw": ".true."}, "the one-centre energy is not among the terms"),
        ({"pseudo_type": "US", "is_ultrasoft": "T"}, r"needs norm-conserving(.|\n)*source: cubes"),
    ],
)
@pytest.mark.parametrize("source", ["wavefunctions", "cubes"])
def test_kinds_of_potentials_that_cannot_be_used(project, attributes, message, source):
    text = (project / "Al.UPF").read_text()
    for name, value in attributes.items():
        text = re.sub(rf'{name}="[^"]*"', f'{name}="{value}"', text)
    (project / "Al.UPF").write_text(text)
    edit_config(project, "ldos", source=source, kernel="fermi_dirac", minimum_ev=-9.0)
    config = load_config([project / "config.yaml"])
    if source == "cubes" and "is_ultrasoft" in attributes:
        check(config)
        return
    with pytest.raises(ConfigError, match=message) as error:
        check(config)
    assert "has 1 fault" in str(error.value) or "have 1 fault" in str(error.value)
    if "is_paw" in attributes:
        with pytest.raises(ConfigError, match="PAW potentials are not supported"):
            dft(
                settings=config.dft,
                seed=0,
                structure=project / "none.extxyz",
                pseudopotentials=[project / "Al.UPF"],
                dft=project / "a.json",
                save=project / "a.save",
            )


def test_a_loose_convergence_is_told(project, caplog):
    for threshold, told in ((1e-5, True), (1e-9, False)):
        caplog.clear()
        edit_config(project, "dft", convergence_rydberg=threshold)
        check(load_config([project / "config.yaml"]))
        assert ("dft.convergence_rydberg 1e-05 is loose for 4 atoms" in caplog.text) == told


def test_dft_that_another_ldos_will_repeat_is_told(project, caplog):
    caplog.set_level("INFO", logger="surrogate_hpo")
    config = load_config([project / "config.yaml"])
    energy = config.ldos.energy_axis()
    values = np.ones((2, 2, 2, len(energy)), dtype=np.float32)
    store = project / "results/ldos/training-0000.zarr.zip"
    store.parent.mkdir(parents=True)
    data = LdosData(values, config.ldos.axis(), 4 * np.eye(3), 12.0)
    write_ldos(store, data, {})
    check(config)
    assert "will run again" not in caplog.text
    edit_config(project, "ldos", width_ev=0.7)
    check(load_config([project / "config.yaml"]))
    assert "wavefunctions of 1 snapshots were not kept: their DFT will run again" in caplog.text
    assert "dft.keep_wavefunctions: true" in caplog.text
    caplog.clear()
    (project / "results/dft/training-0000.save").mkdir(parents=True)
    check(load_config([project / "config.yaml"]))
    assert "will run again" not in caplog.text


def test_a_wide_kernel_of_fermi_dirac_is_told(project, caplog):
    for width, told in ((0.5, True), (0.1, False)):
        caplog.clear()
        edit_config(project, "ldos", kernel="fermi_dirac", width_ev=width, spacing_ev=0.1)
        check(load_config([project / "config.yaml"]))
        assert ("is wide for a kernel fermi_dirac" in caplog.text) == told


def test_a_structure_in_two_splits_is_a_leak(project):
    main(
        ["snapshots", "--config", "config.yaml", "--snapshot", "test-0000", "--structure", "a.xyz"]
    )
    for name in "bcde":
        main(
            [
                "snapshots",
                "--config",
                "config.yaml",
                "--snapshot",
                f"training-000{ord(name) - 98}",
                "--structure",
                f"{name}.xyz",
            ]
        )
    edit_config(
        project,
        "snapshots",
        method="files",
        training=["b.xyz", "c.xyz"],
        validation=["d.xyz"],
        test=["c.xyz"],
    )
    with pytest.raises(ConfigError, match=r"used twice(.|\n)*c\.xyz, already in training"):
        check(load_config([project / "config.yaml"]))
    edit_config(project, "snapshots", test=["e.xyz"])
    check(load_config([project / "config.yaml"]))


@pytest.mark.qe
def test_check_compares_finished_results_with_the_settings(project, tiny_run, ldos):
    config = load_config([project / "config.yaml"])
    write_dft_result(project / "results/dft/training-0000.json", tiny_run.result, {})
    write_ldos(project / "results/ldos/training-0000.zarr.zip", ldos, {})
    check(config)
    halved = dataclasses.replace(ldos, values=ldos.values / 2)
    write_ldos(project / "results/ldos/training-0000.zarr.zip", halved, {})
    edit_config(project, "ldos", minimum_ev=-3)
    with pytest.raises(ConfigError, match="begins above the tail"):
        check(load_config([project / "config.yaml"]))
    with pytest.raises(ConfigError, match="does not hold the electrons"):
        check(config)


def test_snapshots_are_reproducible_and_independent_of_the_others(project):
    def make(name: str) -> np.ndarray:
        path = project / f"{name}.extxyz"
        main(["snapshots", "--config", "config.yaml", "--snapshot", name, "--structure", str(path)])
        return read_structure(path).positions

    first = make("training-0000")
    np.testing.assert_array_equal(first, make("training-0000"))
    assert np.abs(first - make("training-0001")).max() > 0.01
    record = read_structure_provenance(project / "training-0000.extxyz")
    assert record["settings"]["temperature_kelvin"] == 298
    assert "training" not in record["settings"]
    edit_config(project, "snapshots", training=30)
    np.testing.assert_array_equal(first, make("training-0000"))


def test_molecular_dynamics_gives_frames_of_their_own(project):
    edit_config(project, "snapshots", method="molecular_dynamics", equilibration_steps=150)
    for name in ("training-0000", "training-0001"):
        main(
            [
                "snapshots",
                "--config",
                "config.yaml",
                "--snapshot",
                name,
                "--structure",
                f"{name}.extxyz",
            ]
        )
    frames = [read_structure(project / f"training-000{i}.extxyz").positions for i in (0, 1)]
    assert np.abs(frames[0] - frames[1]).max() > 0.01


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_help_explains_inputs_outputs_and_units(stage, capsys):
    with pytest.raises(SystemExit) as stop:
        main([stage, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "outputs (written completely or not at all)" in text
    assert "--config" in text
    assert any(unit in text for unit in ("Å", "eV", "dimensionless", "seconds", "scaled"))


def test_errors_are_messages_not_tracebacks(project):
    done = subprocess.run(
        [sys.executable, "-m", "surrogate_hpo", "snapshots", "--snapshot", "training-9999",
         "--structure", "x.extxyz", "--config", "config.yaml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "\nConfigError: the config has no snapshot of this name" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "x.extxyz").exists()


def test_version_and_unknown_verbs(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    with pytest.raises(SystemExit) as stop:
        main(["trian"])
    assert stop.value.code == 2
    assert "invalid choice: 'trian'" in capsys.readouterr().err


@pytest.mark.qe
def test_an_unconverged_run_quotes_pw_x_keeps_its_files_and_loses_nothing(project, capsys):
    for name in ("training-0000", "training-0001"):
        main(
            [
                "snapshots",
                "--config",
                "config.yaml",
                "--snapshot",
                name,
                "--structure",
                f"{name}.extxyz",
            ]
        )

    def run(name: str) -> None:
        main([
            "dft", "--config", "config.yaml", "--structure", f"{name}.extxyz", "--pseudopotentials",
            "Al.UPF", "--dft", f"results/dft/{name}.json", "--save", f"results/dft/{name}.save",
        ])  # fmt: skip

    run("training-0000")
    finished = (project / "results/dft/training-0000.json").read_bytes()
    assert not list((project / "results/dft").glob("*.work"))
    edit_config(project, "dft", maximum_steps=2)
    with pytest.raises(SystemExit) as stop:
        run("training-0001")
    message = str(stop.value.code)
    assert message.startswith("EngineError: the self-consistent calculation did not converge")
    assert "training-0001.work" in message
    assert list((project / "results/dft/training-0001.work").glob("*.pw*"))
    assert not (project / "results/dft/training-0001.json").exists()
    assert (project / "results/dft/training-0000.json").read_bytes() == finished
    edit_config(project, "dft", maximum_steps=100)
    run("training-0001")
    assert not list((project / "results/dft").glob("*.work"))


def test_a_method_is_told_which_settings_it_does_not_use(project, caplog):
    edit_config(project, "snapshots", equilibration_steps=150)
    check(load_config([project / "config.yaml"]))
    assert "`displacements` does not use snapshots.equilibration_steps" in caplog.text
    cell = {"symbol": "Mg", "structure": "bcc", "lattice_constant_angstrom": 3.6}
    edit_config(project, "dft", pseudopotentials={"Al": "Al.UPF", "Mg": "Al.UPF"})
    edit_config(project, "snapshots", method="molecular_dynamics", cell=cell)
    with pytest.raises(ConfigError, match=r"no EMT potential for Mg(.|\n)*Al, Ni, Cu, Pd, Ag, Pt"):
        check(load_config([project / "config.yaml"]))


def test_overlaps_of_molecular_dynamics_are_found(project, monkeypatch):
    splits = {
        split: [{"number": 2}, {"number": 1, "strain_percent": -49}]
        for split in ("training", "validation", "test")
    }
    cell = {"symbol": "Al", "lattice_constant_angstrom": 3.2}
    settings = {"method": "molecular_dynamics", "equilibration_steps": 150, "cell": cell, **splits}
    edit_config(project, "snapshots", **settings)
    config = load_config([project / "config.yaml"])
    with pytest.raises(ConfigError, match=r"two atoms overlap\n  where: training-0002"):
        check(config)
    # What only the trajectory leads to is refused where it ends, before any DFT.
    monkeypatch.setattr(snapshots, "make_snapshot", lambda *_, **__: bulk("Al", a=1.5))
    with pytest.raises(DataError, match=r"two atoms overlap\n  where: training-0000"):
        snapshots.snapshots(
            settings=config.snapshots, seed=0, snapshot="training-0000", structure=project / "x"
        )


def test_without_a_home_numba_makes_no_folder_called_tilde():
    script = (
        "import os; os.path.expanduser = lambda path: path\n"
        "from surrogate_hpo.cli import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: print(os.environ.get('NUMBA_CACHE_LOCATOR_CLASSES'))"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA", "XDG"))}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.splitlines()[-1] == "InTreeCacheLocator"
