"""Which score the naswot stage takes, which way it is read, and what it says about it."""

import json
from pathlib import Path

import pytest
import yaml
from audit_data import stores, write_snapshots
from gathered import run_naswot

from surrogate_hpo.config.load import load_config
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.stages.naswot.settings import NaswotSettings

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory) -> Path:
    return write_snapshots(tmp_path_factory.mktemp("snapshots"))


def run(snapshots: Path, out: Path, *, stores_given=("descriptors", "ldos"), **changes: object):
    verdicts = changes.pop("verdicts", None)
    settings = {
        "layers": [1],
        "widths": [8, 16, 32],
        "activations": ["tanh"],
        "batch_size": 10,
        "initialisations": 2,
        "points": 500,
    }
    given = {name: paths for name, paths in stores(snapshots).items() if name in stores_given}
    chosen = NaswotSettings.model_validate(settings | changes)
    run_naswot(chosen, out, seed=1, verdicts=verdicts, **given)
    return json.loads((out / "choice.json").read_text()), read_table(out / "scores.csv")


def verdict(path: Path, *, name="parameters", direction, tau=(-0.5, -0.7, -0.2)) -> list[Path]:
    words = {
        "maximise": "informative, higher is better",
        "minimise": "informative, lower is better",
    }
    judged = {
        "verdict": words.get(direction, "not distinguishable from chance on this data"),
        "direction": direction,
        "architectures": 60,
        **dict(zip(("tau", "tau_low", "tau_high"), tau, strict=True)),
    }
    path.write_text(json.dumps({"scores": {name: judged}}))
    return [path]


@pytest.mark.parametrize(("direction", "width"), [("maximise", 32), ("minimise", 8)])
def test_the_settings_decide(snapshots, tmp_path, direction, width):
    choice, rows = run(snapshots, tmp_path, score="parameters", direction=direction)
    assert choice["architecture"]["hidden_widths"] == [width]
    assert (choice["direction"], choice["direction_source"]) == (direction, "settings")
    assert rows[0]["chosen"] == "True"
    same = "as in its publication" if direction == "maximise" else "against its publication"
    assert any(same in reason for reason in choice["reasons"])


def test_without_a_direction_the_publication_decides(snapshots, tmp_path):
    choice, _ = run(snapshots, tmp_path, score="parameters")
    assert choice["architecture"]["hidden_widths"] == [32]
    assert (choice["direction"], choice["direction_source"]) == ("maximise", "publication")
    assert choice["warnings"] == []


@pytest.mark.parametrize(("direction", "width"), [("maximise", 32), ("minimise", 8)])
def test_the_audit_decides_and_is_quoted(snapshots, tmp_path, direction, width):
    verdicts = verdict(tmp_path / "verdict.json", direction=direction)
    choice, _ = run(snapshots, tmp_path, score="parameters", direction="audit", verdicts=verdicts)
    assert choice["architecture"]["hidden_widths"] == [width]
    assert (choice["direction"], choice["direction_source"]) == (direction, "audit")
    assert any("τ -0.50 [-0.70, -0.20] over 60 trained" in reason for reason in choice["reasons"])
    assert choice["warnings"] == []
    assert any("verdict.json" in name for name in choice["provenance"]["inputs"])


def test_an_audit_that_finds_chance_leaves_the_publications_direction_and_warns(
    snapshots, tmp_path
):
    verdicts = verdict(tmp_path / "v.json", direction=None, tau=(0.1, -0.1, 0.3))
    choice, _ = run(snapshots, tmp_path, score="parameters", direction="audit", verdicts=verdicts)
    assert (choice["direction"], choice["direction_source"]) == ("maximise", "publication")
    assert "supports neither direction" in choice["reasons"][1]
    (warning,) = choice["warnings"]
    assert "cannot tell number of parameters from chance" in warning
    assert "τ +0.10 [-0.10, +0.30]" in warning


def test_an_undefined_tau_is_named_so(snapshots, tmp_path):
    verdicts = verdict(tmp_path / "v.json", direction=None, tau=(None, None, None))
    choice, _ = run(snapshots, tmp_path, score="parameters", direction="audit", verdicts=verdicts)
    assert "τ undefined" in choice["warnings"][0]


def test_an_audit_that_is_missing_or_of_other_scores_is_refused(snapshots, tmp_path):
    with pytest.raises(DataError, match=r"no verdict of the audit stage(.|\n)*snakemake audit"):
        run(snapshots, tmp_path, direction="audit")
    verdicts = verdict(tmp_path / "v.json", direction="maximise")
    other = r"did not look at the score(.|\n)*activation_patterns(.|\n)*parameters"
    with pytest.raises(DataError, match=other):
        run(snapshots, tmp_path, direction="audit", verdicts=verdicts)


def test_the_config_must_audit_the_score_that_it_uses(tmp_path):
    settings = yaml.safe_load((REPOSITORY / "config" / "tiny.yaml").read_text())
    settings["naswot"] |= {"direction": "audit", "score": "readout"}
    settings["audit"] = (settings.get("audit") or {}) | {"scores": ["naswot"]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(ConfigError, match=r"audit\.scores lacks readout: add it there"):
        load_config([tmp_path / "c.yaml"])


def test_a_score_that_learns_is_judged_on_validation_snapshots(snapshots, tmp_path):
    every = tuple(stores(snapshots))
    choice, rows = run(
        snapshots, tmp_path, stores_given=every, score="readout", direction="minimise"
    )
    assert choice["score_name"] == "readout"
    assert choice["architecture"]["hidden_widths"] == [32]
    assert all(float(row["score"]) > 0 for row in rows)
    split, other = run(snapshots, tmp_path, score="readout", direction="minimise")
    assert split["architecture"] == choice["architecture"]
    assert [row["score"] for row in other] != [row["score"] for row in rows]


def test_a_score_that_learns_needs_more_than_one_labelled_snapshot(snapshots, tmp_path):
    given = {k: v[:1] if k == "ldos" else v for k, v in stores(snapshots).items()}
    with pytest.raises(DataError, match=r"readout learns from the LDOS(.|\n)*1 training and no"):
        run_naswot(
            NaswotSettings(layers=[1], widths=[8], activations=["tanh"], score="readout"),
            tmp_path,
            seed=1,
            descriptors=given["descriptors"],
            ldos=given["ldos"],
        )


def test_the_regularisation_of_the_settings_is_used(snapshots, tmp_path):
    default, _ = run(snapshots, tmp_path, score="naswot", direction="minimise")
    other, _ = run(snapshots, tmp_path, score="naswot", direction="minimise", regularisation=1e-2)
    assert default["score"] > 5 * other["score"]
