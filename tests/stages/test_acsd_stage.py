"""The acsd stage on synthetic snapshots, the store of similarities, and its settings."""

import csv
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.io import write
from bispectrum_snapshots import aluminium, files, write_snapshots
from pydantic import ValidationError
from tiny_workflow import edit_config

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.ldos_store import LdosData, read_ldos, write_ldos
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.zarr_zip import read_provenance
from surrogate_hpo.scores.descriptors.acsd import acsd as acsd_score
from surrogate_hpo.stages.acsd.points import sample_snapshots
from surrogate_hpo.stages.acsd.settings import AcsdSettings
from surrogate_hpo.stages.acsd.similarities import (
    SimilarityData,
    read_similarities,
    write_similarities,
)
from surrogate_hpo.stages.acsd.stage import acsd
from surrogate_hpo.verbs.check.verb import check

TRUE_RADIUS = 3.6


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory) -> Path:
    """Two snapshots whose "LDOS" is their own bispectrum at 3.6 Å and 2 J_max 4."""
    seeds = {"training-0000": 0, "training-0001": 1}
    folder = tmp_path_factory.mktemp("snapshots")
    return write_snapshots(folder, seeds, grid=(12, 12, 12), true_radius=TRUE_RADIUS)


def settings(**changes: object) -> AcsdSettings:
    values = {
        "cutoff_radii_angstrom": [3.0, 3.4, 4.0],
        "twojmax": [2, 4],
        "points": 60,
        "draws": 3,
    }
    return AcsdSettings.model_validate(values | changes)


