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
RULES: tuple[RuleName, ...] = get_args(RuleName)
# The only one that asks a model.
WITH_MODEL: RuleName = "spread"
