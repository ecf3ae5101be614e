"""pw.x really run, in good and in bad ways."""

import os
import re
import shlex
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from scf import run_scf

from surrogate_hpo.errors import ConfigError, DataError, EngineError, PhysicsError
from surrogate_hpo.formats.espresso import scf as espresso
from surrogate_hpo.formats.espresso.engine import (
    WHEEL_VARIABLE,
    Engine,
    decided_engine,
    find_engine,
    run_engine,
)
from surrogate_hpo.formats.espresso.input_file import ScfSettings
from surrogate_hpo.formats.espresso.scf import run_espresso
from surrogate_hpo.formats.espresso.xml_file import read_espresso_xml
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

qe = pytest.mark.qe
PSEUDOPOTENTIALS = Path(__file__).parents[2] / "pseudopotentials"


def through_shell(script: str) -> str:
    """Command for tests: run `script` with the real engine's words as "$@"."""
    return shlex.join(["bash", "-c", script, "pw.x", *find_engine().arguments])


@qe
def test_result_is_what_was_asked_for(tiny_run):
    result = tiny_run.result
    assert result.converged
    assert result.electrons == 12
    assert result.eigenvalues.shape == result.occupations.shape == (4, 16)
    assert result.k_weights.sum() == pytest.approx(2.0, abs=1e-12)
    assert result.cell == pytest.approx(4.05 * np.eye(3), abs=1e-9)
    assert result.positions == pytest.approx(tiny_run.atoms.positions, abs=1e-8)
    assert result.species == ("Al",) * 4
    assert result.functional == "lda_pw92"
    assert result.pseudopotentials == {"Al": "Al.hgh-lda.UPF"}
    assert result.norm_conserving
    assert result.symmetry_operations == 1
    assert result.fft_grid == (15, 15, 15)
    assert result.density_cutoff_rydberg == pytest.approx(32.0)
    assert result.smearing == "fd"
    assert result.smearing_width == pytest.approx(BOLTZMANN_EV_PER_KELVIN * 5000, rel=1e-9)


@qe
def test_total_free_energy_is_the_sum_of_the_terms(tiny_run):
    # So Quantum ESPRESSO's etot contains -TS (demet): it is A, not the internal energy.
    assert abs(tiny_run.result.energy_sum_error) / 4 < 5e-5
    assert tiny_run.result.entropy_contribution < -0.5


@qe
def test_band_energy_entropy_and_electrons_follow_from_the_eigenvalues(tiny_run):
    result = tiny_run.result
    kt = result.smearing_width
    f = 1 / (1 + np.exp((result.eigenvalues - result.fermi_energy) / kt))
    weights = result.k_weights[:, None]
    entropy = -(f * np.log(f) + (1 - f) * np.log1p(-f))
    assert f == pytest.approx(result.occupations, abs=1e-7)
    assert (weights * f).sum() == pytest.approx(12.0, abs=1e-6)
    assert (weights * f * result.eigenvalues).sum() == pytest.approx(result.band_energy, abs=1e-5)
    assert -kt * (weights * entropy).sum() == pytest.approx(result.entropy_contribution, abs=1e-5)


@qe
def test_shipped_potential_gives_a_metal_like_aluminium(tiny_run):
    # Free electrons of this density: E_F - band bottom = 11.7 eV; a potential whose projectors
    # are lost has its lowest states 50 eV deeper.
    result = tiny_run.result
    width = result.fermi_energy - result.eigenvalues.min()
    assert 7 < width < 11.7
    # pw.x 7.2 (qepy 7.2.0), Al.hgh-lda.UPF, 8 Ry, shifted 2x2x2, 5000 K.
    assert result.total_free_energy / 4 == pytest.approx(-56.849814, abs=1e-4)


def test_missing_pseudopotential_is_named(tmp_path, displaced_aluminium, tiny_settings):
    settings = tiny_settings | {"pseudopotentials": {"Al": "Al.none.UPF"}}
    with pytest.raises(DataError, match=r"file does not exist\n  where: .*/Al\.none\.UPF"):
        run_scf(displaced_aluminium, directory=tmp_path / "run", **settings)


