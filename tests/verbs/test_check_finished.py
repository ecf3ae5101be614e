"""What `check` finds in finished calculations: edited, mixed up, of several kinds."""

import dataclasses
import json
import logging
import shutil

import numpy as np
import pytest
import yaml
from finished_data import DFT, displaced_cell, edit_sidecar, result_of, write_snapshot

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.dft_results import result_as_document
from surrogate_hpo.dft.finished import DftSupplement
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.labels.dft_guards import check_potentials
from surrogate_hpo.verbs.check import finished as check_finished
from surrogate_hpo.verbs.check.verb import check

NAMES = {"training": ["a", "b"], "validation": ["c"], "test": ["d"]}


@pytest.fixture
def imported(project):
    """Four snapshots in MALA's form, and a config that reads them."""
    for seed, name in enumerate("abcd"):
        write_snapshot(project, name, atoms=displaced_cell(20 + seed))
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["dft"] = {"pseudopotentials": {"Al": "Al.UPF"}, "functional": "lda_pw92"}
    values["ldos"] = {
        "kernel": "gaussian",
        "width_ev": 0.5,
        "minimum_ev": -6,
        "maximum_ev": 13,
        "spacing_ev": 0.25,
    }
    values["snapshots"] = {"method": "finished"} | {
        split: [f"{name}.out.npy" for name in names] for split, names in NAMES.items()
    }
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    return project


def configure(folder, section, **changes):
    path = folder / "config.yaml"
    values = yaml.safe_load(path.read_text())
    values[section] |= changes
    path.write_text(yaml.safe_dump(values))


def faults(folder):
    with pytest.raises(ConfigError) as error:
        check(load_config([folder / "config.yaml"]))
    return str(error.value)


def test_good_snapshots_pass(imported, caplog):
    with caplog.at_level(logging.INFO):
        check(load_config([imported / "config.yaml"]))
    assert "no faults: 4 snapshots" in caplog.text


def test_a_shifted_axis_is_found_in_every_snapshot_before_any_stage(imported):
    configure(imported, "ldos", minimum_ev=-5.95, maximum_ev=13.05)
    found = faults(imported)
    assert "4 faults" in found
    assert found.count("+0.05") >= 4
    assert "energy axis that is shifted" in found


def test_a_large_array_is_left_to_the_ldos_stage(imported, monkeypatch):
    configure(imported, "ldos", minimum_ev=-5.95, maximum_ev=13.05)
    monkeypatch.setattr(check_finished, "_READ_AT_MOST", 1000)
    check(load_config([imported / "config.yaml"]))
    arguments = ["--structure", "s.extxyz", "--finished", "a.out.npy", "--dft", "a.json"]
    write = ["snapshots", "--snapshot", "training-0000", "--structure", "s.extxyz"]
    main([*write, "--config", "config.yaml"])
    main(["dft", "--config", "config.yaml", *arguments, "--pseudopotentials", "Al.UPF"])
    with pytest.raises(SystemExit) as stop:
        main(
            ["ldos", "--config", "config.yaml", "--dft", "a.json", "--finished", "a.out.npy",
             "--ldos", "a.zarr.zip"]
        )  # fmt: skip
    assert "other energies than the calculation" in str(stop.value)


def test_exchanged_arrays_are_of_different_snapshots(imported):
    for first, second in (("a", "b"), ("b", "a")):
        (imported / f"{first}.out.npy").rename(imported / f"{second}.new")
    for name in "ab":
        (imported / f"{name}.new").rename(imported / f"{name}.out.npy")
    found = faults(imported)
    assert "2 faults" in found
    assert found.count("are of different snapshots") == 2
    assert "rearrange the array" not in found


