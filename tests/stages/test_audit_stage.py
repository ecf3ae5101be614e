"""The audit stage: its tables, interrupted audits, diverged trainings, and its settings."""

import csv
import json
import math
import shutil
from pathlib import Path

import pytest
from audit_data import audit_settings, figure_files, stores, write_snapshots
from gathered import gather_audit, run_audit
from pydantic import ValidationError

from surrogate_hpo.stages.audit.draw import audit_figure
from surrogate_hpo.training import short_recipe
from surrogate_hpo.training.trained_error import Outcome, TrainedError

TIMES = ("seconds", "training_seconds", "cost_share")


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory) -> Path:
    return write_snapshots(tmp_path_factory.mktemp("snapshots"))


def run(snapshots: Path, out: Path, *, seed: int = 5, **changes: object) -> Path:
    run_audit(audit_settings(**changes), out, seed=seed, **stores(snapshots))
    return out


@pytest.fixture(scope="module")
def done(snapshots, tmp_path_factory) -> Path:
    return run(snapshots, tmp_path_factory.mktemp("done"))


def table(path: Path) -> list[dict[str, str]]:
    """A table without what a clock has put there."""
    with path.open(newline="", encoding="utf-8") as handle:
        return [{k: v for k, v in r.items() if k not in TIMES} for r in csv.DictReader(handle)]


def timeless(out: Path) -> tuple:
    scores = json.loads((out / "verdict.json").read_text())["scores"]
    verdicts = {n: {k: v for k, v in s.items() if k not in TIMES} for n, s in scores.items()}
    return table(out / "scores.csv"), table(out / "agreement.csv"), verdicts


def test_every_architecture_is_scored_and_trained_and_every_score_is_judged(done):
    rows = table(done / "scores.csv")
    assert len(rows) == 30
    assert len({row["architecture"] for row in rows}) == 10
    assert {row["score"] for row in rows} == {"naswot", "parameters", "short_training"}
    errors = {(row["architecture"], row["error_mean"], row["error_std"]) for row in rows}
    assert len(errors) == 10, "all scores of an architecture stand beside the same error"
    groups = table(done / "agreement.csv")
    assert {row["group"] for row in groups} == {"all", "relu", "tanh"}
    judged = [row for row in groups if not row["reason"]]
    assert {row["score"] for row in judged if row["group"] == "all"} == {r["score"] for r in rows}
    assert all(row["tau"] == "" for row in groups if row["reason"])
    for row in judged:
        assert float(row["tau_low"]) <= float(row["tau"]) <= float(row["tau_high"])
        assert float(row["regret_top_1"]) >= float(row["regret_top_5"]) >= 0
    with (done / "agreement.csv").open(newline="") as handle:
        assert all(float(row["cost_share"]) > 0 for row in csv.DictReader(handle))


def test_width_decides_here_and_the_scores_that_see_it_are_found_informative(done):
    verdict = json.loads((done / "verdict.json").read_text())
    for name, words in (("parameters", "higher"), ("short_training", "lower")):
        judged = verdict["scores"][name]
        assert judged["verdict"] == f"informative, {words} is better"
        assert judged["agrees_with_publication"] is True
    assert abs(verdict["scores"][verdict["recommended"]]["tau"]) == max(
        abs(s["tau"]) for s in verdict["scores"].values()
    )
    assert verdict["warnings"] == []
    assert "largest |τ|" in verdict["reasons"][0]
    assert verdict["provenance"]["settings"]["architectures"] == 10


def test_the_figure_has_a_panel_per_score_and_its_table(done):
    audit_figure(scores=done / "scores.csv", agreement=done / "agreement.csv", **figure_files(done))
    svg = (done / "figure.svg").read_text()
    for label in ("NASWOT", "number of parameters", "short training"):
        assert label in svg
    assert svg.count("τ = ") == 3
    points = table(done / "figure.csv")
    assert len(points) == 30
    assert {row["error"] for row in points} == {
        row["error_mean"] for row in table(done / "scores.csv")
    }