@qe
@pytest.mark.parametrize("name", ["Al LDA,HGH.UPF", f"{'Al' * 50}.UPF", "{Al}'\"&.upf"])
def test_potentials_may_have_any_name_and_runs_any_place(
    tmp_path, displaced_aluminium, tiny_settings, tiny_run, name
):
    # pw.x keeps 80 characters of the name and 256 of the path, and does not escape &.
    shutil.copy(PSEUDOPOTENTIALS / "Al.hgh-lda.UPF", tmp_path / name)
    settings = tiny_settings | {"pseudo_dir": tmp_path, "pseudopotentials": {"Al": name}}
    folder = tmp_path / "R&D <x>, 'ours'" / ("long" * 60)
    result = run_scf(displaced_aluminium, directory=folder, **settings)
    assert result.pseudopotentials == {"Al": name}
    expected = tiny_run.result.total_free_energy
    assert result.total_free_energy == pytest.approx(expected, abs=1e-7)


def test_potentials_of_one_file_name_stay_apart(tmp_path, monkeypatch, tiny_run):
    # Aluminium counts three electrons, the light one that shares its name only one.
    folders = {"Al": "heavy", "Na": "light"}
    text = (PSEUDOPOTENTIALS / "Al.hgh-lda.UPF").read_text()
    for element, folder in folders.items():
        (tmp_path / folder).mkdir()
        valence = 3 if element == "Al" else 1
        renamed = re.sub(r'element="\w+"', f'element="{element}"', text)
        counted = re.sub(r'z_valence="[^"]*"', f'z_valence="{valence}.0"', renamed)
        (tmp_path / folder / "pp.UPF").write_text(counted)
    seen = {}

    def fake_run(engine, options, *, directory, output, errors):
        for element in folders:
            seen[element] = read_upf(directory / "pseudo" / f"{element}.UPF").element
        shutil.copytree(tiny_run.save, directory / "espresso.save")
        (directory / output).write_text((tiny_run.directory / "espresso.pwo").read_text())

    monkeypatch.setattr(espresso, "find_engine", lambda _: Engine(("pw.x",), wheel=False))
    monkeypatch.setattr(espresso, "run_engine", fake_run)
    potentials = {e: tmp_path / folder / "pp.UPF" for e, folder in folders.items()}
    atoms = Atoms("AlNa", positions=[[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True)
    cheap = ScfSettings(8.0, (1, 1, 1), 5000.0, 16)
    run_espresso(atoms, cheap, directory=tmp_path / "run", pseudopotentials=potentials)
    assert seen == {"Al": "Al", "Na": "Na"}
    # As if pw.x had read another file for aluminium.
    other = re.sub(r'z_valence="[^"]*"', 'z_valence="1.0"', text)
    potentials["Al"].write_text(other)
    with pytest.raises(
        PhysicsError, match=r"other electrons(.|\n)*expected: 4 .*Al 1 (.|\n)*got: 12"
    ):
        run_espresso(atoms, cheap, directory=tmp_path / "other", pseudopotentials=potentials)


@qe
def test_unconverged_run_is_an_error_with_its_accuracy(
    tmp_path, displaced_aluminium, tiny_settings
):
    with pytest.raises(EngineError) as error:
        run_scf(displaced_aluminium, directory=tmp_path, maximum_steps=2, **tiny_settings)
    message = str(error.value)
    assert "did not converge" in message
    assert "convergence NOT achieved after   2 iterations" in message
    assert "estimated scf accuracy" in message
    xml = tmp_path / "espresso.save/data-file-schema.xml"
    assert not read_espresso_xml(xml).converged


@qe
def test_nonsense_input_quotes_espresso(tmp_path, displaced_aluminium, tiny_settings):
    extra = {"electrons": {"diagonalization": "nonsense"}}
    with pytest.raises(EngineError, match="stopped with an error") as error:
        run_scf(displaced_aluminium, directory=tmp_path, extra=extra, **tiny_settings)
    assert "diagonalization" in str(error.value)
    assert "nonsense" in str(error.value)


@qe
@pytest.mark.parametrize("name", ["KILL", "TERM"])
def test_killed_run_names_the_signal(tmp_path, displaced_aluminium, tiny_settings, name):
    command = through_shell(f'"$@" & sleep 0.5; kill -{name} $!; wait $!')
    settings = tiny_settings | {"kpoints": (8, 8, 8)}
    with pytest.raises(EngineError, match=f"killed by SIG{name}") as error:
        run_scf(displaced_aluminium, directory=tmp_path, command=command, **settings)
    assert f"{tmp_path} (kept" in str(error.value)


@qe
def test_full_disk_quotes_the_runtime(tmp_path, displaced_aluminium, tiny_settings):
    # A limit on file size fails writes as a full disk does.
    command = through_shell('ulimit -f 12; exec "$@"')
    with pytest.raises(EngineError) as error:
        run_scf(displaced_aluminium, directory=tmp_path, command=command, **tiny_settings)
    assert "error writing file ./espresso.save/charge-density" in str(error.value)
    assert "kept" in str(error.value)


@qe
def test_stale_result_is_not_taken_for_a_new_one(tmp_path, displaced_aluminium, tiny_settings):
    run_scf(displaced_aluminium, directory=tmp_path, **tiny_settings)
    xml = tmp_path / "espresso.save/data-file-schema.xml"
    assert xml.is_file()
    with pytest.raises(EngineError):
        run_scf(displaced_aluminium, directory=tmp_path, command="false", **tiny_settings)
    assert not xml.exists()


@qe
def test_run_without_an_error_mark_but_without_an_end_is_refused(
    tmp_path, displaced_aluminium, tiny_settings
):
    with pytest.raises(EngineError, match="ended early with exit status 0"):
        run_scf(displaced_aluminium, directory=tmp_path, command="true", **tiny_settings)


ROOT_REFUSED = """mpirun has detected an attempt to run as root.
You can override this protection by adding the --allow-run-as-root option"""


@pytest.mark.parametrize(
    ("words", "remedy"),
    [(ROOT_REFUSED, "OMPI_ALLOW_RUN_AS_ROOT=1"), ("no such host: n1", "try the command")],
)
def test_what_cannot_start_pw_x_is_not_blamed_on_the_disk(tmp_path, words, remedy):
    """The words are those of Open MPI 4.1's mpirun."""
    script = "import sys; sys.stderr.write(sys.argv[1]); sys.exit(1)"
    engine = Engine((sys.executable, "-c", script), wheel=False)
    with pytest.raises(EngineError) as error:
        run_engine(engine, [words], directory=tmp_path, output="out", errors="err")
    message = str(error.value)
    assert "did not begin" in message
    assert words.splitlines()[0] in message
    assert remedy in message
    assert "disk" not in message


@qe
def test_serial_wheel_survives_a_batch_job_environment(
    tmp_path, displaced_aluminium, tiny_settings, monkeypatch
):
    for name in ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE", "SLURM_PROCID"):
        monkeypatch.setenv(name, "3")
    # Of a module for another Python.
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    seen = tmp_path / "environment"
    script = "import os,sys; open(sys.argv[1],'w').write('\\n'.join(os.environ)); print('JOB DONE')"
    engine = replace(find_engine(), arguments=(sys.executable, "-c", script), wheel=True)
    run_engine(engine, [str(seen)], directory=tmp_path, output="out", errors="err")
    names = seen.read_text().split()
    assert "OMP_NUM_THREADS" in names
    assert not [n for n in names if n.startswith(("PMI", "OMPI", "SLURM", "PYTHONPATH"))]
    run_engine(
        replace(engine, wheel=False), [str(seen)], directory=tmp_path, output="o", errors="e"
    )
    assert "SLURM_PROCID" in seen.read_text().split()


def test_element_without_pseudopotential_is_refused(tmp_path, displaced_aluminium, tiny_settings):
    settings = tiny_settings | {"pseudopotentials": {"Be": "Be.UPF"}}
    with pytest.raises(ConfigError, match=r"no pseudopotential is given for Al\n(.*\n)*.*Be"):
        run_scf(displaced_aluminium, directory=tmp_path, **settings)


def test_extra_entries_cannot_contradict_named_settings(
    tmp_path, displaced_aluminium, tiny_settings
):
    extra = {"SYSTEM": {"NSPIN": 2}}
    with pytest.raises(ConfigError, match=r"already set by the workflow\n.*SYSTEM\n.*nspin"):
        run_scf(displaced_aluminium, directory=tmp_path, extra=extra, **tiny_settings)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("electronic_temperature_kelvin", 0.0), ("cutoff_rydberg", -8.0), ("bands", 0)],
)
def test_settings_must_be_positive(tmp_path, displaced_aluminium, tiny_settings, setting, value):
    settings = tiny_settings | {setting: value}
    with pytest.raises(ConfigError, match=f"must be positive\n  where: {setting}"):
        run_scf(displaced_aluminium, directory=tmp_path, **settings)


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_configured_command_is_split_without_a_shell(tmp_path, monkeypatch):
    executable(tmp_path / "mpirun")
    monkeypatch.setenv("PATH", str(tmp_path))
    engine = find_engine("mpirun -np 8 '/opt/my qe/pw.x' -nk 4")
    assert engine.arguments == ("mpirun", "-np", "8", "/opt/my qe/pw.x", "-nk", "4")
    assert not engine.wheel
    plotter = find_engine("mpirun -np 8 '/opt/my qe/pw.x' -nk 4", program="pp.x")
    assert plotter.arguments == ("mpirun", "-np", "8", "/opt/my qe/pp.x", "-nk", "4")


