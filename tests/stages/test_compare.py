"""Comparison of search methods: settings, objective, table, verdict, figures, and the whole rule."""

import copy
import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny_workflow import REPOSITORY, edit_config, new_folder, planned, snakemake

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.datasets import PointData
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.run.code_digest import imported_modules
from surrogate_hpo.stages.compare.settings import CompareSettings
from surrogate_hpo.stages.compare.stage import compare
from surrogate_hpo.stages.contest.objective import ScoreObjective, TrainingObjective
from surrogate_hpo.stages.contest.settings import ContestSettings
from surrogate_hpo.stages.contest.space import check_contestant, contest_space, contestant
from surrogate_hpo.verbs.check.verb import check

METHODS = CompareSettings().methods
POINT = {
    "layers": 1, "width": 8, "activation": "tanh", "learning_rate": 3e-3, "batch_size": 100,
    "schedule": "cosine", "patience": 8, "weight_decay": 0.3, "optimiser": "adamw",
    "input_scaling": "standardised", "output_scaling": "maximum", "dos_weight": 0.0,
    "plateau_factor": 0.1,
}  # fmt: skip


def settings(tmp_path: Path, **sections: dict):
    content = yaml.safe_load((REPOSITORY / "config" / "tiny.yaml").read_text())
    for name, changes in sections.items():
        content.setdefault(name, {}).update(changes)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_config([path])


# --- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["config.yaml", "tiny.yaml"])
def test_every_method_can_compete_in_the_configs_that_come_along(name):
    config = load_config([REPOSITORY / "config" / name])
    assert config.compare.methods == METHODS
    for method in METHODS:
        check_contestant(method, config.contest)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"compare": {"methods": ["bayes"]}}, r"compare\.methods\.0: Input should be 'direct'"),
        ({"compare": {"methods": ["tpe", "tpe"]}}, "listed twice in methods"),
        ({"compare": {"methods": []}}, r"compare\.methods: List should have at least 1 item"),
        ({"compare": {"workers": [0]}}, r"compare\.workers\.0: Input should be greater than 0"),
        ({"contest": {"layers": []}}, r"contest\.layers: List should have at least 1 item"),
        ({"contest": {"widths": [16, 16]}}, "an option is listed twice in widths"),
        ({"contest": {"learning_rate": [1e-2, 1e-3]}}, "lower bound 0.01 is not below"),
        ({"contest": {"score": {"name": "guess"}}}, r"contest\.score\.name: Input should be"),
        ({"contest": {"trails": 3}}, "did you mean `trials`"),
    ],
)
def test_settings_that_make_no_sense(tmp_path, sections, message):
    with pytest.raises(ConfigError, match=message):
        settings(tmp_path, **sections)


def test_check_lists_every_method_that_cannot_compete_before_anything_runs(tmp_path):
    few = {"trials": 4, "reduced_trials": 3, "startup_trials": 5}
    with pytest.raises(ConfigError) as error:
        check(settings(tmp_path, contest=few))
    message = str(error.value)
    for method in ("orthogonal array", r"Optuna \(TPE\)", "NASWOT, optimised", "direct search"):
        assert re.search(f"budget is too small for {method}", message), message
    assert "expected: 10 trials or more" in message
    assert "random search" not in message


def test_an_unknown_method_on_the_command_line_names_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match=r"no search method(.|\n)*naswot_fixed(.|\n)*got: bayes"):
        contestant("bayes", ContestSettings())


def test_all_methods_share_one_space_and_an_interval_is_cut_for_those_that_need_a_list():
    config = ContestSettings(learning_rate_levels=7, startup_trials=2)
    assert set(contest_space(config)) == set(POINT)
    assert contestant("orthogonal_array", config).levels == 7
    assert contestant("tpe", config).startup_trials == 2
    assert contestant("random", config).name == "random"


def test_a_table_that_is_drawn_anew_repeats_no_training():
    assert "surrogate_hpo.stages.compare.settings" not in imported_modules(
        "surrogate_hpo.stages.contest.stage"
    )
    assert "surrogate_hpo.stages.contest.stage" not in imported_modules(
        "surrogate_hpo.stages.compare.stage"
    )


# --- objective --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def points() -> PointData:
    rng = np.random.default_rng(0)
    descriptors = rng.normal(size=(600, 12)).astype(np.float32)
    ldos = np.abs(np.tanh(descriptors @ rng.normal(size=(12, 9)))).astype(np.float32)
    definition = DescriptorDefinition(3.0, 4, {"Al": 1.0}, {"Al": 0.5})
    return PointData(descriptors, ldos, LdosAxis(np.arange(9.0), "gaussian", 0.5), definition)


