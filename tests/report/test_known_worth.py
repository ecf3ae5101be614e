"""What a report says that the methods of a run are worth, against the tables it was taken from."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from surrogate_hpo.data.trained_tables import read_trained_table
from surrogate_hpo.report.known_worth import (
    MATERIALS,
    TAUS,
    worth_of_known_trials,
    worth_of_score,
)
from surrogate_hpo.scores.architectures.options import LEARNING_SCORES

TABLES = Path(__file__).resolve().parents[2] / "benchmarks/data/tables"
FILES = {"Al": "aluminium", "Mg": "magnesium", "AlLi": "aluminium-lithium"}


@pytest.mark.parametrize("place", range(3))
def test_the_agreement_is_that_of_the_shipped_tables(place):
    path = TABLES / f"{FILES[MATERIALS[place]]}.csv"
    table = read_trained_table(path, path.with_suffix(".json"))
    assert set(TAUS) == set(table.configurations[0].scores)
    assert set(LEARNING_SCORES) <= set(TAUS)
    for name, values in TAUS.items():
        pairs = np.array([(one.scores[name], one.loss) for one in table.configurations])
        known = pairs[np.isfinite(pairs[:, 0])]
        assert values[place] == pytest.approx(kendalltau(*known.T).statistic, abs=0.006), name


def test_the_papers_direction_is_said_to_be_the_wrong_one():
    assert "-0.25 (AlLi), -0.18 (Al), -0.15 (Mg)" in worth_of_score("naswot", "maximise")
    assert "prefers the worse ones" in worth_of_score("naswot", "maximise")
    assert "+0.26 (AlLi)" in worth_of_score("activation_patterns", "maximise")
    assert "says little" in worth_of_score("activation_patterns", "maximise")


def test_known_trials_are_told_only_where_there_were_some():
    assert worth_of_known_trials(0) == ""
    assert "The first trial took" in worth_of_known_trials(1)
    assert "The first 3 trials took" in worth_of_known_trials(3)
