"""Errors against the number of training snapshots: which networks, which numbers, which figure."""

from pathlib import Path

import numpy as np
import pytest
from test_estimates import BIG
from tiny_workflow import REPOSITORY, edit_config, new_folder, planned

from surrogate_hpo.config.load import load_config
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.run.case import case_of
from surrogate_hpo.run.plan import curve, curve_model, gpus, parts
from surrogate_hpo.stages.learning_curve.figure import error_by_snapshots
from surrogate_hpo.stages.learning_curve.settings import LearningCurveSettings, spread
from surrogate_hpo.stages.learning_curve.stage import _sources

TINY = REPOSITORY / "config" / "tiny.yaml"


@pytest.mark.parametrize(
    ("snapshots", "counts"), [(28, [7, 14, 28]), (6, [2, 3, 6]), (2, [1, 2]), (1, [1])]
)
def test_fractions_give_numbers_of_snapshots(snapshots, counts):
    assert LearningCurveSettings().counts(snapshots) == [
        count for count in dict.fromkeys(counts) if count <= snapshots
    ]


def test_a_part_is_spread_over_all_and_halves_hold_quarters():
    names = [f"t{number}" for number in range(8)]
    assert spread(names, 2) == ["t0", "t4"]
    assert spread(names, 4) == ["t0", "t2", "t4", "t6"]
    assert spread(names, 8) == names
    assert len(set(spread(names, 5))) == 5


@pytest.mark.parametrize(("key", "value"), [("fractions", [0.0]), ("fractions", []), ("seeds", 0)])
def test_settings_that_make_no_sense_are_refused(tmp_path, key, value):
    folder = new_folder(tmp_path / "run")
    edit_config(folder, "learning_curve", **{key: value})
    with pytest.raises(ConfigError, match=rf"learning_curve\.{key}"):
        load_config([folder / "config.yaml"])


def test_networks_of_the_run_are_not_trained_again():
    config = load_config([TINY])
    assert curve(config) == [(2, 0), (2, 1), (3, 0), (3, 1), (6, 0), (6, 1)]
    assert parts("learning_curve", config) == ["2-0", "2-1", "3-0", "3-1"]
    assert curve_model(config, 6, 1) == Path("results/train/1/model.pt")
    assert curve_model(config, 3, 1) == Path("results/learning_curve/3-1/model.pt")
    more = config.model_copy(update={"learning_curve": LearningCurveSettings(seeds=3)})
    assert parts("learning_curve", more)[-1] == "6-2"


def test_gpus_are_those_of_training_and_evaluation():
    config = case_of(load_config([BIG])).config
    assert gpus("learning_curve_network", config) == gpus("train", config) == 1
    assert gpus("learning_curve", config) == gpus("evaluate_snapshot", config) == 1


def test_models_that_do_not_fit_the_settings_are_refused():
    assert _sources([2, 4], 1, [Path("a"), Path("b")]) == ["2-0", "4-0"]
    message = r"do not fit its settings(.|\n)*2 for each of 2, 4 training(.|\n)*got: 3 models"
    with pytest.raises(ConfigError, match=message):
        _sources([2, 4], 2, [Path("a")] * 3)


def test_the_figure_leaves_out_what_is_not_known():
    names = ("ensemble_mae_mev_per_atom", "mae_mev_per_atom", "skill", "correlation")
    names += ("baseline_mev_per_atom", "discretisation_error_mev_per_atom")
    rows = [
        {"training_snapshots": n, "dft_cpu_seconds": 10.0 * n, "networks": 2}
        | dict.fromkeys(names, value)
        for n, value in ((7, np.nan), (14, 3.0), (28, 2.0))
    ]
    figure = error_by_snapshots(rows)
    assert figure.table.numbers("training_snapshots").tolist() == [7, 14, 28]
    assert figure.table.numbers("dft_cpu_seconds")[2] == 280
    assert "training snapshots" in figure.table.column("training_snapshots").label
    assert "<svg" in figure.paper_svg("single")


def test_it_is_not_on_the_way_to_the_report_unless_the_report_shows_it(tmp_path):
    folder = new_folder(tmp_path / "run")
    assert not {"learning_curve", "learning_curve_network"} & planned(folder)
    edit_config(folder, "report", learning_curve=True)
    assert {"learning_curve", "learning_curve_network"} <= planned(folder)