@pytest.fixture
def small() -> ContestSettings:
    return ContestSettings(maximum_epochs=4, points=400, validation_points=100, optimiser=["adamw"])


def test_a_trial_is_the_mean_of_its_initialisations_and_costs_what_it_trained(points, small):
    objective = TrainingObjective(points, points, small, seed=1)
    both = objective(POINT, initialisations=2)
    assert both.value == pytest.approx(np.mean(both.values))
    assert both.values[0] != both.values[1]
    assert objective(POINT, initialisations=1).values == both.values[:1]
    assert (
        TrainingObjective(points, points, small, seed=1)(POINT, initialisations=2).values
        == both.values
    )
    assert (
        TrainingObjective(points, points, small, seed=2)(POINT, initialisations=2).values
        != both.values
    )
    assert (both.trainings, both.state) == (2, "complete")
    assert both.seconds > 0


def test_fidelity_is_the_share_of_the_epochs_at_least_one(points, small):
    objective = TrainingObjective(points, points, small, seed=1)
    assert objective(POINT, initialisations=2, fidelity=0.5).trainings == 1
    assert objective(POINT, initialisations=1, fidelity=1e-3).trainings == 0.25


def test_a_diverging_training_fails_its_trial_and_is_charged(points, small):
    objective = TrainingObjective(points, points, small, seed=1)
    found = objective({**POINT, "learning_rate": 1e38, "weight_decay": 0.0}, initialisations=2)
    assert found.state == "failed"
    assert not found.usable
    assert found.trainings == 1
    assert "no longer finite" in found.reason


def test_a_score_is_turned_so_that_smaller_is_better(points, small):
    def value(direction: str | None, name: str = "parameters") -> float:
        score = small.score.model_copy(update={"direction": direction, "name": name})
        objective = ScoreObjective(points, points, small.model_copy(update={"score": score}), 1)
        return objective(POINT).value

    count = 13 * 8 + 9 * 9
    assert value("maximise") == -count
    assert value("minimise") == count
    assert value(None) == -count, "its publication's direction: more parameters are better"


# --- table, verdict and figures of what methods have left -------------------------------------

TRIALS = (
    "trial,kind,state,value,fidelity,trainings,seconds,cumulative_seconds,batch,parallel_tasks\n"
)


def leave(
    folder: Path,
    method: str,
    *,
    mae=2.0,
    std=0.5,
    seconds=(10.0, 10.0),
    values=(2.0, 1.0),
    **changes,
):
    """Write what a contest would."""
    folder = folder / method
    folder.mkdir(parents=True)
    errors = {
        "mae_mev_per_atom": mae,
        "std_over_seeds": std,
        "discretisation_error_mev_per_atom": 0.4,
    }
    result = {
        "method": method, "label": method.upper(), "device": "cpu", "failure": "",
        "architecture": {"hidden_widths": [8, 8], "activation": "tanh"},
        "architecture_label": "8x8 tanh", "parameters": 100, "hyperparameters": {"batch_size": 9},
        "search": {"trials": 2, "trainings": 4.0, "scores": 0, "seconds": sum(seconds), "failed": 0},
        "final": {"initialisations": 4, "seconds": [5.0, 7.0], "validation_loss": [1e-4, 3e-4]},
        "total_free_energy": errors, "band_energy": errors, "inference_microseconds_per_point": 3.0,
        "provenance": {"code": "a", "settings": {}, "seed": 1, "inputs": {}},
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(result | changes))
    total, rows = 0.0, TRIALS
    for number, (cost, value) in enumerate(zip(seconds, values, strict=True)):
        total += cost
        rows += f"{number},training,complete,{value},1.0,2.0,{cost},{total},{number},2\n"
    (folder / "trials.csv").write_text(rows)
    history = "".join(
        f"{n},{e},1e-3,{0.1 / e},{0.2 / (e + n)},False\n" for n in range(2) for e in (1, 2, 3)
    )
    (folder / "history.csv").write_text(
        "initialisation,epoch,learning_rate,training_loss,validation_loss,used\n" + history
    )


def gather(folder: Path, *methods: str, **changes: object) -> tuple[list[dict], dict]:
    compare(
        settings=CompareSettings(**{"workers": [1, 2]} | changes),
        seed=1,
        results=[folder / m / "result.json" for m in methods],
        trials=[folder / m / "trials.csv" for m in methods],
        histories=[folder / m / "history.csv" for m in methods],
        table=folder / "table.csv",
        summary=folder / "summary.json",
        figures=folder / "figures",
    )
    with (folder / "table.csv").open() as handle:
        return list(csv.DictReader(handle)), json.loads((folder / "summary.json").read_text())


