"""Data larger than the memory: every point once, the scalings of the whole, resumable."""

import io
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from audit_data import CELL, COMPONENTS, ENERGIES, GRID, SPLITS, stores, write_snapshots
from hypothesis import given, settings
from hypothesis import strategies as st
from training_case import TrainingCase

from surrogate_hpo.data.datasets import read_points
from surrogate_hpo.data.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.data.stored_points import open_points
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.batches import TrainingData
from surrogate_hpo.networks.group import Group
from surrogate_hpo.networks.recipe import Recipe
from surrogate_hpo.networks.scaling import AffineScaler, fit_input_scaler, fit_output_scaler
from surrogate_hpo.networks.shards import Shard, ShardedData
from surrogate_hpo.networks.training import Trainer
from surrogate_hpo.training.fitting import scale
from surrogate_hpo.training.streaming import read_scaled

IDENTITY = AffineScaler(torch.zeros(1), torch.eye(1), torch.eye(1))
LIMIT_MEBIBYTES = 1000


def numbered(sizes, points_per_group, *, validation=(4,)):
    """Shards of points that are their own numbers."""
    read = []

    def shard(begin, points):
        values = torch.arange(float(begin), begin + points)[:, None]

        def reading():
            read.append(begin)
            return values, -values

        return Shard(points, reading)

    starts = np.cumsum([0, *sizes[:-1]])
    training = [shard(int(b), n) for b, n in zip(starts, sizes, strict=True)]
    held_out = [shard(1000 * k, n) for k, n in enumerate(validation)]
    return ShardedData(training, held_out, IDENTITY, IDENTITY, points_per_group), read


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    extra=st.integers(1, 60),
    batch_size=st.integers(1, 40),
    seed=st.integers(0, 5),
    data=st.data(),
)
def test_an_epoch_holds_each_point_once_and_goes_on_from_any_batch(
    sizes, extra, batch_size, seed, data
):
    shards, _ = numbered(sizes, max(sizes) + extra)
    order = {"batch_size": batch_size, "seed": seed, "epoch": 3}
    batches = list(shards.training_batches(**order))
    assert len(batches) == shards.batch_count(**order)
    points = torch.cat([batch.inputs for batch in batches])
    assert torch.equal(points.sort(0).values[:, 0], torch.arange(float(sum(sizes))))
    assert all(torch.equal(batch.inputs, -batch.targets) for batch in batches)
    for group in shards._groups(seed, 3):
        assert sum(shard.points for shard in group) <= max(sizes) + extra
    start = data.draw(st.integers(0, len(batches)))
    rest = list(shards.training_batches(**order, start=start))
    assert [b.inputs.tolist() for b in rest] == [b.inputs.tolist() for b in batches[start:]]
    pieces = [list(shards.training_batches(**order, group=Group(rank, 3))) for rank in range(3)]
    for number, batch in enumerate(batches):
        together = torch.cat([piece[number].inputs for piece in pieces])
        assert torch.equal(together, batch.inputs)
        assert {piece[number].points for piece in pieces} == {len(together)}


def test_shards_meet_others_in_each_epoch():
    shards, _ = numbered([10] * 8, 30)

    def groups(seed, epoch):
        batches = shards.training_batches(1000, seed=seed, epoch=epoch)
        return [sorted(batch.inputs[:, 0].tolist()) for batch in batches]

    assert len(groups(0, 0)) == 4
    assert groups(0, 0) == groups(0, 0)
    assert groups(0, 0) != groups(0, 1)
    assert groups(0, 0) != groups(1, 0)


