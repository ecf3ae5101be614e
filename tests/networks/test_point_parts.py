"""Points in parts: the same rows as of one array, and no more in memory than is said."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.data.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.data.stored_points import stored_descriptors
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.point_parts import PointParts, in_memory
from surrogate_hpo.networks.scaling import fit_input_scaler
from surrogate_hpo.scores.architectures.naswot import draw_minibatch

COMPONENTS = 5


def numbers(points: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(points, COMPONENTS)).astype(np.float32)


def cut(values: np.ndarray, sizes: list[int]) -> PointParts:
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return PointParts(sizes, lambda part: parts[part])


@given(
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=6),
    picks=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20),
)
def test_rows_are_those_of_one_array_in_the_order_asked_for(sizes, picks):
    values = numbers(sum(sizes))
    parts = cut(values, sizes)
    chosen = torch.tensor([int(pick * len(values)) for pick in picks])
    assert len(parts) == len(values)
    assert torch.equal(parts.rows(chosen), torch.from_numpy(values)[chosen])
    assert torch.equal(torch.cat(list(parts)), torch.from_numpy(values))
    assert torch.equal(in_memory(values).rows(chosen), parts.rows(chosen))


def test_only_parts_with_chosen_points_are_read():
    values, read = numbers(30), []

    def note(part: int) -> np.ndarray:
        read.append(part)
        return values[10 * part : 10 * part + 10]

    PointParts([10, 10, 10], note).rows(torch.tensor([25, 3, 29]))
    assert read == [0, 2]


class Picked:
    """Rows that are not at hand, as those of stores."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = torch.from_numpy(values)
        self.shape = self.values.shape
        self.asked: list[int] = []

    def __getitem__(self, points: torch.Tensor) -> torch.Tensor:
        self.asked.append(len(points))
        return self.values[points]


@pytest.mark.parametrize("distinct", [4, 1000])
def test_a_minibatch_of_stored_points_is_that_of_points_in_memory(distinct):
    values = numbers(distinct)[np.random.default_rng(1).integers(distinct, size=3000)]
    stored = Picked(values)
    found = draw_minibatch(stored, batch_size=4, seed=3)
    assert torch.equal(found, draw_minibatch(torch.from_numpy(values), batch_size=4, seed=3))
    assert sum(stored.asked) < 1000, "a few are asked for, and more only if many are equal"


def test_too_few_distinct_points_are_not_looked_for_forever():
    stored = Picked(np.ones((100_000, COMPONENTS), np.float32))
    with pytest.raises(DataError, match="1 among 100000 points"):
        draw_minibatch(stored, batch_size=4, seed=0)
    assert sum(stored.asked) == 100_000
    assert len(stored.asked) < 10


@pytest.fixture
def stores(tmp_path):
    paths = []
    for number in range(3):
        values = numbers(4 * 3 * 2, seed=number).reshape(4, 3, 2, COMPONENTS)
        paths.append(tmp_path / f"{number}.zarr.zip")
        definition = DescriptorDefinition(4.0, 2, {"Al": 1.0}, {"Al": 0.5})
        write_descriptors(paths[-1], DescriptorData(values, 4 * np.eye(3), definition), {})
    return paths


def test_stores_that_are_kept_and_stores_that_are_read_again_are_the_same(stores):
    kept, again = stored_descriptors(stores), stored_descriptors(stores, kept_bytes=0)
    assert len(kept) == len(again) == 72
    assert kept.read(1) is kept.read(1)
    first = again.read(0)
    again.read(1)
    assert again.read(0) is not first, "one of them is in memory at a time"
    scalers = [fit_input_scaler(points, "whitened") for points in (kept, again)]
    assert torch.equal(scalers[0].forward, scalers[1].forward)


def test_a_store_with_other_descriptors_is_named(stores):
    values = numbers(24).reshape(4, 3, 2, COMPONENTS)
    other = DescriptorDefinition(5.0, 2, {"Al": 1.0}, {"Al": 0.5})
    write_descriptors(stores[1], DescriptorData(values, 4 * np.eye(3), other), {})
    with pytest.raises(DataError, match=rf"different settings\n  where: {stores[1]}"):
        list(stored_descriptors(stores))
