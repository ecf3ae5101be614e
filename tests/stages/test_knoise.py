"""The noise of the labels by the mesh of k points: numbers, records, classes, and the real thing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk
from ase.io import write
from test_evaluate_stage import dft_result
from tiny_workflow import REPOSITORY, edit_config, new_folder, planned, snakemake

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.project import Config
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.dft.kpoint_noise import (
    KPointNoise,
    denser_mesh,
    kpoint_noise,
    largest_spacing,
)
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.run.case import size_classes
from surrogate_hpo.run.plan import items
from surrogate_hpo.stages.knoise.records import (
    read_noise,
    read_noise_summary,
    write_noise,
    write_noise_summary,
)
from surrogate_hpo.verbs.check.hints import SUMMARY, kpoint_hints

NOISE = KPointNoise("training-0000", 4, "4×4×4", "6×6×6", 0.39, 0.26, 1.35, 0.02, 12.6, 28.0, 1.0, 38.0)  # fmt: skip


def config_of(path: Path = Path("config.yaml")) -> Config:
    return load_config([path])


def own_files(folder: Path, *counts: int) -> None:
    """Let the project read one file per split, of so many aluminium atoms each."""
    names = [str(folder / f"{split}.xyz") for split in ("training", "validation", "test")]
    for name, count in zip(names, counts, strict=True):
        write(name, [bulk("Al", a=4.05).repeat([count, 1, 1])] * 2)
    path = folder / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["snapshots"] = {"method": "files"} | {
        "training": [f"{names[0]}@0:2"], "validation": [f"{names[1]}@0"], "test": [f"{names[2]}@0"]
    }  # fmt: skip
    path.write_text(yaml.safe_dump(settings))


# --- numbers ---


@pytest.mark.parametrize(
    ("mesh", "factor", "denser"),
    [((4, 4, 4), 1.5, (6, 6, 6)), ((1, 2, 3), 1.1, (2, 3, 4)), ((10, 3, 1), 1.2, (12, 4, 2))],
)
def test_a_denser_mesh_has_more_points_along_each_axis(mesh, factor, denser):
    assert denser_mesh(mesh, factor) == denser


def test_the_spacing_is_that_of_the_widest_axis():
    assert largest_spacing(np.diag([4.0, 4.0, 8.0]), (4, 4, 1)) == pytest.approx(2 * np.pi / 8)
    assert largest_spacing(np.diag([4.0, 4.0, 8.0]), (4, 4, 4)) == pytest.approx(2 * np.pi / 16)


def compared(own: np.ndarray, denser: np.ndarray) -> KPointNoise:
    result = dft_result(0)
    other = replace(result, fermi_energy=result.fermi_energy - 0.01)
    return kpoint_noise("x", result, other, meshes=((2, 2, 2), (3, 3, 3)), ldos=(own, denser))


def test_shares_have_closed_forms():
    denser = np.random.default_rng(0).random((3, 4, 5, 6)).astype(np.float32)
    same = compared(denser, denser)
    assert same.ldos_share == same.dos_share == 0
    assert same.fermi_energy_mev == pytest.approx(10)
    flat = np.broadcast_to(denser.mean(axis=(0, 1, 2)), denser.shape)
    assert compared(flat, denser).ldos_share == pytest.approx(1, rel=1e-5)
    assert compared(flat, denser).dos_share == pytest.approx(0, abs=1e-5)
    assert compared(1.1 * denser, denser).dos_share == pytest.approx(0.1, rel=1e-5)


def test_two_grids_are_no_pair():
    with pytest.raises(DataError, match="do not lie on one grid"):
        compared(np.ones((2, 2, 2, 3), np.float32), np.ones((2, 2, 3, 3), np.float32))


def test_what_is_not_known_is_not_zero():
    ldos = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)
    unknown = replace(dft_result(0), total_free_energy=None)
    noise = kpoint_noise("x", unknown, unknown, meshes=((1, 1, 1), (2, 2, 2)), ldos=(ldos, ldos))
    assert np.isnan(noise.total_free_energy_mev_per_atom)
    assert noise.band_energy_mev_per_atom == 0


# --- records ---


def test_records_are_read_as_they_were_written(tmp_path):
    write_noise(tmp_path / "one.json", NOISE, {})
    assert read_noise(tmp_path / "one.json") == NOISE
    write_noise_summary(tmp_path / "summary.json", [NOISE, NOISE], {})
    assert read_noise_summary(tmp_path / "summary.json") == [NOISE, NOISE]
    (tmp_path / "one.json").write_text('{"atoms": 4}')
    with pytest.raises(DataError, match="lacks what a later stage needs"):
        read_noise(tmp_path / "one.json")


# --- classes ---


def test_one_cell_is_one_class(project):
    assert list(size_classes(config_of())) == ["training-0000"]
    assert items("knoise", config_of()) == ["all", "training-0000"]


def test_each_number_of_atoms_is_a_class_that_its_first_snapshot_stands_for(project):
    own_files(project, 2, 2, 1)
    found = size_classes(config_of())
    assert {name: len(atoms) for name, atoms in found.items()} == {
        "test-0000": 1, "training-0000": 2
    }  # fmt: skip


def test_finished_calculations_cannot_be_run_again(project):
    settings = yaml.safe_load(Path("config.yaml").read_text())
    settings["snapshots"] = {"method": "finished"} | {
        "training": ["a", "b"], "validation": ["c"], "test": ["d"]
    }  # fmt: skip
    settings["dft"] = {"pseudopotentials": {"Al": "Al.UPF"}}
    Path("config.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(ConfigError, match="the k noise of finished calculations"):
        size_classes(config_of())
    assert items("knoise", config_of()) == ["all"]
    assert list(kpoint_hints(config_of())) == []
    edit_config(Path(), "report", kpoint_noise=True)
    message = r"report\.kpoint_noise is true, but finished calculations(.|\n)*set it to false"
    with pytest.raises(ConfigError, match=message):
        config_of()


def test_a_factor_that_makes_no_mesh_denser_is_refused(project):
    edit_config(project, "knoise", factor=1.0)
    with pytest.raises(ConfigError, match=r"knoise\.factor: .*greater than 1"):
        config_of()


def test_mixed_cells_have_a_class_each(project):
    found = size_classes(load_config([REPOSITORY / "config" / "mixed.yaml"]))
    counts = [len(atoms) for atoms in found.values()]
    assert counts == sorted(set(counts))
    assert len(counts) > 1


# --- hints ---


def test_check_tells_of_wide_meshes_until_the_noise_is_known(project):
    (hint,) = kpoint_hints(config_of())
    assert "cells of 4 atoms are up to 0.78 1/Å apart" in hint
    edit_config(project, "dft", kpoints=[7, 7, 7])
    assert list(kpoint_hints(config_of())) == []
    SUMMARY.parent.mkdir(parents=True)
    small = replace(NOISE, atoms=8, ldos_share=0.01, total_free_energy_mev_per_atom=-0.3)
    write_noise_summary(SUMMARY, [NOISE, small], {})
    (hint,) = kpoint_hints(config_of())
    assert "4 atoms with 4×4×4 k points: 135.0% of the LDOS's variance and +12.6" in hint


# --- the stage ---


def test_it_is_not_on_the_way_to_the_report_unless_the_report_shows_it(tmp_path):
    folder = new_folder(tmp_path / "run")
    assert not {"knoise", "knoise_snapshot", "floor"} & planned(folder)
    edit_config(folder, "report", kpoint_noise=True)
    assert {"knoise", "knoise_snapshot"} <= planned(folder)


@pytest.mark.qe
@pytest.mark.workflow
def test_snakemake_makes_it_and_then_it_is_done(tmp_path):
    folder = new_folder(tmp_path / "run")
    done = snakemake(folder, "knoise")
    assert done.returncode == 0, done.stdout + done.stderr
    (noise,) = read_noise_summary(folder / SUMMARY)
    assert noise.snapshot == "training-0000"
    assert (folder / "results/knoise/knoise.csv").exists()
    assert not list((folder / "results/state/knoise").iterdir())
    assert planned(folder, "knoise") == set()
    edit_config(folder, "knoise", factor=2.0)
    assert planned(folder, "knoise") == {"knoise", "knoise_snapshot"}


@pytest.mark.qe
def test_a_second_mesh_is_run_and_compared(project):
    name, common = "training-0000", ["--config", "config.yaml"]
    files = ["--structure", "x.extxyz", "--pseudopotentials", "Al.UPF", "--dft"]
    main(["snapshots", *common, "--snapshot", name, "--structure", "x.extxyz"])
    main(["dft", *common, *files, "own.json", "--save", "own.save"])
    main(["ldos", *common, "--dft", "own.json", "--save", "own.save", "--ldos", "own.zarr.zip"])
    main([
        "knoise_snapshot", *common, *files, "own.json", "--snapshot", name,
        "--ldos", "own.zarr.zip", "--record", "noise.json", "--state", "state",
    ])  # fmt: skip
    assert not list(Path("state").iterdir())
    main(["knoise", *common, "--records", "noise.json", "--summary", "s.json", "--table", "t.csv"])
    edit_config(project, "dft", kpoints=[3, 3, 3])
    main(["dft", *common, *files, "denser.json", "--save", "denser.save"])

    (noise,) = read_noise_summary(Path("s.json"))
    own, denser = (read_dft_result(Path(f"{which}.json")) for which in ("own", "denser"))
    assert (noise.snapshot, noise.atoms) == (name, 4)
    assert (noise.mesh, noise.denser_mesh) == ("2×2×2", "3×3×3")
    assert noise.total_free_energy_mev_per_atom == pytest.approx(
        250 * (own.total_free_energy - denser.total_free_energy), abs=1e-3
    )
    assert noise.band_energy_mev_per_atom == pytest.approx(
        250 * (own.band_energy - denser.band_energy), abs=1e-2
    )
    assert abs(noise.total_free_energy_mev_per_atom) > 1
    assert noise.ldos_share > 0.05
    (row,) = read_table(Path("t.csv"))
    assert float(row["ldos_share"]) == noise.ldos_share
    assert json.loads(Path("noise.json").read_text())["provenance"]["inputs"]