def test_what_is_done_is_not_read_again():
    shards, read = numbered([10] * 8, 30)
    list(shards.training_batches(10, seed=0, epoch=0, start=6))
    assert len(read) == 2


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_validation_is_shared_in_as_many_rounds_in_all_processes(size):
    shards, _ = numbered([5], 20, validation=(4, 7, 2, 9))
    found = [list(shards.validation_rounds(Group(rank, size))) for rank in range(size)]
    assert len({len(rounds) for rounds in found}) == 1
    rows = [x for rounds in found for chunks in rounds for x, _ in chunks]
    assert sorted(torch.cat(rows)[:, 0].tolist()) == sorted(
        float(1000 * k + i) for k, n in enumerate((4, 7, 2, 9)) for i in range(n)
    )


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory) -> dict[str, list[Path]]:
    return stores(write_snapshots(tmp_path_factory.mktemp("snapshots")))


def both(snapshots):
    return (
        (snapshots["descriptors"], snapshots["ldos"]),
        (snapshots["validation_descriptors"], snapshots["validation_ldos"]),
    )


def test_slabs_are_the_points_in_order(snapshots):
    training, _ = both(snapshots)
    stored, points = open_points(*training), read_points(*training)
    assert stored.points == len(points.ldos) == SPLITS["training"] * np.prod(GRID)
    assert stored.bytes_per_point == 4 * (COMPONENTS + ENERGIES)
    for most in (64, 200, 10**6):
        slabs = stored.slabs(most)
        assert max(slab.points for slab in slabs) <= most
        parts = [slab.read() for slab in slabs]
        assert np.array_equal(np.concatenate([d for d, _ in parts]), points.descriptors)
        assert np.array_equal(np.concatenate([s for _, s in parts]), points.ldos)
    with pytest.raises(ConfigError, match=r"(?s)one plane.*64 points.*data_memory_mebibytes"):
        stored.slabs(63)


def test_stores_that_do_not_fit_are_refused_before_they_are_read(snapshots):
    training, validation = both(snapshots)
    with pytest.raises(DataError, match="do not pair up"):
        open_points(training[0], validation[1])


@pytest.mark.parametrize("method", ["none", "standardised", "whitened"])
def test_scalings_of_parts_are_those_of_the_whole(method):
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(1000, 6, generator=generator) @ torch.randn(6, 6, generator=generator) + 5
    parts = list(values.split([1, 399, 250, 350]))
    whole, parted = (fit_input_scaler(v, method).state_dict() for v in (values, parts))
    for name, expected in whole.items():
        assert torch.allclose(parted[name], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["none", "maximum", "standardised", "feature_maximum"])
def test_output_scalings_of_parts_are_those_of_the_whole(method):
    values = torch.rand(1000, 6, generator=torch.Generator().manual_seed(1))
    parts = list(values.split([1, 399, 250, 350]))
    whole, parted = (fit_output_scaler(v, method).state_dict() for v in (values, parts))
    for name, expected in whole.items():
        assert torch.allclose(parted[name], expected, rtol=1e-12, atol=1e-14)


def test_a_value_that_is_not_finite_is_found_in_a_part():
    parts = [torch.zeros(3, 2), torch.zeros(4, 2)]
    parts[1][2, 1] = torch.nan
    with pytest.raises(DataError, match="first at point 5"):
        fit_input_scaler(parts, "standardised")


def test_a_memory_that_holds_all_gives_what_there_was(snapshots):
    training, validation = both(snapshots)
    expected = scale(read_points(*training), read_points(*validation), "whitened")
    for memory in (None, 1):
        scaled, stored = read_scaled(
            training, validation, "whitened", "maximum", memory_mebibytes=memory
        )
        assert isinstance(scaled.data, TrainingData)
        assert torch.equal(scaled.data.training_inputs, expected.data.training_inputs)
        assert stored.definition == DescriptorDefinition(4.0, 4)


@pytest.fixture
def streamed(snapshots, monkeypatch):
    """A memory of 0.06 MiB, which holds a quarter of the points."""
    monkeypatch.setattr("surrogate_hpo.training.streaming.SLABS_PER_GROUP", 4)
    training, validation = both(snapshots)
    return read_scaled(training, validation, "whitened", "standardised", memory_mebibytes=0.06)[0]


