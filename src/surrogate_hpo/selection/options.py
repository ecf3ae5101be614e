"""Names of the rules; loads nothing, so that a config can hold them."""

from typing import Literal, get_args

RuleName = Literal[
    "random",
    "farthest_point",
    "kmeans",
    "d_optimal",
    "nearest_neighbours",
    "wasserstein",
    "misprediction",
    "mean_difference",
    "spread",
]
# They ask the networks of a surrogate, which are trained once: rules of `select` alone.
NetworkRule = Literal["energy_spread", "dos_spread", "density_spread"]
AnyRule = RuleName | NetworkRule
RULES: tuple[RuleName, ...] = get_args(RuleName)
NETWORK_RULES: tuple[NetworkRule, ...] = get_args(NetworkRule)
# The only one that asks a potential.
WITH_MODEL: RuleName = "spread"
