"""The table stage: its rows, interrupted tables, chunks, diverged trainings, and its settings."""

import csv
import json
import math
from pathlib import Path

import pytest
from audit_data import stores, write_snapshots
from gathered import run_table
from pydantic import ValidationError
from test_evaluate_stage import UPF, write_snapshot

from surrogate_hpo.data.trained_tables import read_trained_table
from surrogate_hpo.errors import DataError
from surrogate_hpo.run.provenance import checksums
from surrogate_hpo.stages.table import evaluations
from surrogate_hpo.stages.table.settings import TableSettings
from surrogate_hpo.stages.table.space import architecture_of, configurations, table_space
from surrogate_hpo.stages.table.trainings import Trainings

SCORE = {
    "names": ["naswot", "parameters", "short_training"],
    "initialisations": 2,
    "batch_size": 10,
    "points": 400,
    "held_out_points": 200,
}


def table_settings(**changes: object) -> TableSettings:
    values = {
        "configurations": 8,
        "seeds": 2,
        "epochs": [1, 2],
        "points": 600,
        "validation_points": 300,
        "layers": [1, 2],
        "widths": [4, 8],
        "learning_rate": [1e-3, 1e-2],
        "batch_size": [100, 200],
        "energies": False,
        "score": SCORE,
    }
    return TableSettings.model_validate(values | changes)


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory) -> Path:
    return write_snapshots(tmp_path_factory.mktemp("snapshots"))


def run(snapshots: Path, out: Path, *, seed: int = 5, **changes: object) -> Path:
    run_table(table_settings(**changes), out, seed=seed, **stores(snapshots))
    return out


@pytest.fixture(scope="module")
def done(snapshots, tmp_path_factory) -> Path:
    return run(snapshots, tmp_path_factory.mktemp("done"))


def timeless(out: Path) -> list[dict[str, str]]:
    """The table without what a clock has put there."""
    with (out / "table.csv").open(newline="", encoding="utf-8") as handle:
        return [
            {key: cell for key, cell in row.items() if "seconds" not in key}
            for row in csv.DictReader(handle)
        ]


def test_every_configuration_has_a_row_per_seed_with_all_that_was_measured(done):
    rows = timeless(done)
    assert [(row["configuration"], row["seed"]) for row in rows] == [
        (str(number), str(seed)) for number in range(8) for seed in (0, 1)
    ]
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["energy_status"] for row in rows} == {"not asked for"}
    assert len({row["validation_loss_2_epochs"] for row in rows}) == 16
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert first["naswot_score"] == second["naswot_score"]
        assert float(first["parameters_score"]) == int(first["parameters"])
    found = json.loads((done / "table.json").read_text())
    assert found["failed_configurations"] == []
    assert found["provenance"]["settings"]["configurations"] == 8
    assert len(found["provenance"]["inputs"]) == 10


def test_the_table_is_read_back_with_its_space(done):
    table = read_trained_table(done / "table.csv", done / "table.json")
    assert table.space == table_space(table_settings())
    drawn = [point for _, point in configurations(table_settings(), 5)]
    assert [one.hyperparameters for one in table.configurations] == drawn
    assert all(
        math.isfinite(one.loss) and one.rows[0].seconds[1] > 0 for one in table.configurations
    )
    assert table.epochs == (1, 2)


def test_more_configurations_begin_with_the_same_ones():
    few, many = (configurations(table_settings(configurations=n), 5) for n in (9, 40))
    assert many[:9] == few
    assert configurations(table_settings(configurations=9), 6) != few


def test_widths_between_the_first_and_the_last_form_a_series():
    def widths(**point):
        base = {"layers": 3, "width": 64, "activation": "tanh", "taper": 1.0}
        return architecture_of(base | point).hidden_widths

    assert widths() == (64, 64, 64)
    assert widths(taper=0.25) == (64, 32, 16)
    assert widths(taper=2.0, layers=2) == (64, 128)
    assert widths(taper=2.0, layers=1) == (64,)
    assert widths(taper=0.001) == (64, 2, 1)


