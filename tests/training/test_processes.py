"""Trainings that several processes share: the numbers of one process, and one end for all."""

import csv
import os
import re
import signal
import time
from pathlib import Path
from typing import get_args

import pytest
import torch
from test_training import OUTPUTS, RECIPES, make_data, make_trainer, weights
from training_case import TrainingCase

from surrogate_hpo.cli import INTERRUPTED_STATUS
from surrogate_hpo.errors import DataError, EngineError, InterruptedRun
from surrogate_hpo.interruption import ANOTHER_PROCESS
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.batches import TrainingData
from surrogate_hpo.networks.group import Group
from surrogate_hpo.networks.history import DivergenceError
from surrogate_hpo.networks.losses import shared_training_loss, training_loss
from surrogate_hpo.networks.options import OptimiserName
from surrogate_hpo.networks.recipe import Recipe
from surrogate_hpo.networks.training import Trainer
from surrogate_hpo.training.processes import run_processes

ADAMW = {"optimiser": "adamw", "dos_weight": 1.0}
COMMON = {"batch_size": 90, "maximum_epochs": 3, "weight_decay": 0.01}


def double_trainer(recipe, **options):
    """In double precision: what is left of a difference is an error, not rounding.

    All layers are square, so that SOAP's eigenvectors are unique. Those of a subspace that the
    first gradient does not reach are of rounding's choice, and with them the whole training.
    """
    data = make_data(points=601, validation_points=101)
    double = {name: getattr(data, name).double() for name in TrainingData.__dataclass_fields__}
    for name in ("training", "validation"):
        more = double[f"{name}_inputs"][:, :1].tanh()
        double[f"{name}_targets"] = torch.cat([double[f"{name}_targets"], more], dim=1)
    assert double["training_inputs"].shape == double["training_targets"].shape
    network = build_network(Architecture((6, 6), "tanh"), inputs=6, outputs=6, seed=0).double()
    return Trainer(network, TrainingData(**double), recipe, seed=0, **options)


def recipes():
    """Those that are the same in double precision."""
    names = ("soap", "adamw", "adam", "plateau")
    found = {name: Recipe(**COMMON | RECIPES[name]) for name in names}
    found["soap, density of states"] = Recipe(**COMMON, dos_weight=2.0)
    return found


def one_batch(optimiser):
    return Recipe(**COMMON | {"batch_size": 601}, optimiser=optimiser, dos_weight=1.0)


def train_all(*, folder: str, group: Group) -> None:
    results = {}
    for name, recipe in recipes().items():
        trainer = double_trainer(recipe, group=group)
        trainer.run()
        results[name] = {"history": [tuple(vars(row).values()) for row in trainer.history]}
        results[name]["weights"] = weights(trainer)
    for optimiser in get_args(OptimiserName):
        single = make_trainer(one_batch(optimiser), data=make_data(points=601), group=group)
        row = single.train_epoch()
        results[optimiser] |= {"losses": (row.training_loss, row.validation_loss)}
    tiny = make_trainer(
        Recipe(batch_size=1, maximum_epochs=1), data=make_data(points=3), group=group
    )
    results["tiny"] = {"loss": tiny.run().training_loss}
    torch.save(results, Path(folder) / f"{group.rank}.pt")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """What two processes have found, each by itself."""
    folder = tmp_path_factory.mktemp("shared")
    run_processes(2, train_all, {"folder": str(folder)})
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize("name", recipes())
def test_two_processes_train_as_one_does(shared, name):
    alone = double_trainer(recipes()[name])
    alone.run()
    for found in shared:
        for row, expected in zip(found[name]["history"], alone.history, strict=True):
            assert row == pytest.approx(tuple(vars(expected).values()), rel=1e-9)
        assert torch.allclose(found[name]["weights"], weights(alone), rtol=1e-6, atol=1e-9)
    assert torch.equal(shared[0][name]["weights"], shared[1][name]["weights"])


@pytest.mark.parametrize("optimiser", get_args(OptimiserName))
def test_in_single_precision_the_loss_of_a_batch_agrees_to_a_millionth(shared, optimiser):
    """Before the step; and on the validation points after it, unless rounding decides the step."""
    alone = make_trainer(one_batch(optimiser), data=make_data(points=601)).train_epoch()
    training, validation = shared[0][optimiser]["losses"]
    assert training == pytest.approx(alone.training_loss, rel=1e-6)
    tolerance = 1e-2 if optimiser == "soap" else 1e-6
    assert validation == pytest.approx(alone.validation_loss, rel=tolerance)


def test_a_process_may_have_no_point_of_a_batch(shared):
    tiny = make_trainer(Recipe(batch_size=1, maximum_epochs=1), data=make_data(points=3))
    assert shared[0]["tiny"]["loss"] == pytest.approx(tiny.run().training_loss, rel=1e-6)


