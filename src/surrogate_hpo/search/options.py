"""Names that a config offers for search methods and objectives; importing them imports no torch."""

from dataclasses import dataclass
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
    "filtered_halving",
    "tpe_default",
    "tpe_parallel",
]
# In a comparison only if they are named: they differ from `tpe` in little but their cost.
VARIANTS: tuple[MethodName, ...] = ("tpe_default", "tpe_parallel")
ObjectiveName = Literal["ldos_loss", "band_energy", "total_free_energy"]
# Hyperparameters of the network; all others belong to its training. Not every space has a taper,
# the width of the last hidden layer over that of the first.
ARCHITECTURE_KEYS = ("layers", "width", "activation", "taper")


@dataclass(frozen=True)
class Objective:
    """What the trials of the search stage are judged by, in words and in tables.

    Attributes
    ----------
    label
        What it is, without its unit.
    unit
        Its unit; empty for a loss.
    column
        Its name in the table of trials.
    """

    label: str
    unit: str
    column: str


def _energy(name: str) -> Objective:
    return Objective(f"error of the {name} on held-out snapshots", "meV/atom", "value_mev_per_atom")


OBJECTIVES: dict[ObjectiveName, Objective] = {
    "ldos_loss": Objective("validation loss of the scaled LDOS", "", "value"),
    "band_energy": _energy("band energy"),
    "total_free_energy": _energy("total free energy"),
}
