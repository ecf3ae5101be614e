import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from surrogate_hpo.config.frames import expand_frames, file_of
from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.project import Config
from surrogate_hpo.config.yaml_core import CoreDumper, CoreLoader
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.run.graph import (
    EVERY_STAGE,
)

DEFAULT = Path(__file__).parents[2] / "config" / "config.yaml"


@pytest.fixture
def settings() -> dict:
    return yaml.safe_load(DEFAULT.read_text())


def load(tmp_path: Path, settings: dict) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return load_config([path])


def test_default_config_is_valid_and_has_a_section_per_stage():
    config = load_config([DEFAULT])
    assert {*EVERY_STAGE, "seed"} == set(type(config).model_fields)


def test_unknown_keys_are_refused_with_the_nearest_known_one(tmp_path, settings):
    settings["ldos"]["widht_ev"] = 0.5
    settings["trian"] = {}
    with pytest.raises(ConfigError) as error:
        load(tmp_path, settings)
    assert "ldos.widht_ev: unknown key; did you mean `width_ev`?" in str(error.value)
    assert "trian: unknown key; did you mean `train`?" in str(error.value)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("nspin", "calculations are without spin"),
        ("smearing", "occupations are Fermi-Dirac, of `dft.electronic_temperature_kelvin`"),
        ("tot_charge", "cells are neutral"),
        ("input_dft", "the functional is the potentials'"),
    ],
)
def test_keys_that_mean_what_there_is_not_are_no_misspellings(tmp_path, settings, key, words):
    settings["dft"][key] = 2
    with pytest.raises(ConfigError) as error:
        load(tmp_path, settings)
    assert f"dft.{key}: not supported, {words}; see docs/limits.md" in str(error.value)
    assert "did you mean" not in str(error.value)


@pytest.mark.parametrize("place", ["upf", "files", "cell", "transfer"])
def test_braces_in_paths_are_refused_before_snakemake_meets_them(tmp_path, settings, place):
    if place == "upf":
        settings["dft"]["pseudopotentials"] = {"Al": "pp {x}/Al.UPF"}
    elif place == "cell":
        settings["snapshots"]["cell"] = {"file": "run{1}.cif"}
    elif place == "transfer":
        settings["transfer"] = {"structures": ["run{1}.xyz@0:2"]}
    else:
        settings["snapshots"] |= {"method": "files", "training": ["run{1}.xyz@0:2"]}
    with pytest.raises(ConfigError, match=r"takes braces for wildcards; rename.*\{"):
        load(tmp_path, settings)


def test_all_faults_are_listed_at_once_with_dotted_paths(tmp_path, settings):
    settings["dft"]["cutoff_rydberg"] = "16 Ry"
    settings["ldos"]["width_ev"] = -0.5
    settings["snapshots"]["cell"]["repeat"] = [1, 1]
    del settings["seed"]
    with pytest.raises(ConfigError) as error:
        load(tmp_path, settings)
    message = str(error.value)
    assert "the config has 4 faults" in message
    assert "dft.cutoff_rydberg: Input should be a valid number (got '16 Ry')" in message
    assert "ldos.width_ev: Input should be greater than 0 (got -0.5)" in message
    assert "snapshots.cell.repeat" in message
    assert "seed: this key is required" in message


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("ldos", {"spacing_ev": 1.5}, "spacing_ev 1.5 is larger than width_ev 1.0"),
        ("snapshots", {"training": 1}, "too few snapshots for the splits: `training` has 1"),
        ("snapshots", {"test": 0}, "`test` has 0 snapshots"),
        ("acsd", {"cutoff_radii_angstrom": [450.0]}, "less than or equal to 30"),
        ("snapshots", {"test": ["a.xyz"]}, "`test` must be a number"),
        ("snapshots", {"debye_waller_b_angstrom2": None}, "needs `debye_waller_b_angstrom2`"),
        ("dft", {"pseudopotentials": {"Be": "Be.UPF"}}, "no entry for Al"),
        (
            "snapshots",
            {"cell": {"symbol": "Mg", "structure": "hcp", "lattice_constant_angstrom": 3.2}},
            "`hcp` has no cubic cell: set `cubic: false`",
        ),
        ("search", {"optimiser": ["adam"]}, "weight_decay: 0.3 is too large for adam"),
        ("search", {"output_scaling": ["minmax"]}, "search.output_scaling.0: .*'feature_maximum'"),
        ("search", {"plateau_factor": [1.0]}, "search.plateau_factor.0: .*less than 1"),
        ("search", {"dos_weight": [-1.0]}, "search.dos_weight.0: .*greater than or equal to 0"),
    ],
)
def test_settings_that_contradict_each_other(tmp_path, settings, section, change, message):
    settings[section].update(change)
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        load(tmp_path, settings)


