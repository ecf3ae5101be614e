"""What to warn of in a prediction: structures and conditions that the training has not seen."""

import math

from ase import Atoms

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.networks.training_range import Extrapolation
from surrogate_hpo.physics.prediction_grid import Grid, grid_spacing
from surrogate_hpo.predict.contents import Conditions


def warnings_of(
    surrogate: Surrogate,
    atoms: Atoms,
    grid: Grid,
    conditions: Conditions,
    extrapolation: Extrapolation,
) -> list[str]:
    """Say in which respects a prediction leaves what the networks were trained on.

    Parameters
    ----------
    surrogate
        Networks and what they were trained on.
    atoms
        The structure.
    grid
        Its grid.
    conditions
        How it is predicted.
    extrapolation
        What was seen of the descriptors.

    Returns
    -------
    list of str
        A sentence each; empty if there is nothing to say.
    """
    origin, found = surrogate.origin, []
    if extrapolation.component is not None:
        found.append(
            f"{100 * extrapolation.fraction_of_points:.3g} % of the grid points have descriptors "
            f"outside of the training range, by up to {extrapolation.largest_excess:.2g} standard "
            f"deviations (component {extrapolation.component}): {_meaning(extrapolation)}"
        )
    temperature = conditions.electronic_temperature or origin.electronic_temperature
    if not math.isclose(temperature, origin.electronic_temperature, rel_tol=1e-6):
        found.append(
            f"electronic temperature {temperature:g} K, but the LDOS of the training are those of "
            f"{origin.electronic_temperature:g} K: only the occupations change"
        )
    spacing = grid_spacing(atoms.cell[:], grid)
    coarsest = max(grid_spacing(known.cell, known.grid) for known in origin.grids)
    if spacing > coarsest * (1 + 1e-6):
        found.append(
            f"grid spacing {spacing:.4f} Å, but the training's is {coarsest:.4f} Å or less: "
            "integrals over the grid are less exact"
        )
    return found


def _meaning(extrapolation: Extrapolation) -> str:
    if extrapolation.largest_excess < FAR:
        return "the networks extrapolate there"
    return "the networks know nothing of such neighbourhoods, and the numbers mean little"


# Standard deviations outside of the training range: eight atoms of aluminium at 298 K, for networks
# that know cells of four, are 10 to 60 outside, and their energies wrong by electronvolts per atom.
FAR = 1.0