@pytest.mark.parametrize("change", ["positions", "cell"])
def test_edited_atoms_have_another_ewald_energy(imported, change):
    path = imported / "a.info.json"
    document = json.loads(path.read_text())
    atoms, scale = document["atoms"], 1.003
    if change == "positions":
        atoms["positions"][0][0] += 0.1
    else:
        for part, key in ((atoms, "cell"), (atoms, "positions"), (document["voxel"], "array")):
            part[key] = (scale * np.array(part[key])).tolist()
    path.write_text(json.dumps(document))
    assert "another Ewald energy than the calculation" in faults(imported)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"temperature": 4000.0}, "the electronic temperature: 5000 K, as in a.out.npy"),
        ({"ecutrho": 40.0}, "the cutoff of the density: 32 Ry"),
        ({"ecutwfc": 10.0}, "the cutoff of the wavefunctions: 8 Ry"),
    ],
)
def test_snapshots_of_different_calculations_cannot_be_learnt_together(imported, changes, words):
    for name in "cd":
        edit_sidecar(imported / f"{name}.info.json", **changes)
    found = faults(imported)
    assert "they cannot be learnt together" in found
    assert words in found
    assert "in c.out.npy" in found
    assert "in d.out.npy" in found


def test_the_functional_of_the_config_must_be_that_of_the_potential(imported, caplog):
    configure(imported, "dft", functional="pbe")
    found = faults(imported)
    assert "dft.functional contradicts the pseudopotential" in found
    assert "expected: lda_pw92, as the potential of Al says" in found
    # What pw.x itself wrote is right, if unusual: input_dft.
    told = dataclasses.replace(result_of(imported / "a.info.json"), functional="pbe", version="7.2")
    check_potentials(told, {"Al": read_upf(imported / "Al.UPF")}, where="x.xml")
    assert "x.xml: calculated with pbe, but the potential of Al" in caplog.text


def exported(path):
    """A sidecar as this package writes it."""
    own = {"dft": result_as_document(result_of(path))}
    edit_sidecar(path, surrogate_hpo=own)
    assert open_finished(path).result(DFT).functional == "lda_pw92"
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("positions", 0.24, "not the positions of the calculation"),
        ("cell", 0.0405, "not the cell of the calculation"),
        ("numbers", 12, "not the elements of the calculation"),
    ],
)
def test_edited_atoms_of_an_exported_sidecar_are_refused(tmp_path, key, value, words):
    path = write_snapshot(tmp_path)
    document = exported(path)
    if key == "numbers":
        document["atoms"][key][0] = value
    else:
        document["atoms"][key][0][0] += value
        document["voxel"]["array"][0][0] += value / 10 if key == "cell" else 0
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=rf"{words}(.|\n)*key atoms\.{key}"):
        open_finished(path).result(DFT)


@pytest.mark.parametrize(
    "changes",
    [
        {"band_energy_dft_calculation": 1.0},
        {"ewald_contribution": -1.0},
        {"temperature": 300.0},
        {"ecutrho": 48.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_edited_numbers_of_an_exported_sidecar_are_refused(tmp_path, changes):
    path = write_snapshot(tmp_path)
    exported(path)
    edit_sidecar(path, **changes)
    with pytest.raises(DataError, match=rf"key {next(iter(changes))}(.|\n)*as in surrogate_hpo"):
        open_finished(path).result(DFT)


def test_the_config_cannot_say_otherwise_than_an_exported_sidecar(tmp_path):
    path = write_snapshot(tmp_path)
    exported(path)
    with pytest.raises(ConfigError, match=r"dft\.density_cutoff_rydberg contradicts"):
        open_finished(path).result(DftSupplement(None, 40.0, None))
    with pytest.raises(ConfigError, match=r"electronic_temperature_kelvin contradicts"):
        open_finished(path).result(DftSupplement(None, None, 300.0))


def test_one_calculation_under_four_names_is_refused(imported):
    for name in "bcd":
        for suffix in (".out.npy", ".info.json"):
            shutil.copyfile(imported / f"a{suffix}", imported / f"{name}{suffix}")
    found = faults(imported)
    assert "a structure is used twice" in found
    assert "b.out.npy, already in training as a.out.npy" in found
    assert "c.out.npy, already in training as a.out.npy" in found
    assert "d.out.npy, already in training as a.out.npy" in found