def test_missing_file_and_broken_yaml(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config([tmp_path / "none.yaml"])
    broken = tmp_path / "broken.yaml"
    broken.write_text("seed: [1")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config([broken])
    broken.write_text("seed: 1\nseed: 2\n")
    with pytest.raises(ConfigError, match="`seed` stands twice"):
        load_config([broken])
    broken.write_text("- 1\n")
    with pytest.raises(ConfigError, match="holds no settings"):
        load_config([broken])


def test_exponents_without_a_point_are_numbers(tmp_path):
    extra = tmp_path / "extra.yaml"
    extra.write_text("dft: {convergence_rydberg: 1e-10}\n")
    assert load_config([DEFAULT, extra]).dft.convergence_rydberg == 1e-10


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("020", 20), ("-007", -7), ("08", 8), ("0o24", 20), ("0x1F", 31), ("+3", 3),
        ("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-1.5E-2", -0.015), ("!!int 020", 20),
        ("1:30", "1:30"), ("190:20:30.15", "190:20:30.15"), ("1_0", "1_0"), ("0b11", "0b11"),
        ("1_0.5", "1_0.5"), ("1e", "1e"), ("2024-01-31", "2024-01-31"), ("=", "="),
        ("No", "No"), ("yes", "yes"), ("off", "off"), ("True", True), ("~", None), ("", None),
        ("inf", "inf"), ("nan", "nan"), ("[1, [020, No]]", [1, [20, "No"]]),
    ],
)  # fmt: skip
def test_plain_words_are_read_as_yaml_1_2_has_them(text, value):
    read = yaml.load(f"key: {text}", Loader=CoreLoader)["key"]  # noqa: S506 (a SafeLoader)
    assert read == value
    assert type(read) is type(value)
    written = yaml.dump(value, Dumper=CoreDumper)
    assert yaml.load(written, Loader=CoreLoader) == value  # noqa: S506 (a SafeLoader)