@pytest.mark.parametrize("dos_weight", [0.0, 3.0])
@pytest.mark.parametrize("rows", [0, 3, 11])
def test_the_gradients_of_unequal_pieces_add_up_to_that_of_the_batch(dos_weight, rows):
    generator = torch.Generator().manual_seed(0)
    prediction, targets = torch.randn(2, 11, OUTPUTS, generator=generator, dtype=torch.float64)
    factors = torch.rand(OUTPUTS, generator=generator, dtype=torch.float64)
    options = {"weights": factors, "dos_weight": dos_weight}
    whole = prediction.clone().requires_grad_()
    loss = training_loss(whole, targets, **options)
    loss.backward()
    pieces = [slice(0, rows), slice(rows, 11)]
    differences = [(prediction - targets)[piece] for piece in pieces]
    sums = sum(torch.stack([d.square().sum(0), d.sum(0)]) for d in differences) / 11
    gradients = []
    for piece in pieces:
        part = prediction[piece].clone().requires_grad_()
        value = shared_training_loss(
            part, targets[piece], points=11, add=lambda _: sums.clone(), **options
        )
        assert torch.allclose(value, loss, rtol=1e-14)
        value.backward()
        gradients.append(part.grad)
    assert torch.allclose(torch.cat(gradients), whole.grad, rtol=1e-13)


def fail(*, group: Group, how: str) -> None:
    """The last process fails; the others wait for it in a collective."""
    if group.rank == group.size - 1:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "bug":
            raise ZeroDivisionError
    if how == "diverged":
        data = make_data()
        data.training_targets[5, 0] = torch.inf
        make_trainer(data=data, group=group).run()
    if how == "different":
        trainer = make_trainer(seed=0, group=group)
        with torch.no_grad():
            next(trainer.network.parameters()).add_(1e-7 * group.rank)
        trainer.run()
    group.add(torch.zeros(1))


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("killed", EngineError, "^a process of the training was ended by SIGKILL$"),
        ("bug", EngineError, "ZeroDivisionError"),
        ("diverged", DivergenceError, "epoch 1, learning rate"),
        ("different", DataError, "no longer have the same weights"),
    ],
)
def test_a_failure_in_one_process_ends_all_with_one_message(how, kind, message, capfd):
    begin = time.monotonic()
    with pytest.raises(kind, match=message):
        run_processes(2, fail, {"how": how})
    assert time.monotonic() - begin < 60
    assert ("Traceback" in capfd.readouterr().err) == (how in ("bug", "killed"))


def stop(*, group: Group) -> None:
    """The first process to end was told by the last, who got the signal."""
    if group.rank == group.size - 1:
        time.sleep(0.5)
        raise InterruptedRun("SIGUSR1", saved="epoch 3")
    raise InterruptedRun(ANOTHER_PROCESS, saved="epoch 3")


def test_the_process_that_was_asked_says_who_asked():
    with pytest.raises(InterruptedRun, match=r"^stopped by SIGUSR1; .* from epoch 3$"):
        run_processes(2, stop, {})


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> TrainingCase:
    case = TrainingCase(tmp_path_factory.mktemp("case"))
    case.prepare(hyperparameters=ADAMW)
    case.run("alone")
    return case


def losses(case: TrainingCase, name: str) -> list[list[float]]:
    with (case.folder / name / "history.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    return [[float(row[key]) for row in rows] for key in ("training_loss", "validation_loss")]


def test_a_job_goes_on_with_another_number_of_processes(case):
    case.prepare(hyperparameters=ADAMW, processes=2)
    job = case.start("shared")
    said = ""
    for line in job.stderr:
        said += line
        if "epoch 2/" in line:
            break
    job.send_signal(signal.SIGTERM)
    _, rest = job.communicate()
    assert job.returncode == INTERRUPTED_STATUS, said + rest
    assert "Traceback" not in rest
    [place] = re.findall(r"^InterruptedRun: stopped by \S+; .* from (.*) \(", rest, re.MULTILINE)
    case.prepare(hyperparameters=ADAMW, processes=1)
    assert f"going on from {place}\n" in case.run("shared")
    for found, expected in zip(losses(case, "shared"), losses(case, "alone"), strict=True):
        assert found == pytest.approx(expected, rel=1e-3)
        # Up to the interruption nothing but the order of sums differs.
        assert found[0] == pytest.approx(expected[0], rel=1e-6)


def test_a_failing_job_says_why_in_one_line(case):
    case.prepare(hyperparameters={"input_scaling": "nonsense"}, processes=2)
    job = case.start("failing")
    _, said = job.communicate()
    assert job.returncode == 1
    assert "Traceback" not in said
    assert len(re.findall(r"^ConfigError: Unknown scaling\.$", said, re.MULTILINE)) == 1


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_gpus_train_as_one_does(tmp_path):
    run_processes(2, train_on_gpu, {"folder": str(tmp_path)}, use_gpu=True)
    alone = make_trainer(Recipe(**COMMON), device="cuda")
    expected = alone.train_epoch().training_loss
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert found == pytest.approx([expected] * 2, rel=1e-5)


def train_on_gpu(*, folder: str, group: Group) -> None:
    trainer = make_trainer(Recipe(**COMMON), device="cuda", group=group)
    torch.save(trainer.train_epoch().training_loss, Path(folder) / f"{group.rank}.pt")