def test_streamed_data_are_scaled_like_those_in_memory(snapshots, streamed):
    training, validation = both(snapshots)
    expected = scale(read_points(*training), read_points(*validation), "whitened", "standardised")
    assert isinstance(streamed.data, ShardedData)
    assert torch.allclose(streamed.error_weights, expected.error_weights, rtol=1e-12)
    rounds = [rows for chunks in streamed.data.validation_rounds() for rows in chunks]
    inputs, targets = (torch.cat(column) for column in zip(*rounds, strict=True))
    assert torch.allclose(inputs, expected.data.validation_inputs, rtol=1e-5, atol=1e-5)
    assert torch.allclose(targets, expected.data.validation_targets, rtol=1e-5, atol=1e-6)
    whole = Trainer(network(), expected.data, Recipe(), seed=0)
    parts = Trainer(network(), streamed.data, Recipe(), seed=0)
    losses = [trainer._validation_loss(lambda: None) for trainer in (whole, parts)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


def network():
    return build_network(Architecture((16,), "tanh"), inputs=COMPONENTS, outputs=ENERGIES, seed=0)


def test_a_streamed_training_learns_and_resumes_to_the_last_bit(streamed):
    recipe = Recipe(batch_size=50, maximum_epochs=3)
    whole = Trainer(network(), streamed.data, recipe, seed=0)
    whole.run()
    assert whole.history[-1].validation_loss < 0.9 * whole.history[0].validation_loss
    for stop in (1, 17, 40):
        first = Trainer(network(), streamed.data, recipe, seed=0)
        state = io.BytesIO()
        with pytest.raises(StopIteration):
            first.run(on_batch=iter(range(stop)).__next__)
        torch.save(first.state_dict(), state)
        state.seek(0)
        second = Trainer(network(), streamed.data, recipe, seed=0)
        second.load_state_dict(torch.load(state, weights_only=True))
        second.run()
        assert second.history == whole.history
        for one, other in zip(second.network.parameters(), whole.network.parameters(), strict=True):
            assert torch.equal(one, other)


def test_a_job_trains_on_data_larger_than_its_memory(tmp_path):
    """390 MiB of points, of which all in memory would break the limit."""
    case, shape = TrainingCase(tmp_path), (96, 96, 96)
    generator = np.random.default_rng(0)
    values = generator.random((*shape, COMPONENTS), dtype=np.float32)
    descriptors = DescriptorData(values, CELL, DescriptorDefinition(4.0, 4))
    write_descriptors(tmp_path / "descriptors.zarr.zip", descriptors, {})
    ldos = np.ascontiguousarray(values[..., :ENERGIES])
    data = LdosData(ldos, LdosAxis(np.arange(float(ENERGIES)), "gaussian", 1.0), CELL, 3.0)
    write_ldos(tmp_path / "ldos.zarr.zip", data, {})
    # Written once: what counts is how much is read.
    for split, count in SPLITS.items():
        for name in (f"{split}-{number:04d}.zarr.zip" for number in range(count)):
            for kind in ("descriptors", "ldos"):
                (tmp_path / kind / name).unlink()
                (tmp_path / kind / name).hardlink_to(tmp_path / f"{kind}.zarr.zip")
    training, validation = both(stores(tmp_path))
    size = sum(open_points(*s).points for s in (training, validation)) * 4 * (COMPONENTS + ENERGIES)
    assert size > 380 * 2**20
    limited = f'ulimit -d {LIMIT_MEBIBYTES * 1024}; exec "$@"'
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    statuses = {}
    for memory in (64, None):
        hyperparameters = {"batch_size": 20000, "optimiser": "adamw"}
        case.prepare(
            hyperparameters=hyperparameters, maximum_epochs=1, data_memory_mebibytes=memory
        )
        command = ["sh", "-c", limited, "sh", *case.command(f"limited-{memory}")]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, text=True, stderr=subprocess.PIPE, check=False
        )
        statuses[memory] = done.returncode
        if memory:
            assert done.returncode == 0, done.stderr
            assert "MiB of training points, read in" in done.stderr
    assert statuses[None] != 0, "the limit must be one that all data in memory would break"