def test_the_table_counts_search_final_training_and_wall_time(tmp_path):
    leave(tmp_path, "tpe")
    leave(tmp_path, "naswot_optimised", mae=2.2, seconds=(1.0, 1.0), values=(3.0, 1.5))
    rows, summary = gather(tmp_path, "tpe", "naswot_optimised")
    own = {key: float(value) for key, value in rows[1].items() if re.match(r"^[-\d.]+$", value)}
    assert own["search_seconds"] == 2
    assert own["final_training_seconds"] == 6
    assert own["total_seconds"] == 8
    assert own["wall_seconds_1_workers"] == 8
    assert own["wall_seconds_2_workers"] == 1 + 6
    assert own["search_compute_saving"] == 10
    assert own["mae_ratio"] == pytest.approx(1.1)
    # Standard errors of the means of four networks each, propagated.
    assert own["mae_ratio_standard_error"] == pytest.approx(1.1 * np.hypot(0.25, 0.5 / 2.2) / 2)
    assert own["reference_seconds_to_equal_value"] == 20
    assert summary["methods"]["naswot_optimised"]["mae_ratio"] == pytest.approx(1.1)
    assert summary["floor_mev_per_atom"] == 0.4


def test_the_verdict_says_plainly_what_was_found(tmp_path):
    leave(tmp_path, "tpe", std=0.02)
    leave(tmp_path, "naswot_fixed", seconds=(0.1, 0.1), std=0.02)
    leave(tmp_path, "random", mae=4.0, seconds=(20.0, 20.0), std=0.02)
    leave(tmp_path, "swarm", mae=2.3, std=1.0)
    _, summary = gather(tmp_path, "tpe", "naswot_fixed", "random", "swarm")
    fixed, random, swarm = summary["verdict"]
    assert fixed == (
        "NASWOT_FIXED against TPE: 100× less search compute at an MAE ratio of 1.00 ± 0.01: "
        "at most 1.2: comparable."
    )
    assert "2× more search compute" in random
    assert random.endswith("above 1.2: worse.")
    assert swarm.endswith("comparable, though not by two standard errors.")


def test_partial_results_are_drawn_without_the_reference_and_with_a_failure(tmp_path):
    leave(tmp_path, "random")
    failure = {"failure": "it diverged", "total_free_energy": {}, "band_energy": {}}
    leave(tmp_path, "swarm", **failure)
    _, summary = gather(tmp_path, "random", "swarm")
    assert summary["verdict"] == ["No ratios: the reference, tpe, is not among the methods."]
    with (tmp_path / "figures" / "compare_compute.csv").open() as handle:
        assert [row["method"] for row in csv.DictReader(handle)] == ["RANDOM"]
    leave(tmp_path, "tpe")
    rows, summary = gather(tmp_path, "random", "swarm", "tpe")
    assert "SWARM failed: it diverged" in summary["verdict"]
    assert rows[1]["mae_mev_per_atom"] == ""
    assert rows[1]["failure"] == "it diverged"


def test_every_figure_comes_with_its_table_and_units(tmp_path):
    names = ("tpe", *[m for m in METHODS if m != "tpe"])
    for number, name in enumerate(names):
        leave(tmp_path, name, mae=2 + number, seconds=(1.0 + number, 2.0))
    gather(tmp_path, *names)
    figures = {path.stem for path in (tmp_path / "figures").glob("*.svg")}
    assert figures == {
        "compare_curves",
        "compare_compute",
        "compare_wall_time",
        "compare_architectures",
    }
    assert figures == {path.stem for path in (tmp_path / "figures").glob("*.csv")}
    compute = (tmp_path / "figures" / "compare_compute.svg").read_text()
    assert "CPU time (s)" in compute
    assert "MAE, total free energy (meV/atom)" in compute
    assert all(name.upper() in compute for name in names)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"device": "gpu"}, "device"),
        ({"provenance": {"code": "b", "settings": {}, "seed": 1, "inputs": {}}}, "code"),
        (
            {"provenance": {"code": "a", "settings": {"trials": 3}, "seed": 1, "inputs": {}}},
            "settings",
        ),
    ],
)
def test_contests_on_other_terms_are_not_compared(tmp_path, change, named):
    leave(tmp_path, "tpe")
    leave(tmp_path, "random", **copy.deepcopy(change))
    with pytest.raises(DataError, match=f"not compete on the same terms(.|\n)*different {named}"):
        gather(tmp_path, "tpe", "random")


def test_files_that_do_not_belong_together(tmp_path):
    leave(tmp_path, "tpe")
    with pytest.raises(DataError, match="a method is given twice"):
        gather(tmp_path, "tpe", "tpe")
    (tmp_path / "tpe" / "trials.csv").write_text("trial,value\n")
    with pytest.raises(DataError, match="the table lacks columns"):
        gather(tmp_path, "tpe")