def test_path_comes_before_the_wheel(tmp_path, monkeypatch):
    python = executable(tmp_path / "project/.venv-qe/bin/python")
    below = tmp_path / "project/results/deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv(WHEEL_VARIABLE, raising=False)
    assert find_engine().arguments == (str(python), "-m", "qepy", "--pw.x")
    assert find_engine(program="pp.x").wheel
    beside = executable(tmp_path / "checkout/.venv-qe/bin/python")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "checkout/.venv"))
    assert find_engine().arguments[0] == str(beside)
    named = executable(tmp_path / "other/python")
    monkeypatch.setenv(WHEEL_VARIABLE, str(named))
    assert find_engine().arguments[0] == str(named)
    on_path = executable(tmp_path / "bin/pw.x")
    assert find_engine().arguments == (str(on_path),)


def test_relative_programs_are_seen_from_the_folder_of_the_workflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = executable(tmp_path / "bin/pw.x")
    program.write_text("#!/bin/sh\npwd\necho $PATH\necho JOB DONE\n")
    (tmp_path / "run").mkdir()
    (tmp_path / "qe.sif").touch()
    monkeypatch.delenv(WHEEL_VARIABLE, raising=False)
    assert find_engine("./bin/pw.x").arguments == (str(program),)
    assert find_engine("bin/pw.x -nk 4").arguments == (str(program), "-nk", "4")
    executed = find_engine("env -u X ./bin/pw.x qe.sif").arguments
    assert executed == ("env", "-u", "X", str(program), str(tmp_path / "qe.sif"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_engine("~/bin/pw.x").arguments == (str(program),)
    monkeypatch.setenv("PATH", f"bin:{os.environ['PATH']}")
    for engine in (find_engine("env pw.x"), find_engine("pw.x"), find_engine()):
        run_engine(engine, [], directory=tmp_path / "run", output="out", errors="err")
        said = (tmp_path / "run/out").read_text().splitlines()
        assert said[0] == str(tmp_path / "run")
        assert said[1].startswith(f"{tmp_path}/bin:")
    monkeypatch.setenv("PATH", "/nowhere")
    executable(tmp_path / "own/python")
    monkeypatch.setenv(WHEEL_VARIABLE, "own/python")
    assert find_engine().arguments[0] == str(tmp_path / "own/python")


def test_a_run_keeps_the_engine_that_it_started_with(tmp_path, monkeypatch):
    python = executable(tmp_path / ".venv-qe/bin/python")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv(WHEEL_VARIABLE, raising=False)
    assert decided_engine("srun pw.x") == {}
    decision = decided_engine(None)
    first = executable(tmp_path / "bin/pw.x")
    assert find_engine().arguments == (str(first),)
    assert find_engine("wheel").arguments[:2] == (str(python), "-m")
    with monkeypatch.context() as job:
        for name, value in decision.items():
            job.setenv(name, value)
        assert find_engine().wheel
        assert find_engine(program="pp.x").wheel
        assert decided_engine(None) == {}
    ((name, value),) = decided_engine(None).items()
    monkeypatch.setenv(name, value)
    executable(tmp_path / "other/pw.x")
    executable(tmp_path / "other/pp.x")
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    assert find_engine().arguments == (str(first),)
    beside = executable(tmp_path / "bin/pp.x")
    assert find_engine(program="pp.x").arguments == (str(beside),)
    first.unlink()
    with pytest.raises(EngineError, match=r"started with is not there\n(.|\n)*bin/pw\.x"):
        find_engine()


def test_missing_engine_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(WHEEL_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    with pytest.raises(EngineError, match=r"pw\.x was not found\n  remedy: .*mpirun.*qepy"):
        find_engine()
    monkeypatch.setenv(WHEEL_VARIABLE, "/nowhere/python")
    with pytest.raises(EngineError, match=f"no such Python\n  where: {WHEEL_VARIABLE}"):
        find_engine()


@pytest.mark.parametrize(
    ("command", "kind", "message"),
    [
        ("", ConfigError, "command is empty"),
        ("pw.x 'open", ConfigError, "cannot be split"),
        ("/nowhere/pw.x", EngineError, "no such program"),
    ],
)
def test_bad_commands_are_refused(command, kind, message):
    with pytest.raises(kind, match=message):
        find_engine(command)


def test_pp_x_needs_a_command_with_pw_x():
    with pytest.raises(ConfigError, match=r"cannot tell how to start pp\.x"):
        find_engine("bash run-espresso.sh", program="pp.x")


def test_signals_of_wrappers_are_recognised(tmp_path):
    engine = replace(find_engine("bash"), arguments=("bash", "-c", "exit 137"))
    with pytest.raises(EngineError, match=signal.Signals(signal.SIGKILL).name):
        run_engine(engine, [], directory=tmp_path, output="out", errors="err")


def test_folder_that_is_gone_is_an_engine_error(tmp_path):
    with pytest.raises(EngineError, match="cannot be started"):
        run_engine(find_engine("bash"), [], directory=tmp_path / "none", output="out", errors="err")


def test_forces_and_stress_are_derivatives_of_the_free_energy(
    tmp_path, displaced_aluminium, tiny_settings
):
    def run(atoms, name, **more):
        return run_scf(atoms, directory=tmp_path / name, **(tiny_settings | more))

    result = run(displaced_aluminium, "rest", forces_and_stress=True, convergence_rydberg=1e-10)
    assert result.forces.shape == (len(displaced_aluminium), 3)
    assert np.abs(result.forces.sum(0)).max() < 1e-3
    step, ends = 0.02, []
    for sign in (1, -1):
        moved = displaced_aluminium.copy()
        moved.positions[1, 0] += sign * step
        ends.append(run(moved, f"moved{sign}", convergence_rydberg=1e-10).total_free_energy)
    assert result.forces[1, 0] == pytest.approx((ends[1] - ends[0]) / (2 * step), abs=5e-3)
    np.testing.assert_allclose(result.stress, result.stress.T, atol=1e-8)
    # Aluminium with this potential is smaller than 4.05 Å: the cell is under tension.
    assert np.trace(result.stress) > 0
