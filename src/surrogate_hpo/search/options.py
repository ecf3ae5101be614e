"""Names that a config offers for search methods; importing them imports no torch."""

from typing import Literal

MethodName = Literal[
    "direct",
    "random",
    "tpe",
    "naswot_pruner",
    "orthogonal_array",
    "naswot_fixed",
    "naswot_optimised",
    "swarm",
    "swarm_two_stage",
    "hyperband",
]
# Hyperparameters of the network; all others belong to its training.
ARCHITECTURE_KEYS = ("layers", "width", "activation")
