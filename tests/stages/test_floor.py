"""The floor of all snapshots before any training: numbers, causes, and what makes it an error."""

import csv
import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from finished_data import displaced_cell, edit_sidecar, write_snapshot
from tiny_workflow import snakemake

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.labels.floors import BLIND, Floor, large_floors, statistics
from surrogate_hpo.predict.energies import QUANTITIES
from surrogate_hpo.run.plan import chain

NAMES = ("training-0000", "training-0001", "validation-0000", "test-0000")


def floor(**errors):
    return Floor("a", 4, dict.fromkeys(QUANTITIES, 0.0) | errors)


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ({"band_energy": -28.0, "hartree_energy": 3.0}, "ldos.width_ev"),
        ({"band_energy": -28.0, "ewald_energy": 100.0}, "valence of the potentials"),
        ({"exchange_correlation_energy": 28.0, "band_energy": 3.0}, "density_cutoff_rydberg"),
        ({"hartree_energy": 20.0, "exchange_correlation_energy": np.nan}, "cutoff of the density"),
    ],
)
def test_the_usual_causes_follow_the_term_that_is_off(errors, words):
    one = floor(total_free_energy=28.0, **errors)
    assert words in one.likely_cause
    (sentence,) = large_floors([one, floor(total_free_energy=-3.0)], 5.0)
    assert "floor above 5 meV/atom in 1 of 2 snapshots, most in a: +28.0 meV/atom" in sentence
    assert words in sentence


def test_what_is_not_known_is_neither_large_nor_part_of_a_mean():
    unknown = floor(total_free_energy=np.nan)
    assert large_floors([unknown], 5.0) == []
    found = statistics([unknown, floor(total_free_energy=3.0), floor(total_free_energy=-1.0)])
    assert found["total_free_energy"] == {"mean": 1.0, "std": 2.0, "largest": 3.0}
    assert statistics([unknown])["total_free_energy"]["mean"] is None


@pytest.fixture
def imported(project):
    """A run of four imported snapshots up to their LDOS; totals are those of the LDOS."""
    for seed, name in enumerate("abcd"):
        write_snapshot(project, name, atoms=displaced_cell(20 + seed), shape=(12, 12, 12))
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["dft"] = {"pseudopotentials": {"Al": "Al.UPF"}, "functional": "lda_pw92"}
    values["ldos"] = {
        "kernel": "gaussian",
        "width_ev": 0.5,
        "minimum_ev": -6,
        "maximum_ev": 13,
        "spacing_ev": 0.25,
    }
    values["snapshots"] = {
        "method": "finished",
        "training": ["a.out.npy", "b.out.npy"],
        "validation": ["c.out.npy"],
        "test": ["d.out.npy"],
    }
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    # Without its total and xc energy a sidecar is not compared with them.
    for name in "abcd":
        edit_sidecar(
            project / f"{name}.info.json", total_energy_dft_calculation=None, xc_contribution=None
        )
    return project


def up_to_ldos(folder):
    for name, source in zip(NAMES, "abcd", strict=True):
        common = ["--config", "config.yaml"]
        main(["snapshots", *common, "--snapshot", name, "--structure", f"{name}.extxyz"])
        finished = ["--finished", f"{source}.out.npy"]
        main(
            ["dft", *common, "--structure", f"{name}.extxyz", "--pseudopotentials", "Al.UPF",
             "--dft", f"{name}.json", *finished]
        )  # fmt: skip
        main(["ldos", *common, "--dft", f"{name}.json", "--ldos", f"{name}.zarr.zip", *finished])


def make_floor():
    files = [[f"{name}{end}" for name in NAMES] for end in (".extxyz", ".json", ".zarr.zip")]
    main(
        ["floor", "--config", "config.yaml", "--structures", *files[0], "--dft", *files[1],
         "--ldos", *files[2], "--pseudopotentials", "Al.UPF",
         "--table", "floor.csv", "--summary", "floor.json"]
    )  # fmt: skip
    rows = list(csv.DictReader(Path("floor.csv").read_text().splitlines()))
    return rows, json.loads(Path("floor.json").read_text())


def test_every_imported_snapshot_has_its_floor_in_the_table(imported, caplog):
    assert "floor" in chain(load_config([imported / "config.yaml"]))
    up_to_ldos(imported)
    with caplog.at_level(logging.INFO):
        rows, summary = make_floor()
    assert [row["snapshot"] for row in rows] == list(NAMES)
    for row in rows:
        assert row["total_free_energy_mev_per_atom"] == ""
        assert abs(float(row["band_energy_mev_per_atom"])) < 2
        assert abs(float(row["ewald_energy_mev_per_atom"])) < 1e-3
    assert summary["errors_mev_per_atom"]["total_free_energy"]["mean"] is None
    assert summary["snapshots"] == 4
    assert BLIND in caplog.text
    assert summary["cannot_see"] == BLIND
    assert "k points" in BLIND
    assert "cutoff" in BLIND


def test_a_total_energy_of_another_calculation_is_an_error(imported):
    up_to_ldos(imported)
    path = imported / f"{NAMES[2]}.json"
    document = json.loads(path.read_text())
    # The density of the fixture is made up: only its own integral can be its total energy.
    document["total_free_energy_ev"] = -1000.0
    path.write_text(json.dumps(document))
    with pytest.raises(SystemExit) as stop:
        make_floor()
    said = str(stop.value)
    assert "other total energies than the calculations" in said
    assert "where: c.out.npy" in said
    assert "in 1 of 4 snapshots, most in validation-0000" in said
    assert "largest_reference_error_mev_per_atom" in said


def test_suspicions_of_imported_data_are_kept_for_the_report(imported):
    for name in "abcd":
        document = json.loads((imported / f"{name}.info.json").read_text())
        changed = document["band_energy_dft_calculation"] + 0.05
        edit_sidecar(imported / f"{name}.info.json", band_energy_dft_calculation=changed)
    up_to_ldos(imported)
    _, summary = make_floor()
    assert len(summary["warnings"]) == 4
    assert re.match(r"a\.out\.npy: band energy -1\d\.\d meV/atom", summary["warnings"][0])


@pytest.mark.qe
@pytest.mark.workflow
def test_snakemake_makes_it_of_a_finished_run_without_any_training(run):
    done = snakemake(run, "floor")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    rows = list(csv.DictReader((run / "results/floor/floor.csv").read_text().splitlines()))
    assert {row["snapshot"].split("-")[0] for row in rows} == {"training", "validation", "test"}
    totals = [float(row["total_free_energy_mev_per_atom"]) for row in rows]
    assert max(map(abs, totals)) < 5
    summary = json.loads((run / "results/floor/summary.json").read_text())
    assert summary["warnings"] == []
    held_out = json.loads((run / "results/evaluate/summary.json").read_text())["total_free_energy"]
    ours = [
        abs(total) for row, total in zip(rows, totals, strict=True) if "test" in row["snapshot"]
    ]
    assert np.mean(ours) == pytest.approx(held_out["discretisation_error_mev_per_atom"], abs=1e-6)