@pytest.mark.parametrize(
    "text", [".inf", "-.INF", ".nan", ".NaN", "1e999", "[1.0, [.nan]]", "{a: {b: [.inf]}}",
             "!!float nan", "!!int 0b11", "!!bool yes", "!!float .nan"],
)  # fmt: skip
def test_numbers_that_are_none_are_refused_wherever_they_stand(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(f"seed: 1\nldos: {text}\n")
    with pytest.raises(ConfigError, match=r"not valid YAML(.|\n)*line 2, column"):
        load_config([path])


def test_a_model_takes_no_infinite_number_either(settings):
    settings["ldos"]["maximum_ev"] = float("inf")
    with pytest.raises(ValueError, match=r"ldos\.maximum_ev\n.*finite number"):
        Config.model_validate(settings)


def test_numbers_of_old_yaml_are_no_numbers_and_its_booleans_no_booleans(tmp_path):
    extra = tmp_path / "extra.yaml"
    extra.write_text("seed: 0042\nsnapshots: {temperature_kelvin: 1:30}\ntrain: {use_gpu: yes}\n")
    with pytest.raises(ConfigError) as error:
        load_config([DEFAULT, extra])
    assert "temperature_kelvin: Input should be a valid number (got '1:30')" in str(error.value)
    assert "train.use_gpu: Input should be a valid boolean; write true or false (got 'yes')" in str(
        error.value
    )
    extra.write_text("seed: 0042\ndft: {cutoff_rydberg: 020}\n")
    config = load_config([DEFAULT, extra])
    assert (config.seed, config.dft.cutoff_rydberg) == (42, 20)


def test_later_files_win_key_by_key(tmp_path):
    extra = tmp_path / "extra.yaml"
    extra.write_text("snapshots: {training: 7}\n")
    config = load_config([DEFAULT, extra])
    assert config.snapshots.training == 7
    assert config.snapshots.validation == load_config([DEFAULT]).snapshots.validation


def test_enlarging_a_split_changes_no_existing_job(tmp_path, settings):
    before = load(tmp_path, settings)
    settings["snapshots"]["validation"] += 10
    after = load(tmp_path, settings)
    for name in before.snapshots.all_names():
        assert before.job_settings("snapshots", name) == after.job_settings("snapshots", name)


def test_settings_that_decide_no_number_rerun_nothing(tmp_path, settings):
    before = load(tmp_path, settings).job_settings("dft")
    settings["dft"]["command"] = "mpirun -np 8 pw.x"
    assert load(tmp_path, settings).job_settings("dft") == before
    settings["dft"]["cutoff_rydberg"] = 20
    assert load(tmp_path, settings).job_settings("dft") != before


def test_own_files_and_frames(tmp_path, settings):
    assert expand_frames("run.xyz@2:4") == ["run.xyz@2", "run.xyz@3"]
    assert expand_frames("run.xyz@2:9:3") == ["run.xyz@2", "run.xyz@5", "run.xyz@8"]
    assert expand_frames("a.cif") == ["a.cif"]
    settings["snapshots"].update(
        method="files", training=["md.xyz@0:3"], validation=["md.xyz@7"], test=["a.cif"]
    )
    snapshots = load(tmp_path, settings).snapshots
    assert snapshots.all_names() == [f"training-000{i}" for i in range(3)] + [
        "validation-0000",
        "test-0000",
    ]
    assert snapshots.source_of("training-0002") == "md.xyz@2"
    assert file_of("md.xyz@2") == "md.xyz"
    assert file_of("a.cif") == "a.cif"
    with pytest.raises(KeyError):
        snapshots.source_of("training-0009")


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (":", "`md.xyz@:` leaves open which frames"),
        ("::50", "every 50th, file@0:2000:50"),
        ("-1", "`training`: `md.xyz@-1` leaves open"),
        ("0:9:0", "leaves open which frames"),
        ("", "leaves open which frames"),
        ("3:3", "the range of `md.xyz@3:3` is empty"),
    ],
)
def test_frames_that_are_none_are_named(tmp_path, settings, frames, message):
    settings["snapshots"].update(
        method="files", training=["a.cif", f"md.xyz@{frames}"], validation=["b.cif"], test=["c.cif"]
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        load(tmp_path, settings)


def test_the_threshold_of_self_consistency_grows_with_the_atoms_where_none_is_given():
    dft = load_config([DEFAULT]).dft
    assert dft.run(4, 4 * np.eye(3)).convergence_rydberg == 1e-8  # as the file says
    left_out = dft.model_copy(update={"convergence_rydberg": None})
    assert left_out.run(4, 4 * np.eye(3)).convergence_rydberg == 1e-9
    assert left_out.run(64, 4 * np.eye(3)).convergence_rydberg == 1.6e-8


def test_finished_calculations_need_no_settings_of_a_run(tmp_path, settings):
    settings["snapshots"] = {
        "method": "finished",
        "training": ["a.save", "odd@1:3"],
        "validation": ["c.info.json"],
        "test": ["d.info.json"],
    }
    with pytest.raises(ConfigError) as error:
        load(tmp_path, settings)
    idle = (
        "would be ignored: bands_per_atom, convergence_rydberg, cutoff_rydberg, "
        "kpoint_spacing_per_angstrom, kpoints_shift; leave them out"
    )
    assert idle in str(error.value)
    settings["dft"] = {
        "pseudopotentials": {"Al": "Al.UPF"},
        "functional": "pbe",
        "density_cutoff_rydberg": 160,
        "electronic_temperature_kelvin": 298,
    }
    with pytest.raises(ConfigError, match="kpoint_noise is true, but finished calculations"):
        load(tmp_path, settings)
    settings["report"] = {"kpoint_noise": False}
    config = load(tmp_path, settings)
    assert config.snapshots.sources("training") == ["a.save", "odd@1:3"]
    with pytest.raises(ConfigError, match="no cutoff_rydberg, kpoints or kpoint_spacing_per"):
        config.dft.run(4, 4 * np.eye(3))


def test_a_run_of_pw_x_needs_its_settings_and_takes_the_functional_of_the_potentials(
    tmp_path, settings
):
    del settings["dft"]["kpoint_spacing_per_angstrom"], settings["dft"]["bands_per_atom"]
    with pytest.raises(ConfigError) as error:
        load(tmp_path, settings)
    for keys in ("kpoints or kpoint_spacing_per_angstrom", "bands or bands_per_atom"):
        assert f"dft.{keys}: this key is required" in str(error.value)
    settings["dft"] |= {"kpoints": [4, 4, 4], "kpoint_spacing_per_angstrom": 0.2, "bands": 20}
    with pytest.raises(ConfigError, match="two ways of saying one thing: kpoints and kpoint_spac"):
        load(tmp_path, settings)
    del settings["dft"]["kpoint_spacing_per_angstrom"]
    settings["dft"] |= {"kpoints": [4, 4, 4], "bands": 20, "functional": "pbe"}
    with pytest.raises(ConfigError, match=r"dft\.functional is for finished calculations"):
        load(tmp_path, settings)
