"""Names that a config offers for the scores of architectures; importing them imports no torch."""

from typing import Literal

ProxyName = Literal[
    "naswot",
    "naswot_original",
    "activation_patterns",
    "zico",
    "parameters",
    "readout",
    "short_training",
]
Direction = Literal["maximise", "minimise"]

LEARNING_SCORES: frozenset[ProxyName] = frozenset({"readout", "short_training", "zico"})
"""Scores that look at the LDOS of training points; all others only at descriptors."""
