"""The validation loss in two parts: of a snapshot's mean LDOS, and from point to point."""

import math

import numpy as np
import pytest
import torch
from training_case import TrainingCase

from surrogate_hpo.files.tables import read_table
from surrogate_hpo.networks.batches import row_chunks
from surrogate_hpo.networks.loss_split import LossSplit, loss_split, together
from surrogate_hpo.networks.losses import dos_error, ldos_error
from surrogate_hpo.stages.train.figure import validation_losses_table


def case(points: int, seed: int = 0) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    network = torch.nn.Linear(5, 7)
    inputs = torch.randn(points, 5, generator=generator)
    return network, inputs, torch.randn(points, 7, generator=generator)


@pytest.mark.parametrize("weights", [None, torch.linspace(0.5, 2, 7, dtype=torch.float64)])
@pytest.mark.parametrize("rows", [1, 13, 50])
def test_the_parts_are_the_errors_of_ldos_and_dos(weights, rows):
    network, inputs, targets = case(50)
    pieces = zip(row_chunks(inputs, rows), row_chunks(targets, rows), strict=True)
    found = loss_split(network, pieces, weights)
    prediction = network(inputs).detach().to(torch.float64)
    assert found.points == 50
    assert found.loss == pytest.approx(float(ldos_error(prediction, targets, weights)), rel=1e-6)
    assert found.common == pytest.approx(float(dos_error(prediction, targets, weights)), rel=1e-6)
    variance = (prediction - targets).var(0, correction=0)
    factors = 1.0 if weights is None else weights
    assert found.rest == pytest.approx(float((factors * variance).mean()), rel=1e-6)


def test_a_shift_is_common_and_noise_without_mean_is_not():
    network, inputs, _ = case(40)
    prediction = network(inputs).detach()
    shifted = loss_split(network, [(inputs, prediction + 0.1)], None)
    assert shifted.common == pytest.approx(shifted.loss, rel=1e-5)
    assert shifted.common_share == pytest.approx(1, rel=1e-5)
    noise = torch.randn(40, 7)
    noise -= noise.mean(0)
    rough = loss_split(network, [(inputs, prediction + noise)], None)
    assert rough.common < 1e-10 * rough.loss


def test_snapshots_are_weighted_by_their_points():
    whole = together([LossSplit(100, 1.0, 0.5), LossSplit(300, 2.0, 0.1)])
    assert (whole.points, whole.loss, whole.common) == (400, 1.75, pytest.approx(0.2))
    assert whole.rest == pytest.approx(1.55)


def test_without_error_or_points_there_is_no_share():
    assert math.isnan(LossSplit(10, 0.0, 0.0).common_share)
    network, *_ = case(1)
    assert math.isnan(loss_split(network, [], None).loss)


def test_the_table_has_a_row_per_network():
    snapshots = [
        {"snapshot": "v0", "points": "100", "loss": "1.0", "common": "0.5"},
        {"snapshot": "v1", "points": "300", "loss": "2.0", "common": "0.1"},
    ]
    perfect = [{"snapshot": "v0", "points": "100", "loss": "0.0", "common": "0.0"}]
    table = validation_losses_table([snapshots, perfect])
    assert table.numbers("seed").tolist() == [0, 1]
    assert table.numbers("snapshots").tolist() == [2, 1]
    assert table.numbers("loss").tolist() == [1.75, 0]
    assert table.numbers("rest")[0] == pytest.approx(1.55)
    np.testing.assert_allclose(table.numbers("common_share"), [0.2 / 1.75, np.nan])


@pytest.mark.parametrize("scaling", ["maximum", "feature_maximum"])
def test_the_stage_splits_the_loss_of_its_history(tmp_path, scaling):
    training = TrainingCase(tmp_path)
    training.prepare(hyperparameters={"output_scaling": scaling}, maximum_epochs=2)
    said = training.run("one")
    rows, history = (
        read_table(tmp_path / "one" / name) for name in ("validation_losses.csv", "history.csv")
    )
    (used,) = (row for row in history if row["used"] == "True")
    points = [int(row["points"]) for row in rows]
    losses = [float(row["loss"]) for row in rows]
    assert np.average(losses, weights=points) == pytest.approx(
        float(used["validation_loss"]), rel=1e-5
    )
    for row in rows:
        assert float(row["common"]) + float(row["rest"]) == pytest.approx(float(row["loss"]))
        assert 0 < float(row["common"]) < float(row["loss"])
    assert "are common to all points of a snapshot" in said
