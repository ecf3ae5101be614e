"""Architectures, their search space, and seeded networks."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.networks.architecture import (
    ACTIVATIONS,
    Architecture,
    build_network,
    search_space,
)

architectures = st.builds(
    Architecture,
    hidden_widths=st.lists(st.integers(1, 20), min_size=1, max_size=4).map(tuple),
    activation=st.sampled_from(ACTIVATIONS),
)


@given(architectures)
def test_dictionary_round_trip_through_json(architecture):
    assert Architecture.from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture


@given(architectures, st.integers(1, 9), st.integers(1, 9))
@settings(deadline=None)
def test_parameter_count_is_that_of_the_network(architecture, inputs, outputs):
    network = build_network(architecture, inputs=inputs, outputs=outputs, seed=0)
    counted = sum(parameter.numel() for parameter in network.parameters())
    assert architecture.parameter_count(inputs, outputs) == counted
    assert network(torch.zeros(3, inputs)).shape == (3, outputs)


def test_label():
    assert Architecture((256, 128), "leaky_relu").label == "256x128 leaky_relu"


def test_seed_decides_the_weights_and_the_global_state_is_untouched():
    architecture = Architecture((32, 16), "relu")
    before = torch.random.get_rng_state()
    first = build_network(architecture, inputs=5, outputs=7, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    again = build_network(architecture, inputs=5, outputs=7, seed=1)
    other = build_network(architecture, inputs=5, outputs=7, seed=2)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
        assert not torch.equal(tensor, other.state_dict()[name])


def test_weights_fill_the_interval_of_their_fan_in():
    network = build_network(Architecture((400,), "tanh"), inputs=100, outputs=50, seed=0)
    for layer, fan_in in ((network[0], 100), (network[2], 400)):
        bound = 1 / math.sqrt(fan_in)
        assert layer.weight.detach().abs().max() <= bound
        # The standard deviation of a uniform distribution; 20 000 numbers or more.
        assert float(layer.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_search_space_counts():
    assert len(search_space([1, 2, 3], [32, 64], ["relu", "tanh"])) == 3 * 2 * 2
    mixed = search_space([1, 2, 3], [32, 64], ["relu", "tanh"], equal_widths=False)
    assert len(mixed) == (2 + 4 + 8) * 2
    assert len(set(mixed)) == len(mixed)
    assert Architecture((32, 64, 32), "tanh") in mixed


def test_search_space_ignores_repeated_choices():
    assert len(search_space([2, 2], [64, 64], ["relu", "relu"])) == 1


def test_sample_is_seeded_distinct_and_part_of_the_whole():
    choices = {"layers": [1, 2, 3, 4], "widths": [8, 16, 32, 64], "activations": ["relu", "tanh"]}
    whole = search_space(**choices, equal_widths=False)
    sample = search_space(**choices, equal_widths=False, sample=50, seed=3)
    assert sample == search_space(**choices, equal_widths=False, sample=50, seed=3)
    assert sample != search_space(**choices, equal_widths=False, sample=50, seed=4)
    assert len(set(sample)) == 50
    assert sample == [architecture for architecture in whole if architecture in set(sample)]
    assert search_space(**choices, equal_widths=False, sample=10**6) == whole


def test_a_space_too_large_to_list_can_be_sampled():
    sample = search_space([10], list(range(10, 50)), ["relu"], equal_widths=False, sample=5)
    assert len(set(sample)) == 5


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Architecture((), "relu"), "hidden layers"),
        (lambda: Architecture((64, 0), "relu"), r"\(64, 0\)"),
        (lambda: Architecture((64,), "gelu"), "relu, leaky_relu, sigmoid, tanh"),
        (lambda: Architecture.from_dict({"hidden_widths": [4]}), "activation, hidden_widths"),
        (lambda: search_space([], [64], ["relu"]), "search space is empty"),
        (lambda: search_space([0], [64], ["relu"]), "search space is empty"),
        (lambda: search_space([1], [64], ["relu", "tanh"], sample=0), "at least one candidate"),
    ],
)
def test_bad_input(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
