"""Names that a config offers for networks and their training.

Apart from the code that uses them, so that reading a config does not import torch.
"""

from typing import Literal

Activation = Literal["relu", "leaky_relu", "sigmoid", "tanh"]
InputScaling = Literal["none", "standardised", "whitened"]
OutputScaling = Literal["none", "maximum", "standardised", "feature_maximum"]
OptimiserName = Literal["soap", "adamw", "adam"]
Schedule = Literal["cosine", "constant", "plateau"]

# Plain Adam adds the decay to the gradient, where the other optimisers multiply the weights by
# 1 - learning rate × decay: their usual 0.3 would drown the gradient of any loss near its end.
LARGEST_COUPLED_DECAY = 0.01
# Of all 3N displacements of a snapshot as many combinations are kept, where forces are learnt:
# time and, in the loss of each step, memory grow with their number times the points of the grid.
_MOST_DIRECTIONS, _FEWEST_DIRECTIONS, _DIRECTIONS_TIMES_POINTS = 48, 4, 480_000
# Energies and displacements of all snapshots that the last layer is fitted to: a matrix of that
# many rows and columns takes 288 MB. With more snapshots, fewer displacements of each are taken.
LARGEST_NUMBER_OF_ROWS = 6000

# Strains of a snapshot along which its stress may be learnt: those that keep the volume, and all.
SHEARS, STRAINS = 5, 6


def number_of_directions(atoms: int, points: int) -> int:
    """How many displacements of a snapshot are looked at, where forces are learnt.

    Parameters
    ----------
    atoms
        Number of atoms.
    points
        Points of the coarse grid.

    Returns
    -------
    int
        All of them for small cells; fewer random combinations for large ones.
    """
    affordable = max(_FEWEST_DIRECTIONS, _DIRECTIONS_TIMES_POINTS // max(points, 1))
    return min(3 * atoms, _MOST_DIRECTIONS, affordable)