def test_another_seed_gives_another_table(done, snapshots, tmp_path):
    """And the same seed the same one, as the killed audit shows."""
    assert timeless(run(snapshots, tmp_path, seed=6)) != timeless(done)


def test_a_killed_audit_goes_on_and_ends_with_the_same_tables(
    done, snapshots, tmp_path, monkeypatch
):
    trained = []
    original = short_recipe._train

    def killed_at_the_ninth(*arguments):
        trained.append(arguments)
        if len(trained) == 9:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(short_recipe, "_train", killed_at_the_ninth)
    with pytest.raises(KeyboardInterrupt):
        run(snapshots, tmp_path)
    (state,) = (tmp_path / "state").iterdir()
    (state / ".partial-0").write_text('{"key": "2 relu/0", "rec')  # torn by the kill
    assert not (tmp_path / "verdict.json").exists()
    run(snapshots, tmp_path)
    assert len(trained) == 9 + 12, "eight trainings were there already"
    assert timeless(tmp_path) == timeless(done)
    assert not list((tmp_path / "state").glob("*")), "nothing is left of a finished audit"


def test_other_settings_do_not_take_up_the_state(snapshots, tmp_path, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(short_recipe, "_train", killed)
    for changes in ({}, {"initialisations": 3}, {"chunks": 2}):
        with pytest.raises(KeyboardInterrupt):
            run(snapshots, tmp_path, **changes)
    assert len(list((tmp_path / "state").iterdir())) == 3


def test_a_killed_gathering_is_repeated_from_the_files_alone(done, snapshots, tmp_path):
    shutil.copytree(done / "parts", tmp_path / "parts")
    gather_audit(audit_settings(), tmp_path, seed=5)
    assert (tmp_path / "scores.csv").read_text() == (done / "scores.csv").read_text()
    assert (tmp_path / "verdict.json").read_text() == (done / "verdict.json").read_text()


def test_a_diverged_training_neither_wins_nor_vanishes(snapshots, tmp_path):
    """At this learning rate some trainings overflow; it is real, not simulated."""
    wild = {"optimiser": "adam", "learning_rate": 1e19, "weight_decay": 0.0, "seeds": 1}
    recipe = audit_settings().training.model_dump() | wild
    run(snapshots, tmp_path, scores=["parameters"], training=recipe)
    rows = table(tmp_path / "scores.csv")
    diverged = [row for row in rows if row["error_mean"] == "inf"]
    assert diverged
    assert all("diverged at epoch 1" in row["training_status"] for row in diverged)
    assert len(rows) == 10
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert len(verdict["warnings"]) == len(diverged)
    assert "counts as worse than any that did not" in verdict["warnings"][0]
    (overall,) = (r for r in table(tmp_path / "agreement.csv") if r["group"] == "all")
    assert overall["architectures"] == "10"


def test_one_diverged_seed_spoils_the_mean():
    error = TrainedError((Outcome(0.1, 1.0, "ok"), Outcome(math.inf, 1.0, "diverged at x")))
    assert error.mean == math.inf
    assert math.isnan(error.std)
    assert error.status == "diverged at x"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": 7}, "greater than or equal to 8"),
        ({"scores": ["naswot", "guesswork"]}, "guesswork"),
        ({"scores": []}, "at least 1 item"),
        ({"scores": ["naswot", "naswot"]}, "named twice"),
        ({"layers": []}, "at least 1 item"),
        ({"widths": [0]}, "greater than 0"),
        ({"widths": [8, 8, 8]}, "make 2 architectures, and 10 are asked for: widen the lists"),
        ({"training": {"seeds": 0}}, "greater than 0"),
        ({"resamples": 3}, "greater than or equal to 100"),
    ],
)
def test_settings_that_cannot_be_audited(changes, message):
    with pytest.raises(ValidationError, match=message):
        audit_settings(**changes)