def run(folder: Path, out: Path, chosen: AcsdSettings, *, seed: int = 1, **changes: object):
    acsd(
        **{
            "settings": chosen,
            "seed": seed,
            "structures": files(folder, ".extxyz"),
            "ldos": files(folder, ".zarr.zip"),
            "scores": out / "scores.csv",
            "choice": out / "choice.json",
            "similarities": out / "similarities.zarr.zip",
        }
        | changes
    )
    with (out / "scores.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    choice = json.loads((out / "choice.json").read_text())
    return choice, rows, read_similarities(out / "similarities.zarr.zip")


def test_refinement_finds_the_radius_behind_the_ldos(snapshots, tmp_path):
    coarse, rows, _ = run(snapshots, tmp_path, settings())
    assert coarse["cutoff_radius_angstrom"] in (3.4, 4.0)
    assert {row["round"] for row in rows} == {"0"}
    fine, rows, _ = run(snapshots, tmp_path, settings(), refine=5)
    assert fine["cutoff_radius_angstrom"] == pytest.approx(TRUE_RADIUS, abs=0.02)
    assert fine["twojmax"] == 4
    assert {row["round"] for row in rows} >= {"0", "1", "2"}
    radii = [float(row["cutoff_radius_angstrom"]) for row in rows]
    assert radii == sorted(radii)
    assert len(set(zip(radii, [row["twojmax"] for row in rows], strict=True))) == len(rows)
    before = {row["cutoff_radius_angstrom"]: row for row in rows if row["round"] == "0"}
    assert set(before) == {"3.0", "3.4", "4.0"}
    assert fine["provenance"]["settings"]["refine"] == 5
    configured, same_rows, _ = run(snapshots, tmp_path, settings(refine=5))
    assert configured == fine
    assert same_rows == rows


def test_every_candidate_of_a_round_is_scored_on_the_same_draws(snapshots, tmp_path):
    _, rows, _ = run(snapshots, tmp_path, settings(), refine=1)
    added = [row for row in rows if row["round"] == "1"]
    assert len(added) == 4
    radii = sorted({float(row["cutoff_radius_angstrom"]) for row in added})
    _, alone, _ = run(snapshots, tmp_path, settings(cutoff_radii_angstrom=radii))
    keys = ("cutoff_radius_angstrom", "twojmax", "acsd_mean", "acsd_std")
    for one, other in zip(added, alone, strict=True):
        assert [float(one[k]) for k in keys] == pytest.approx([float(other[k]) for k in keys])


def test_similarities_belong_to_the_scores(snapshots, tmp_path):
    chosen = settings()
    _, rows, data = run(snapshots, tmp_path, chosen, refine=1)
    assert data.snapshot == "training-0000"
    assert data.descriptor.shape == (len(rows), 3600)
    assert data.ldos.shape == (3600,)
    np.testing.assert_allclose(
        data.cutoff_radius, [float(row["cutoff_radius_angstrom"]) for row in rows]
    )
    np.testing.assert_array_equal(data.twojmax, [int(row["twojmax"]) for row in rows])
    np.testing.assert_array_equal(data.round_number, [int(row["round"]) for row in rows])
    # The stage's own score of the first draw, from descriptors computed point by point.
    first = sample_snapshots(
        files(snapshots, ".extxyz")[:1], files(snapshots, ".zarr.zip")[:1], chosen, seed=1
    )[0]
    for row in (0, 3):
        vectors = bispectrum(
            first.points[first.places[0]].reshape(-1, 3),
            first.atoms.positions,
            first.atoms.cell[:],
            cutoff_radius=data.cutoff_radius[row],
            twojmax=int(data.twojmax[row]),
        ).reshape(2, 60, -1)
        vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
        np.testing.assert_allclose(
            data.descriptor[row].reshape(60, 60), vectors[0] @ vectors[1].T, atol=1e-6
        )
    best = [acsd_score(row, data.ldos, "fiedler2022") for row in data.descriptor]
    assert (data.cutoff_radius[np.argmin(best)], data.twojmax[np.argmin(best)]) != (3.0, 2)
    record = read_provenance(tmp_path / "similarities.zarr.zip")
    assert record["stage"] == "acsd"
    assert len(record["inputs"]) == 4


def test_without_an_ldos_structures_are_enough(snapshots, tmp_path, caplog):
    choice, rows, data = run(snapshots, tmp_path, settings(objective="kernel-spread"), ldos=None)
    assert data.ldos is None
    assert choice["objective"] == "kernel-spread"
    assert choice["constant_descriptor_score"] == 0
    assert {"cutoff_radius_angstrom", "twojmax", "decision", "provenance"} <= set(choice)
    best = max(rows, key=lambda row: float(row["kernel_spread_mean"]))
    assert best["within_spread"] == "True"
    for row in rows:
        std, skewness = float(row["similarity_std"]), float(row["similarity_skewness"])
        expected = std / (1 + abs(skewness))
        assert float(row["kernel_spread_mean"]) == pytest.approx(expected, rel=0.1)
    assert len(choice["provenance"]["inputs"]) == 2
    again = run(snapshots, tmp_path, settings(objective="kernel-spread"))
    assert again[:2] == (choice, rows)
    assert "needs no LDOS: it is not read" in caplog.text


def test_the_same_seed_gives_the_same_bytes(snapshots, tmp_path):
    for objective in ("acsd", "kernel-spread"):
        results = []
        for name in ("a", "b"):
            run(snapshots, tmp_path / name, settings(objective=objective))
            results.append([p.read_bytes() for p in sorted((tmp_path / name).iterdir())])
        assert results[0] == results[1]


def test_ten_seeds_agree_or_the_choice_is_called_ambiguous(snapshots, tmp_path):
    found = [run(snapshots, tmp_path, settings(), seed=seed)[0] for seed in range(10)]
    choices = {(c["cutoff_radius_angstrom"], c["twojmax"]) for c in found}
    assert len(choices) == 1 or all(c["decision"]["ambiguous"] for c in found), choices


def test_fewer_ldos_than_structures_is_named(snapshots, tmp_path):
    stores = files(snapshots, ".zarr.zip")
    for ldos, got in ((None, "0"), ([], "0"), (stores[:1], "1")):
        with pytest.raises(DataError, match=rf"2 LDOS stores(.|\n)*got: {got}(.|\n)*kernel-spread"):
            run(snapshots, tmp_path, settings(), ldos=ldos)
    assert not list(tmp_path.iterdir())


def test_an_ldos_of_another_cell_is_refused(snapshots, tmp_path):
    atoms = aluminium(0)
    atoms.set_cell([4.2] * 3, scale_atoms=True)
    write(tmp_path / "training-0000.extxyz", atoms)
    with pytest.raises(DataError, match=r"different cells(.|\n)*4\.2(.|\n)*same order"):
        run(
            snapshots,
            tmp_path,
            settings(),
            structures=[tmp_path / "training-0000.extxyz"],
            ldos=files(snapshots, ".zarr.zip")[:1],
        )


def two_elements(folder: Path) -> list[Path]:
    write(folder / "training-0000.extxyz", aluminium(0, symbols="Al3Ti"))
    return [folder / "training-0000.extxyz"]


def test_two_elements_are_told_apart_by_their_weights(tmp_path):
    structures = two_elements(tmp_path)
    spread = {"objective": "kernel-spread"}
    results = {}
    for weight in (1.0, 1.7):
        weights = {"Al": 1.0, "Ti": weight}
        chosen = settings(**spread, element_weights=weights, element_radii={"Ti": 0.55})
        choice, rows, _ = run(tmp_path, tmp_path / "out", chosen, structures=structures, ldos=None)
        assert choice["element_weights"] == weights
        assert choice["element_radii"] == {"Al": 0.5, "Ti": 0.55}
        results[weight] = float(rows[0]["kernel_spread_mean"])
    assert results[1.0] != pytest.approx(results[1.7], rel=0.01)
    with pytest.raises(ConfigError, match="indistinguishable"):
        run(tmp_path, tmp_path / "out", settings(**spread), structures=structures, ldos=None)


def test_one_element_is_written_with_its_defaults(snapshots, tmp_path):
    choice, _, _ = run(snapshots, tmp_path, settings())
    assert choice["element_weights"] == {"Al": 1.0}
    assert choice["element_radii"] == {"Al": 0.5}


def test_radii_scale_the_cutoff(snapshots, tmp_path):
    """R_i = 2 · radius · cutoff_radius: twice the radius at half the cutoff is the same."""
    _, plain, _ = run(snapshots, tmp_path, settings(cutoff_radii_angstrom=[3.0, 4.0]))
    chosen = settings(cutoff_radii_angstrom=[1.5, 2.0], element_radii={"Al": 1.0})
    _, scaled, _ = run(snapshots, tmp_path, chosen)
    for one, other in zip(plain, scaled, strict=True):
        assert float(one["acsd_mean"]) == pytest.approx(float(other["acsd_mean"]), rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"refine": -1}, "greater than or equal to 0"),
        ({"refine": 2, "cutoff_radii_angstrom": [4.0]}, "at least two cutoff_radii_angstrom"),
        ({"objective": "kernel_spread"}, "'acsd' or 'kernel-spread'"),
        ({"element_weights": {"AL": 1.0}}, "did you mean `Al`"),
        ({"element_weights": {"Al": float("nan")}}, "finite number"),
        ({"element_radii": {"Al": 0.0}}, "greater than 0"),
        ({"element_radii": {"Al": float("inf")}}, "finite number"),
        ({"element_radii": {"Q": 0.5}}, "no such element"),
        ({"pairs": "between"}, "'within' or 'across'"),
        ({"guard": True, "objective": "kernel-spread"}, "kernel-spread does without"),
        ({"guard": True, "snapshots": 1}, "must be 2 or more"),
        ({"pairs": "across", "snapshots": 1}, "must be 2 or more"),
        ({"guard_tolerance": -0.1}, "greater than or equal to 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        settings(**changes)


def test_integers_may_stand_for_numbers():
    assert settings(element_weights={"Al": 1}).element_weights == {"Al": 1.0}


# --- guard, pairs across ---


def mixed_snapshots(folder: Path) -> Path:
    """Snapshots of different grids, and one of another cell with twice the atoms."""
    for number, grid in enumerate([(12, 12, 12), (10, 10, 10), (11, 12, 13)]):
        write_snapshots(
            folder, {f"training-{number:04d}": number}, grid=grid, true_radius=TRUE_RADIUS
        )
    atoms = aluminium(9).repeat((1, 1, 2))
    atoms.rattle(0.1, seed=9)
    write(folder / "training-0003.extxyz", atoms)
    grid = (10, 10, 18)
    values = bispectrum(
        grid_points(grid, atoms.cell[:]),
        atoms.positions,
        atoms.cell[:],
        cutoff_radius=TRUE_RADIUS,
        twojmax=4,
    )
    shape = (*grid, values.shape[1])
    energy = np.arange(values.shape[1], dtype=float)
    ldos = LdosData(
        values.reshape(shape).astype(np.float32),
        LdosAxis(energy, "gaussian", 0.5),
        atoms.cell[:],
        12.0,
    )
    write_ldos(folder / "training-0003.zarr.zip", ldos, {})
    return folder


def test_guard_and_pairs_across_on_different_grids_and_cells(tmp_path):
    mixed = mixed_snapshots(tmp_path)
    radii = [3.0, TRUE_RADIUS, 5.0]
    chosen = settings(cutoff_radii_angstrom=radii, guard=True, pairs="across", snapshots=4)
    choice, rows, data = run(mixed, tmp_path / "out", chosen)
    assert (choice["cutoff_radius_angstrom"], choice["twojmax"]) == (TRUE_RADIUS, 4)
    assert choice["guard_changed_choice"] is False
    assert choice["choice_without_guard"] == {
        "cutoff_radius_angstrom": TRUE_RADIUS,
        "twojmax": 4,
    }
    assert choice["guard_admitted"] == [[TRUE_RADIUS, 4]]
    assert data.snapshot == "4 snapshots"
    for row in rows:
        true = (float(row["cutoff_radius_angstrom"]), row["twojmax"]) == (TRUE_RADIUS, "4")
        # The LDOS is this candidate's own vector: a regression explains all of it.
        assert (float(row["guard_held_out_unexplained"]) < 1e-4) == true
        assert float(row["guard_training_unexplained"]) <= 1
        assert float(row["guard_sum_error"]) > 0
        assert (float(row["guard_larger_sum_error"]) < 1e-4) == true
        assert row["guard_admitted"] == str(true)
        assert row["acsd_std_over_snapshots"] == ""
    again = run(mixed, tmp_path / "again", chosen)
    assert again[:2] == (choice, rows)


def test_the_guard_changes_no_score_and_is_silent_when_off(snapshots, tmp_path):
    plain, rows, _ = run(snapshots, tmp_path / "a", settings())
    guarded, more, _ = run(snapshots, tmp_path / "b", settings(guard=True), refine=1)
    assert not any("guard" in key for key in (*plain, *rows[0]))
    kept = [{key: row[key] for key in rows[0]} for row in more if row["round"] == "0"]
    for one, other in zip(rows, kept, strict=True):
        assert one["acsd_mean"] == other["acsd_mean"]
    assert {row["round"] for row in more} == {"0", "1"}
    assert all(float(row["guard_held_out_unexplained"]) > 0 for row in more)
    # All snapshots have as many atoms.
    assert "guard_larger_sum_error" not in more[0]
    assert "guard: smallest unexplained variance" in guarded["decision"]["reasons"][0]


def test_pairs_across_do_without_an_ldos(snapshots, tmp_path):
    chosen = settings(objective="kernel-spread", pairs="across")
    _, rows, data = run(snapshots, tmp_path, chosen, ldos=None)
    assert data.ldos is None
    assert data.snapshot == "2 snapshots"
    _, other, _ = run(snapshots, tmp_path, settings(objective="kernel-spread"), ldos=None)
    assert rows[0]["kernel_spread_mean"] != other[0]["kernel_spread_mean"]


@pytest.mark.parametrize(
    ("changes", "message"), [({"guard": True}, "too few"), ({"pairs": "across"}, "need several")]
)
def test_one_snapshot_is_too_few_to_compare_snapshots(snapshots, tmp_path, changes, message):
    one = {
        "structures": files(snapshots, ".extxyz")[:1],
        "ldos": files(snapshots, ".zarr.zip")[:1],
    }
    with pytest.raises(ConfigError, match=message):
        run(snapshots, tmp_path, settings(**changes), **one)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("changes", [{"guard": True}, {"pairs": "across"}])
def test_different_energy_axes_are_not_compared(snapshots, tmp_path, changes):
    store = read_ldos(files(snapshots, ".zarr.zip")[1])
    shifted = dataclasses.replace(
        store, axis=dataclasses.replace(store.axis, energy=store.energy + 0.5)
    )
    write_ldos(tmp_path / "training-0001.zarr.zip", shifted, {})
    ldos = [files(snapshots, ".zarr.zip")[0], tmp_path / "training-0001.zarr.zip"]
    with pytest.raises(DataError, match=r"different energy axes(.|\n)*training-0001"):
        run(snapshots, tmp_path, settings(**changes), ldos=ldos)
    run(snapshots, tmp_path, settings(), ldos=ldos)


# --- store ---


def test_similarities_survive_the_round_trip(tmp_path):
    data = SimilarityData(
        descriptor=np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
        ldos=np.linspace(0, 1, 4, dtype=np.float32),
        cutoff_radius=np.array([3.0, 4.0, 4.676]),
        twojmax=np.array([2, 4, 10]),
        round_number=np.array([0, 0, 1]),
        snapshot="training-0007",
    )
    path = tmp_path / "similarities.zarr.zip"
    write_similarities(path, data, {"stage": "acsd"})
    back = read_similarities(path)
    for name, value in vars(data).items():
        np.testing.assert_array_equal(getattr(back, name), value)
    assert read_provenance(path) == {"stage": "acsd"}
    assert not list(tmp_path.glob("*.folder"))


def test_another_store_holds_no_similarities(snapshots):
    with pytest.raises(DataError, match="holds no descriptor_similarity"):
        read_similarities(files(snapshots, ".zarr.zip")[0])
    with pytest.raises(DataError, match="is missing"):
        read_similarities(snapshots / "none.zarr.zip")


# --- command line and check ---


@pytest.fixture
def project(project) -> Path:
    # `check` only looks whether there is a pw.x.
    edit_config(project, "dft", command=sys.executable)
    return project


def command(snapshots: Path, *more: str) -> None:
    main(
        ["acsd", "--config", "config.yaml", "--structures"]
        + [str(path) for path in files(snapshots, ".extxyz")]
        + ["--scores", "s.csv", "--choice", "c.json", "--similarities", "s.zarr.zip", *more]
    )


def test_refine_on_the_command_line_wins_and_is_recorded(project, snapshots):
    edit_config(project, "acsd", refine=3, points=60)
    ldos = ["--ldos", *map(str, files(snapshots, ".zarr.zip"))]
    for more, expected in (([], 3), (["--refine", "1"], 1), (["--refine", "0"], 0)):
        command(snapshots, *ldos, *more)
        record = json.loads((project / "c.json").read_text())["provenance"]
        assert record["settings"]["refine"] == expected
    with pytest.raises(SystemExit) as stop:
        command(snapshots, *ldos, "--refine", "two")
    assert stop.value.code == 2


def test_refine_on_the_command_line_is_checked_as_in_the_config(project, snapshots):
    with pytest.raises(SystemExit) as stop:
        command(snapshots, "--ldos", *map(str, files(snapshots, ".zarr.zip")), "--refine", "-1")
    message = str(stop.value.code)
    assert message.startswith("ConfigError: an option given instead of a setting")
    assert "refine: Input should be greater than or equal to 0" in message
    assert "got: -1" in message


def test_ldos_may_be_left_out_or_empty(project, snapshots):
    edit_config(project, "acsd", objective="kernel-spread")
    command(snapshots, "--ldos")
    first = (project / "c.json").read_bytes()
    command(snapshots)
    assert (project / "c.json").read_bytes() == first
    edit_config(project, "acsd", objective="acsd")
    with pytest.raises(SystemExit) as stop:
        command(snapshots, "--ldos")
    assert str(stop.value.code).startswith("DataError: The ACSD compares")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"element_weights": {"Ti": 1.0}}, r"no weight(.|\n)*none for Al"),
        (
            {"element_weights": {"Al": 1.0, "Ti": 1.7}},
            r"occurs in no snapshot(.|\n)*acsd\.element_weights(.|\n)*got: Ti",
        ),
        ({"element_radii": {"Ti": 0.4}}, r"occurs in no snapshot(.|\n)*acsd\.element_radii"),
    ],
)
def test_check_compares_elements_with_the_snapshots(project, changes, message):
    edit_config(project, "acsd", **changes)
    with pytest.raises(ConfigError, match=message):
        check(load_config([project / "config.yaml"]))


def test_check_wants_weights_for_several_elements(project):
    for name in ("a", "b", "c", "d"):
        write(project / f"{name}.extxyz", aluminium(ord(name), symbols="Al3Ti"))
    values = yaml.safe_load((project / "config.yaml").read_text())
    splits = {"training": ["a.extxyz", "d.extxyz"], "validation": ["b.extxyz"]}
    splits["test"] = ["c.extxyz"]
    values["snapshots"] = {"method": "files", **splits}
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match=r"indistinguishable(.|\n)*Al: 0\.591, Ti: 1"):
        check(load_config([project / "config.yaml"]))
