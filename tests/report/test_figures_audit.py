"""The audits' figures show the numbers they were given, failures included."""

import numpy as np
from fictional_run import audit_arrays, descriptor_audit_arrays, words

from surrogate_hpo.stages.acsd_audit.figure import descriptor_agreement
from surrogate_hpo.stages.audit.figure import score_agreement


def test_every_score_has_its_panel_with_tau_and_interval():
    arrays = audit_arrays()
    shown = words(score_agreement(**arrays))
    assert set(arrays["labels"].values()) <= set(shown)
    assert shown.count("τ = −0.32 [−0.51, −0.10]") == 6
    assert shown.count("τ undefined") == 1
    assert {"relu", "leaky_relu", "sigmoid", "tanh", "diverged"} <= set(shown)


def test_the_table_keeps_rejected_scores_and_diverged_trainings():
    table = score_agreement(**audit_arrays()).table
    assert len(table) == 420
    assert np.isinf(table.numbers("error")).sum() == 7
    assert np.isnan(table.numbers("value")).sum() == 1
    assert table.records()[0]["score"] == "naswot"


def test_one_score_and_no_divergence():
    arrays = audit_arrays()
    keep = slice(0, 60)
    columns = ("score", "architecture", "activation", "value", "error")
    one = {name: arrays[name][keep] for name in columns}
    one["error"] = np.where(np.isinf(one["error"]), 1e-3, one["error"])
    figure = score_agreement(**one, labels={"naswot": "NASWOT"}, tau={"naswot": (0.1, -0.1, 0.3)})
    shown = words(figure)
    assert "diverged" not in shown
    assert "τ = +0.10 [−0.10, +0.30]" in shown


def test_score_and_error_of_descriptors_are_relative_to_their_smallest():
    arrays = descriptor_audit_arrays()
    figure = descriptor_agreement(**arrays)
    table = figure.table
    assert np.nanmin(table.numbers("relative_score")) == 1
    assert table.numbers("relative_error").min() == 1
    assert np.isinf(table.numbers("relative_error")).sum() == 1
    assert table.numbers("twojmax").tolist() == sorted(arrays["twojmax"])
    shown = words(figure)
    assert {"2J_max 4", "2J_max 6", "2J_max 8", "2J_max 10"} <= set(shown)
    assert "ACSD and trained error: τ = +0.41 [−0.12, +0.62]" in shown
