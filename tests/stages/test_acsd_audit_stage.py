"""The audit of descriptors: the error falls where the descriptor behind the LDOS is reached."""

import csv
import json
from pathlib import Path

import pytest
from audit_data import figure_files
from bispectrum_snapshots import files, write_snapshots
from gathered import parts, run_acsd_audit

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.run.chunk_results import read_chunks
from surrogate_hpo.stages.acsd_audit.chunk import acsd_audit_chunk
from surrogate_hpo.stages.acsd_audit.draw import acsd_audit_figure
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings

TRUE_RADIUS = 4.0
RADII, DEGREES = (2.2, 3.0, 4.0), (2, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Snapshots whose "LDOS" is their own bispectrum at 4 Å and 2 J_max 4."""
    seeds = {"training-0000": 0, "training-0001": 1, "validation-0000": 2}
    folder = tmp_path_factory.mktemp("snapshots")
    return write_snapshots(folder, seeds, grid=(10, 10, 10), true_radius=TRUE_RADIUS)


def scored(folder: Path, *, radii=RADII, objective: str = "acsd") -> dict[str, Path]:
    """What an acsd stage leaves behind that found every score right: distance from the truth."""
    prefix = objective.replace("-", "_")
    rows = [
        {
            "cutoff_radius_angstrom": radius,
            "twojmax": degree,
            "components": 5 if degree == 2 else 14,
            f"{prefix}_mean": 0.01 * (1 + abs(radius - TRUE_RADIUS) + (4 - degree)),
            f"{prefix}_std": 0.001,
            "chosen": (radius, degree) == (4.0, 4),
        }
        for radius in radii
        for degree in DEGREES
    ]
    write_table(folder / "scores.csv", rows)
    choice = {"objective": objective, "element_weights": {"Al": 1.0}, "element_radii": {"Al": 0.5}}
    (folder / "choice.json").write_text(json.dumps(choice))
    return {"acsd_scores": folder / "scores.csv", "acsd_choice": folder / "choice.json"}


SETTINGS = {
    "layers": 1,
    "width": 16,
    "training": {"seeds": 1, "points": 800, "validation_points": 400, "epochs": 15}
    | {"batch_size": 50, "learning_rate": 5e-3, "optimiser": "adam", "weight_decay": 0.0},
}


def snapshots(folder: Path) -> dict[str, list[Path]]:
    return {
        "structures": files(folder, ".extxyz"),
        "ldos": files(folder, ".zarr.zip"),
        "validation_structures": files(folder, ".extxyz", split="validation"),
        "validation_ldos": files(folder, ".zarr.zip", split="validation"),
    }


def run(folder: Path, out: Path, *, objective: str = "acsd", radii=RADII, **changes: object):
    run_acsd_audit(
        AcsdAuditSettings.model_validate(SETTINGS | changes),
        out,
        seed=3,
        acsd=scored(out, objective=objective, radii=radii),
        **snapshots(folder),
    )
    with (out / "candidates.csv").open(newline="") as handle:
        return json.loads((out / "verdict.json").read_text()), list(csv.DictReader(handle))


def test_the_descriptor_behind_the_ldos_has_the_smallest_error(folder, tmp_path):
    verdict, rows = run(folder, tmp_path)
    errors = {
        (float(r["cutoff_radius_angstrom"]), int(r["twojmax"])): float(r["error_mean"])
        for r in rows
    }
    assert len(errors) == 6
    assert min(errors, key=errors.__getitem__) == (TRUE_RADIUS, 4)
    assert verdict["regret_of_chosen"] == pytest.approx(0)
    assert verdict["regret_of_best_score"] == pytest.approx(0)
    assert verdict["regret_of_random_pick"] > 0
    assert verdict["tau"] > 0
    assert verdict["published_direction"] == "minimise"
    assert verdict["candidates"] == 6
    assert not list((tmp_path / "state").glob("*"))
    acsd_audit_figure(
        candidates=tmp_path / "candidates.csv",
        verdict=tmp_path / "verdict.json",
        **figure_files(tmp_path),
    )
    svg = (tmp_path / "figure.svg").read_text()
    assert "2J_max 4" in svg
    assert "ACSD and trained error: τ = +" in svg


def test_chunks_do_all_trainings_of_the_audit(folder, tmp_path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    alone.mkdir()
    shared.mkdir()
    _, expected = run(folder, alone)
    _, found = run(folder, shared, chunks=4)
    trained = [list(read_chunks([path]).results) for path in parts(shared, 4)]
    assert [len(keys) for keys in trained] == [2, 2, 1, 1]
    assert len({key for keys in trained for key in keys}) == 6
    columns = set(expected[0]) - {"training_seconds"}
    assert [[row[c] for c in columns] for row in found] == [
        [row[c] for c in columns] for row in expected
    ]
    with pytest.raises(ConfigError, match="There is no such chunk"):
        acsd_audit_chunk(
            settings=AcsdAuditSettings.model_validate(SETTINGS | {"chunks": 4}),
            seed=3,
            chunk=4,
            **scored(shared),
            **snapshots(folder),
            results=shared / "4.json",
            state=shared / "state",
        )


def test_a_score_of_which_more_is_better_is_read_so(folder, tmp_path):
    verdict, _ = run(folder, tmp_path, objective="kernel-spread")
    assert verdict["score"] == "kernel spread"
    assert verdict["published_direction"] == "maximise"
    assert verdict["regret_of_best_score"] > 0, "the largest score here is the farthest"


def test_bad_candidates_are_refused_before_any_training(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"acsd_audit\.cutoff_radii_angstrom(.|\n)*\[5\.0\]"):
        run(folder, tmp_path, cutoff_radii_angstrom=[5.0])
    with pytest.raises(ConfigError, match=r"Too few candidates(.|\n)*at least 5(.|\n)*got: 4"):
        run(folder, tmp_path, radii=RADII[1:])
    with pytest.raises(ConfigError, match=r"Too few candidates(.|\n)*got: 3"):
        run(folder, tmp_path, twojmax=[4])
    assert not (tmp_path / "state").exists()


def test_stores_that_do_not_pair_up(folder, tmp_path):
    with pytest.raises(DataError, match="do not pair up"):
        run_acsd_audit(
            AcsdAuditSettings(),
            tmp_path,
            seed=3,
            acsd=scored(tmp_path),
            structures=files(folder, ".extxyz"),
            ldos=[],
            validation_structures=[],
            validation_ldos=[],
        )
