"""Training: it learns, it is seeded, and it resumes to the last bit."""

import io
import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.batches import TrainingData, random_order
from surrogate_hpo.networks.history import DivergenceError
from surrogate_hpo.networks.losses import dos_error
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.recipe import Recipe, build_optimiser
from surrogate_hpo.networks.scaling import fit_input_scaler, fit_output_scaler
from surrogate_hpo.networks.soap import Soap
from surrogate_hpo.networks.training import Trainer

ARCHITECTURE = Architecture((24, 16), "tanh")
SMALL = {"batch_size": 20, "maximum_epochs": 12}
INPUTS, OUTPUTS = 6, 5


def make_data(points=600, validation_points=100, seed=0):
    """A smooth function of inputs whose scales differ a hundredfold."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(points + validation_points, INPUTS, generator=generator)
    mixing = torch.randn(INPUTS, OUTPUTS, generator=generator)
    targets = torch.sin(inputs @ mixing)
    inputs = inputs * torch.logspace(-1, 1, INPUTS)
    return TrainingData(inputs[:points], targets[:points], inputs[points:], targets[points:])


def make_trainer(recipe=None, *, seed=0, data=None, **options):
    recipe = recipe or Recipe(batch_size=100, maximum_epochs=6)
    network = build_network(ARCHITECTURE, inputs=INPUTS, outputs=OUTPUTS, seed=seed)
    return Trainer(network, data or make_data(), recipe, seed=seed, **options)


def weights(trainer):
    return torch.cat([parameter.detach().flatten() for parameter in trainer.network.parameters()])


RECIPES = {
    # SOAP refreshes its basis every 10 steps; 7 steps per epoch put it out of step with epochs.
    "soap": {"optimiser": "soap"},
    "adamw": {"optimiser": "adamw"},
    "adam": {"optimiser": "adam", "dos_weight": 3.0},
    # So large a rate that it falls in the second epoch and again before the last one.
    "plateau": {
        "optimiser": "adamw",
        "schedule": "plateau",
        "patience": 1,
        "plateau_factor": 0.5,
        "learning_rate": 0.3,
    },
    "bfloat16": {"mixed_precision": True},
}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("interrupted_after", [1, 3, 5])
def test_a_resumed_training_has_bit_identical_weights(name, interrupted_after):
    common = {"batch_size": 90, "maximum_epochs": 6, "weight_decay": 0.01}
    recipe = Recipe(**common | RECIPES[name])
    whole = make_trainer(recipe)
    best = whole.run()

    first = make_trainer(recipe)
    for _ in range(interrupted_after):
        first.train_epoch()
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)

    second = make_trainer(recipe)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert second.run() == best
    assert second.history == whole.history
    assert torch.equal(weights(second), weights(whole))


class StopError(Exception):
    """Raised by a test after some batch."""


def stop_after(batches):
    """A function to call after each batch, which raises at the given one."""
    count = itertools.count(1)

    def after_batch():
        if next(count) == batches:
            raise StopError

    return after_batch


@pytest.mark.parametrize("name", RECIPES)
@settings(max_examples=5, deadline=None)
@given(batches=st.lists(st.integers(1, 30), min_size=1, max_size=3))
def test_a_training_interrupted_after_any_batches_has_bit_identical_weights(name, batches):
    recipe = Recipe(**{"batch_size": 90, "maximum_epochs": 4, "weight_decay": 0.01} | RECIPES[name])
    whole = make_trainer(recipe)
    best = whole.run()
    state = None
    for stop in [*batches, None]:
        trainer = make_trainer(recipe)
        if state is not None:
            trainer.load_state_dict(torch.load(state, weights_only=True))
        try:
            assert trainer.run(on_batch=stop_after(stop)) == best
            break
        except StopError:
            state = io.BytesIO()
            torch.save(trainer.state_dict(), state)
            state.seek(0)
    assert trainer.history == whole.history
    assert torch.equal(weights(trainer), weights(whole))


def test_the_position_is_told_in_words():
    trainer = make_trainer()
    assert trainer.position == "epoch 1, batch 0"
    with pytest.raises(StopError):
        trainer.run(on_batch=stop_after(9))  # 6 batches and one of the validation per epoch
    assert trainer.position == "epoch 2, batch 2"


def test_a_checkpoint_of_a_finished_training_gives_its_weights():
    trainer = make_trainer()
    trainer.run()
    again = make_trainer()
    again.load_state_dict(trainer.state_dict())
    again.run(on_epoch=lambda _: pytest.fail("no epoch was left"))
    assert torch.equal(weights(again), weights(trainer))


def test_a_checkpoint_is_not_changed_by_further_training():
    trainer = make_trainer()
    trainer.train_epoch()
    state = trainer.state_dict()
    before = state["network"]["0.weight"].clone()
    first_moment = state["optimiser"]["state"][0]["first"].clone()
    trainer.train_epoch()
    assert torch.equal(state["network"]["0.weight"], before)
    assert torch.equal(state["optimiser"]["state"][0]["first"], first_moment)


def test_same_seed_same_weights_another_seed_others():
    trainers = [make_trainer(seed=seed) for seed in (0, 0, 1)]
    for trainer in trainers:
        trainer.run()
    assert torch.equal(weights(trainers[0]), weights(trainers[1]))
    assert not torch.equal(weights(trainers[0]), weights(trainers[2]))


def badly_conditioned_loss(weight):
    """Least squares in a matrix, with curvatures that fall a thousandfold on rotated axes."""
    generator = torch.Generator().manual_seed(0)
    sides = [torch.linalg.qr(torch.randn(12, 12, generator=generator)).Q for _ in range(3)]
    scale = torch.diag(torch.logspace(0, -1.5, 12))
    return (sides[0] @ scale @ sides[1] @ (weight - 1) @ sides[2] @ scale).square().sum()


def loss_after(optimiser_class, rates, steps=150):
    """The lowest loss that any of the learning rates reaches, decayed linearly to zero."""
    losses = []
    for rate in rates:
        weight = torch.nn.Parameter(torch.zeros(12, 12))
        optimiser = optimiser_class(weight, rate)
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = rate * (1 - step / steps)
            optimiser.zero_grad()
            loss = badly_conditioned_loss(weight)
            loss.backward()
            optimiser.step()
        losses.append(float(loss.detach()))
    return min(losses)


def test_soap_beats_adam_where_the_curvature_is_uneven():
    rates = (0.01, 0.03, 0.1, 0.3)
    adam = loss_after(lambda weight, rate: torch.optim.Adam([weight], lr=rate), rates)
    soap = loss_after(lambda weight, rate: Soap([weight], learning_rate=rate), rates)
    assert soap < 0.6 * adam


def test_soap_follows_a_rotation_of_the_coordinates():
    """Where Adam depends on the axes, SOAP's first step is the gradient's polar factor."""
    generator = torch.Generator().manual_seed(0)
    gradient = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    parameter = torch.nn.Parameter(torch.zeros(4, 4, dtype=torch.float64))
    parameter.grad = gradient
    Soap([parameter], learning_rate=1.0).step()
    left, _, right = torch.linalg.svd(gradient)
    # In the eigenbasis the gradient is diagonal up to signs; Adam's first step is its sign.
    step = -parameter.detach()
    assert torch.allclose(step, left @ right, atol=1e-4)


def test_soap_leaves_long_sides_unrotated():
    parameter = torch.nn.Parameter(torch.zeros(3, 8))
    parameter.grad = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    optimiser = Soap([parameter], learning_rate=0.1, longest_side=4)
    optimiser.step()
    assert "left_basis" in optimiser.state[parameter]
    assert "right_basis" not in optimiser.state[parameter]


def test_a_plateau_lowers_the_learning_rate():
    recipe = Recipe(schedule="plateau", patience=2, learning_rate=0.8, plateau_factor=0.5)
    assert recipe.reductions([]) == 0
    assert recipe.reductions([5, 4, 3, 2, 1]) == 0
    assert recipe.reductions([5, 5]) == 0
    assert recipe.reductions([5, 5, 6]) == 1  # two epochs without a lower loss
    assert recipe.reductions([5, 5, 4, 4]) == 0  # the lower one in between starts the count anew
    assert recipe.reductions([5, 6, 6, 6, 6]) == 2
    assert recipe.learning_rate_at(0.9, 2) == pytest.approx(0.2)
    assert Recipe().reductions([5, 6, 6, 6, 6]) == 0


def test_a_training_on_a_plateau_goes_on_and_takes_its_best_weights():
    recipe = Recipe(schedule="plateau", patience=1, learning_rate=0.3, **SMALL)
    trainer = make_trainer(recipe, data=make_data(points=60))
    used = trainer.run()
    losses = [row.validation_loss for row in trainer.history]
    rates = [row.learning_rate for row in trainer.history]
    assert len(losses) == SMALL["maximum_epochs"]
    assert used.validation_loss == min(losses) == trainer._validation_loss(lambda: None)
    assert min(rates) < max(rates) == 0.3
    for epoch, rate in enumerate(rates):
        assert rate == 0.3 * 0.1 ** recipe.reductions(losses[:epoch])


def first_step(optimiser, *, weight_decay):
    recipe = Recipe(optimiser=optimiser, learning_rate=0.01, weight_decay=weight_decay)
    layer = torch.nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        layer.weight.fill_(-4.0)
    layer.weight.grad = torch.full((2, 3), 1e-3)
    build_optimiser(recipe, layer).step()
    return layer.weight.detach() + 4


def test_decay_is_decoupled_in_adamw_and_part_of_the_gradient_in_adam():
    # The first step of Adam is the learning rate times the sign of the gradient.
    decoupled = first_step("adamw", weight_decay=0.01)
    assert torch.allclose(decoupled, torch.tensor(-0.01 + 4 * 0.01 * 0.01), atol=2e-6)
    coupled = first_step("adam", weight_decay=0.01)  # 1e-3 - 4 * 0.01 < 0 turns the sign
    assert torch.allclose(coupled, torch.tensor(0.01), atol=2e-6)
    assert torch.equal(first_step("adam", weight_decay=0.0), first_step("adamw", weight_decay=0.0))


def test_a_dos_weight_lowers_the_error_of_the_density_of_states():
    """Targets that the network cannot follow: only the common shift is left to choose."""
    errors = []
    for dos_weight in (0.0, 100.0):
        trainer = make_trainer(Recipe(dos_weight=dos_weight, batch_size=100, maximum_epochs=6))
        trainer.run()
        with torch.no_grad():
            prediction = trainer.network(trainer._data.training_inputs)
        errors.append(float(dos_error(prediction, trainer._data.training_targets)))
    assert errors[1] < 0.5 * errors[0]


def test_the_validation_loss_leaves_the_density_of_states_out():
    recipe = Recipe(batch_size=100, maximum_epochs=1, dos_weight=50.0)
    trainer = make_trainer(recipe, data=make_data())
    row = trainer.train_epoch()
    data = make_data()
    with torch.no_grad():
        expected = (trainer.network(data.validation_inputs) - data.validation_targets).square()
    assert row.validation_loss == pytest.approx(float(expected.mean()), rel=1e-5)


def test_bfloat16_products_change_little_and_leave_float32_weights():
    recipe = Recipe(batch_size=100, maximum_epochs=3)
    exact, mixed = make_trainer(recipe), make_trainer(replace(recipe, mixed_precision=True))
    losses = [trainer.run().validation_loss for trainer in (exact, mixed)]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert {p.dtype for p in mixed.network.parameters()} == {torch.float32}


def test_early_stopping_keeps_the_best_weights():
    recipe = Recipe(
        learning_rate=0.05, batch_size=20, maximum_epochs=60, patience=3, schedule="constant"
    )
    trainer = make_trainer(recipe, data=make_data(points=60))
    best = trainer.run()
    losses = [row.validation_loss for row in trainer.history]
    assert len(losses) < 60
    assert len(losses) == best.epoch + 3
    assert best.validation_loss == min(losses)
    assert trainer._validation_loss(lambda: None) == best.validation_loss


def test_an_annealed_training_takes_its_last_weights():
    recipe = Recipe(learning_rate=0.05, batch_size=20, maximum_epochs=12, patience=1)
    trainer = make_trainer(recipe, data=make_data(points=60))
    used = trainer.run()
    assert len(trainer.history) == used.epoch == 12
    assert trainer._validation_loss(lambda: None) == used.validation_loss


def test_history_and_cosine_schedule():
    seen = []
    trainer = make_trainer(Recipe(batch_size=100, maximum_epochs=4, learning_rate=0.01))
    trainer.run(on_epoch=seen.append)
    assert seen == trainer.history
    assert [row.epoch for row in seen] == [1, 2, 3, 4]
    expected = [0.005 * (1 + math.cos(math.pi * t)) for t in (0, 0.25, 0.5, 0.75)]
    assert [row.learning_rate for row in seen] == pytest.approx(expected)
    assert seen[-1].training_loss < seen[0].training_loss
    assert Recipe(schedule="constant").learning_rate_at(0.7) == Recipe().learning_rate


def test_energy_weights_of_zero_hide_an_energy():
    data = make_data()
    data.training_targets[:, 2] = 1e3
    data.validation_targets[:, 2] = 1e3
    hidden = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0])
    assert make_trainer(data=data, energy_weights=hidden).run().validation_loss < 1
    assert make_trainer(data=data).run().validation_loss > 1e3


def test_equal_energy_weights_change_nothing_but_rounding():
    plain = make_trainer().run()
    weighted = make_trainer(energy_weights=torch.full((OUTPUTS,), 7.0)).run()
    assert weighted.validation_loss == pytest.approx(plain.validation_loss, rel=1e-2)


@pytest.mark.parametrize("optimiser", ["adamw", "soap"])
def test_divergence_names_epoch_and_learning_rate(optimiser):
    data = make_data()
    data.training_targets[5, 0] = math.inf
    recipe = Recipe(optimiser=optimiser, learning_rate=0.25, batch_size=100)
    with pytest.raises(DivergenceError, match=r"epoch 1, learning rate 0\.25"):
        make_trainer(recipe, data=data).run()


def test_batches_hold_each_point_once_in_an_order_of_the_epoch():
    points = torch.arange(1003.0)[:, None]
    data = TrainingData(points, points, points, points)

    def batches(seed, epoch, size=100, start=0):
        return list(data.training_batches(size, seed=seed, epoch=epoch, start=start))

    reference = batches(1, 2)
    assert data.batch_count(100, seed=1, epoch=2) == len(reference) == 10
    assert {len(batch.inputs) for batch in reference} <= {100, 101}
    order = torch.cat([batch.inputs for batch in reference])
    assert torch.equal(order.sort(0).values, points)
    assert torch.equal(order[:, 0].long(), random_order(1003, 1, 2))
    assert torch.equal(batches(1, 2, start=4)[0].targets, reference[4].targets)
    for seed, epoch in itertools.product((1, 5), (2, 3)):
        other = torch.cat([batch.inputs for batch in batches(seed, epoch)])
        assert torch.equal(other, order) == ((seed, epoch) == (1, 2))
    assert len(batches(0, 0, size=5000)) == 1


def make_model():
    data = make_data()
    return SurrogateModel(
        architecture=ARCHITECTURE,
        network=build_network(ARCHITECTURE, inputs=INPUTS, outputs=OUTPUTS, seed=3),
        input_scaler=fit_input_scaler(data.training_inputs, "whitened"),
        output_scaler=fit_output_scaler(data.training_targets, "maximum"),
    )


def test_a_model_survives_a_file_read_with_weights_only():
    model, descriptors = make_model(), make_data().validation_inputs
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    restored = SurrogateModel.from_state_dict(torch.load(file, weights_only=True))
    assert restored.architecture == model.architecture
    assert torch.equal(restored.predict(descriptors), model.predict(descriptors))


def test_prediction_does_not_depend_on_chunks():
    model, descriptors = make_model(), make_data().validation_inputs
    whole = model.predict(descriptors)
    assert whole.shape == (100, OUTPUTS)
    assert whole.dtype == torch.float32
    assert torch.allclose(model.predict(descriptors, points_per_chunk=7), whole, atol=1e-6)


def test_a_damaged_model_is_refused():
    state = make_model().state_dict()
    del state["network"]["0.weight"]
    with pytest.raises(
        DataError, match=r"(?s)damaged.*weights for a network.*Train the model again"
    ):
        SurrogateModel.from_state_dict(state)
    with pytest.raises(DataError, match="KeyError"):
        SurrogateModel.from_state_dict({})


def test_a_foreign_checkpoint_is_refused():
    state = make_trainer(seed=0).state_dict()
    with pytest.raises(DataError, match=r"(?s)another training.*Delete the checkpoint"):
        make_trainer(seed=1).load_state_dict(state)
    with pytest.raises(DataError, match="another training"):
        make_trainer(Recipe(learning_rate=1e-4)).load_state_dict(state)
    wider = build_network(Architecture((9,), "tanh"), inputs=INPUTS, outputs=OUTPUTS, seed=0)
    other = Trainer(wider, make_data(), Recipe(batch_size=100, maximum_epochs=6), seed=0)
    with pytest.raises(DataError, match="another network"):
        other.load_state_dict(state)


def test_recipe_round_trip_and_faults():
    recipe = Recipe(optimiser="adamw", learning_rate=1e-5, batch_size=7)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    with pytest.raises(ConfigError, match="learning_rat"):
        Recipe.from_dict({"learning_rat": 1.0})
    with pytest.raises(ConfigError, match=r"learning_rate = -1.*batch_size = 0"):
        Recipe(learning_rate=-1, batch_size=0)
    with pytest.raises(ConfigError, match=r"schedule = 'step': expected cosine, constant or plat"):
        Recipe(schedule="step")
    with pytest.raises(ConfigError, match=r"plateau_factor = 1\.0: .*; dos_weight = -1"):
        Recipe(plateau_factor=1.0, dos_weight=-1)
    with pytest.raises(ConfigError, match=r"weight_decay = 0\.3: .* adamw has the decoupled"):
        Recipe(optimiser="adam")


def test_data_that_do_not_fit():
    data = make_data()
    with pytest.raises(DataError, match=r"training_inputs \(600, 6\).*training_targets \(599, 5\)"):
        TrainingData(
            data.training_inputs,
            data.training_targets[:-1],
            data.validation_inputs,
            data.validation_targets,
        )
    with pytest.raises(DataError, match="loss weights"):
        make_trainer(energy_weights=torch.ones(3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_on_cuda_agrees_with_the_cpu():
    recipe = Recipe(batch_size=100, maximum_epochs=2)
    on_gpu = make_trainer(recipe, device="cuda").run()
    assert on_gpu.validation_loss == pytest.approx(
        make_trainer(recipe).run().validation_loss, rel=0.05
    )