def never(*_, **__):
    raise AssertionError("computed twice")


def test_a_killed_table_goes_on_and_ends_with_the_same_rows(done, snapshots, tmp_path, monkeypatch):
    trained = []
    original = Trainings.__call__

    def killed_at_the_fifth(self, *arguments):
        trained.append(arguments)
        if len(trained) == 5:
            raise KeyboardInterrupt
        return original(self, *arguments)

    monkeypatch.setattr(Trainings, "__call__", killed_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        run(snapshots, tmp_path)
    assert not (tmp_path / "table.csv").exists()
    monkeypatch.setitem(evaluations.PROXIES, "naswot", never)  # all scores are there already
    run(snapshots, tmp_path)
    assert len(trained) == 5 + 12, "four seeds were there already"
    assert timeless(tmp_path) == timeless(done)
    assert not list((tmp_path / "state").glob("*")), "nothing is left of a finished table"


def test_several_chunks_make_the_same_table(done, snapshots, tmp_path):
    run(snapshots, tmp_path, chunks=3)
    assert timeless(tmp_path) == timeless(done)
    one, three = (json.loads((out / "table.json").read_text()) for out in (done, tmp_path))
    assert one["provenance"] == three["provenance"]


def test_diverged_trainings_stay_and_are_marked(snapshots, tmp_path):
    """At the upper end of these learning rates trainings overflow; it is real, not simulated."""
    wild = {"learning_rate": [1e-3, 1e25], "optimiser": "adamw", "seeds": 1}
    run(snapshots, tmp_path, **wild)
    rows = timeless(tmp_path)
    failed = [row for row in rows if row["status"] != "ok"]
    assert 0 < len(failed) < len(rows) == 8
    assert all("diverged at epoch 1" in row["status"] for row in failed)
    found = json.loads((tmp_path / "table.json").read_text())
    assert found["failed_configurations"] == [int(row["configuration"]) for row in failed]
    table = read_trained_table(tmp_path / "table.csv", tmp_path / "table.json")
    assert {table.configurations[n].loss for n in found["failed_configurations"]} == {math.inf}
    assert math.isfinite(min(table.losses))


def test_energies_of_the_validation_snapshots_after_each_length(tmp_path):
    for number, name in enumerate(["training-0000", "training-0001", "validation-0000"]):
        write_snapshot(tmp_path, name, number)

    def files(split: str, suffix: str) -> list[Path]:
        return sorted(tmp_path.glob(f"{split}-*.{suffix}"))

    given = {
        "descriptors": files("training", "snap.zarr.zip"),
        "ldos": files("training", "ldos.zarr.zip"),
        "validation_descriptors": files("validation", "snap.zarr.zip"),
        "validation_ldos": files("validation", "ldos.zarr.zip"),
    }
    settings = table_settings(
        energies=True, seeds=1, epochs=[18, 20], points=None, score=SCORE | {"batch_size": 2}
    )
    judged = {"structures": files("validation", "extxyz"), "dft": files("validation", "json")}
    with pytest.raises(DataError, match=r"1 validation snapshots(.|\n)*0 structures"):
        run_table(settings, tmp_path / "out", seed=5, **given)
    run_table(settings, tmp_path / "out", seed=5, **given, **judged, pseudopotentials=[UPF])
    rows = timeless(tmp_path / "out")
    judged_rows = [row for row in rows if row["energy_status"] == "ok"]
    assert judged_rows, rows
    whole = "mae_mev_per_atom_20_epochs"
    assert all(float(row[f"total_free_energy_{whole}"]) > 0 for row in judged_rows)
    assert all(float(row[f"band_energy_{whole}"]) > 0 for row in judged_rows)
    others = [row for row in rows if row not in judged_rows]
    assert all(row[f"total_free_energy_{whole}"] == "" for row in others)
    shorter = [row["total_free_energy_mae_mev_per_atom_18_epochs"] for row in judged_rows]
    assert set(filter(None, shorter)) - {row[f"total_free_energy_{whole}"] for row in judged_rows}
    table = read_trained_table(tmp_path / "out/table.csv", tmp_path / "out/table.json")
    read = [one.rows[0].free_energies for one in table.configurations]
    assert [str(one[1]) for one in read if one[1] == one[1]] == [
        row[f"total_free_energy_{whole}"] for row in judged_rows
    ]


# --- tables that are not what they should be ---


def copied(done: Path, out: Path, **edits: tuple[str, str]) -> tuple[Path, Path]:
    """The two files, with one replacement in some; an edited table has its checksum renewed."""
    for name in ("csv", "json"):
        text = (done / f"table.{name}").read_text()
        (out / f"table.{name}").write_text(text.replace(*edits.get(name, ("", "")), 1))
    found = json.loads((out / "table.json").read_text())
    if edits.get("checksum") is None and "csv" in edits:
        found["table_sha256"] = checksums([out / "table.csv"])[f"{out.name}/table.csv"]
        (out / "table.json").write_text(json.dumps(found))
    return out / "table.csv", out / "table.json"


def cell(done: Path, column: str) -> str:
    with (done / "table.csv").open(newline="") as handle:
        return next(csv.DictReader(handle))[column]


@pytest.mark.parametrize(
    ("column", "new", "message"),
    [
        ("validation_loss_2_epochs", "", r"empty or no number(.|\n)*configuration 0, seed 0"),
        ("validation_loss_1_epochs", "nan", r"a number in column validation_loss_1_epochs"),
        ("learning_rate", "7.5", r"not in its space(.|\n)*column learning_rate"),
    ],
)
def test_missing_and_impossible_cells_are_named(done, tmp_path, column, new, message):
    files = copied(done, tmp_path, csv=(cell(done, column), new))
    with pytest.raises(DataError, match=message):
        read_trained_table(*files)


def test_missing_columns_and_rows_are_named(done, tmp_path):
    files = copied(done, tmp_path, csv=("validation_loss_1_epochs", "loss"))
    with pytest.raises(DataError, match="lacks columns"):
        read_trained_table(*files)
    last = (done / "table.csv").read_text().splitlines()[-1] + "\n"
    files = copied(done, tmp_path, csv=(last, ""))
    with pytest.raises(DataError, match=r"8 configurations with 2 seeds each(.|\n)*15 rows"):
        read_trained_table(*files)


def test_a_table_of_other_data_or_code_is_named(done, tmp_path):
    made = json.loads((done / "table.json").read_text())
    files = done / "table.csv", done / "table.json"
    same = {"trainings_code": made["trainings_code"], "inputs": made["provenance"]["inputs"]}
    read_trained_table(*files, expected=same)
    for key, other in (("trainings_code", "another"), ("inputs", {})):
        with pytest.raises(DataError, match=f"not made by this code from these data(.|\n)*{key}"):
            read_trained_table(*files, expected=same | {key: other})
    edited = (cell(done, "validation_loss_2_epochs"), "0.0")
    files = copied(done, tmp_path, csv=edited, checksum=("", ""))
    with pytest.raises(DataError, match="edited, or of another run"):
        read_trained_table(*files)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"configurations": 7}, "greater than or equal to 8"),
        ({"epochs": [3, 1]}, r"epochs: \[3, 1\] does not rise"),
        ({"epochs": []}, "at least 1 item"),
        ({"learning_rate": [1e-2, 1e-3]}, "learning_rate: .* does not rise"),
        ({"widths": [8, 8]}, "listed twice in widths"),
        ({"score": {"names": ["naswot", "naswot"]}}, "listed twice in score.names"),
        ({"score": {"names": ["guesswork"]}}, "guesswork"),
        ({"tapers": [0.0]}, "greater than 0"),
    ],
)
def test_settings_that_make_no_table(changes, message):
    with pytest.raises(ValidationError, match=message):
        table_settings(**changes)