# --- the whole rule ---------------------------------------------------------------------------


def test_the_report_waits_for_the_comparison_only_where_it_is_to_show_it(tmp_path):
    folder = new_folder(tmp_path / "run")
    assert not {"contest", "compare"} & planned(folder)
    edit_config(folder, "report", comparison=True)
    assert {"contest", "compare"} <= planned(folder)


def contest_arguments(folder: Path, method: str, out: Path) -> list[str]:
    results = folder / "results"

    def files(stage: str, split: str, suffix: str) -> list[str]:
        return [str(path) for path in sorted((results / stage).glob(f"{split}-*.{suffix}"))]

    return [
        "contest", "--config", str(folder / "config.yaml"), "--method", method,
        "--descriptors", *files("descriptors", "training", "zarr.zip"),
        "--ldos", *files("ldos", "training", "zarr.zip"),
        "--validation-descriptors", *files("descriptors", "validation", "zarr.zip"),
        "--validation-ldos", *files("ldos", "validation", "zarr.zip"),
        "--training-dft", *files("dft", "training", "json"),
        "--structures", *files("snapshots", "test", "extxyz"),
        "--dft", *files("dft", "test", "json"),
        "--test-descriptors", *files("descriptors", "test", "zarr.zip"),
        "--test-ldos", *files("ldos", "test", "zarr.zip"),
        "--pseudopotentials", str(REPOSITORY / "pseudopotentials" / "Al.hgh-lda.UPF"),
        "--result", str(out / "result.json"), "--trials", str(out / "trials.csv"),
        "--history", str(out / "history.csv"), "--state", str(out / "state"),
    ]  # fmt: skip


def numbers(out: Path) -> tuple[str, list[dict], dict]:
    """All that a scientist would quote; costs are left out."""
    with (out / "trials.csv").open() as handle:
        rows = [
            {k: v for k, v in row.items() if "seconds" not in k} for row in csv.DictReader(handle)
        ]
    result = json.loads((out / "result.json").read_text())
    return (
        (out / "history.csv").read_text(),
        rows,
        {key: result[key] for key in ("hyperparameters", "architecture", "total_free_energy")},
    )


@pytest.mark.workflow
@pytest.mark.qe
@pytest.mark.parametrize("stopped_after", ["a trial", "an epoch"])
def test_a_killed_contest_goes_on_and_ends_with_the_same_numbers(
    finished, tmp_path, monkeypatch, stopped_after
):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    main(contest_arguments(finished, "naswot_optimised", whole))
    target, limit = {
        "a trial": ("surrogate_hpo.stages.contest.objective.TrainingObjective.__call__", 3),
        "an epoch": ("surrogate_hpo.stages.contest.final._log", 7),
    }[stopped_after]
    module, _, name = target.rpartition(".")
    owner = TrainingObjective if stopped_after == "a trial" else __import__(module, fromlist=[name])
    original, calls = getattr(owner, name), []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == limit:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(contest_arguments(finished, "naswot_optimised", torn))
    assert not (torn / "result.json").exists()
    calls.clear()
    monkeypatch.setattr(owner, name, lambda *a, **k: (calls.append(1), original(*a, **k))[1])
    main(contest_arguments(finished, "naswot_optimised", torn))
    everything = {"a trial": 4, "an epoch": 40}[stopped_after]
    assert len(calls) == everything - limit + (1 if stopped_after == "a trial" else 0)
    assert numbers(torn) == numbers(whole)
    assert not any((torn / "state").iterdir())


@pytest.mark.longest
@pytest.mark.workflow
@pytest.mark.qe
def test_every_method_competes_and_a_change_of_the_table_repeats_no_training(run):
    done = snakemake(run, "compare")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    with (run / "results/compare/table.csv").open() as handle:
        rows = {row["method"]: row for row in csv.DictReader(handle)}
    assert list(rows) == METHODS
    assert float(rows["naswot_fixed"]["trainings"]) == 0
    assert float(rows["naswot_fixed"]["search_compute_saving"]) > 10
    assert all(float(row["search_seconds"]) > 0 for row in rows.values())
    assert all(float(row["mae_mev_per_atom"]) > 0 for row in rows.values() if not row["failure"])
    assert len(list((run / "results/compare/figures").glob("*.svg"))) == 4
    assert planned(run, "compare") == set()
    edit_config(run, "compare", workers=[4])
    assert planned(run, "compare") == {"compare"}
    edit_config(run, "contest", trials=11)
    assert planned(run, "compare") == {"contest", "compare"}
    assert planned(run) == set(), "the chain itself does not depend on the contest"
