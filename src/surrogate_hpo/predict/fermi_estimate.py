"""Where the Fermi energies of the networks will be, from a few of the points."""

import math
from collections.abc import Sequence

import torch
from ase import Atoms

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.networks.training_range import RangeMonitor
from surrogate_hpo.physics.fermi import fermi_energy
from surrogate_hpo.physics.fermi_bracket import FermiBracket
from surrogate_hpo.physics.prediction_grid import Grid
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.point_pass import Passing, PointPass
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

KNOWN = 1e-3
"""eV; half width of a bracket around a Fermi energy that is known."""
_LEAST, _MARGIN = 3e-3, 3.0
"""Half width of one that is sought: eV at least, and in differences of the two coarse grids. In
disordered cells of 4 to 108 atoms the whole grid was off by up to 1.4 of them, and by 2.6 meV."""
WIDEST = 0.3
"""kT; half width at most, so that ten numbers per point are enough."""
# The coarse grids have a point for so many of the grid along each axis, and at least so many: a
# prime number.
_COARSE = ((6.0, 3), (4.5, 5))


def fermi_brackets(
    surrogate: Surrogate, atoms: Atoms, grid: Grid, conditions: Conditions
) -> list[FermiBracket | None]:
    """Find a bracket of each network's Fermi energy with less than two per cent of the points.

    The DOS of two coarse grids of the whole cell gives two Fermi energies. The bracket lies around
    that of the finer one; its half width is three times the largest difference of the two over
    the networks. Numbers of points along each axis are primes, so that the points of a supercell
    lie at other places in each of its cells: for equal cells that do not number a multiple of the
    prime, a grid with so many points in each. Nothing depends on the bracket but the time: a
    Fermi energy that turns out to be outside of it is treated by one more pass over the points.

    Parameters
    ----------
    surrogate
        Networks and what they need.
    atoms
        Periodic structure, Å.
    grid
        Number of grid points along each lattice vector.
    conditions
        How it is predicted.

    Returns
    -------
    list
        For each network; none where the coarse grids hold no Fermi energy.
    """
    rough, fine = (
        _estimates(surrogate, atoms, coarse_grid(grid, step, least), conditions)
        for step, least in _COARSE
    )
    temperature = conditions.electronic_temperature or surrogate.origin.electronic_temperature
    differences = [abs(a - b) for a, b in zip(rough, fine, strict=True)]
    known = [difference for difference in differences if math.isfinite(difference)]
    half_width = max(_LEAST, _MARGIN * max(known, default=0.0))
    return [
        bracket_around(mu, temperature, half_width) if math.isfinite(mu) else None for mu in fine
    ]


def bracket_around(
    fermi_energy: float, temperature: float, half_width: float = KNOWN
) -> FermiBracket:
    """A bracket that is not too wide for the temperature.

    Parameters
    ----------
    fermi_energy
        Its centre, eV.
    temperature
        Electronic temperature in K.
    half_width
        Wished for, eV.

    Returns
    -------
    FermiBracket
        Of `WIDEST` at most.
    """
    widest = WIDEST * BOLTZMANN_EV_PER_KELVIN * temperature
    return FermiBracket.around(fermi_energy, min(half_width, widest), temperature)


def coarse_grid(grid: Grid, step: float, least: int) -> Grid:
    """A grid with one point for some of another along each axis: the nearest prime number.

    Parameters
    ----------
    grid
        Number of grid points along each lattice vector.
    step
        Points of the grid for each of the coarse one, about.
    least
        Fewest points along an axis.

    Returns
    -------
    tuple of int
        Number of points along each lattice vector, primes.
    """
    x, y, z = (_nearest_prime(points / step, least) for points in grid)
    return x, y, z


def _nearest_prime(wanted: float, least: int) -> int:
    # There is always one between a number and its double.
    candidates = range(least, 2 * max(least, math.ceil(wanted)))
    primes = (n for n in candidates if all(n % m for m in range(2, math.isqrt(n) + 1)))
    return min(primes, key=lambda prime: abs(prime - wanted))


def _estimates(
    surrogate: Surrogate, atoms: Atoms, grid: Grid, conditions: Conditions
) -> Sequence[float]:
    """Fermi energy of each network, eV; NaN if there is none."""
    points = PointPass(surrogate, atoms, grid, conditions)
    # A descriptor that is not finite is told here, before the large grid.
    dos = points([None] * len(surrogate.models), Passing(RangeMonitor(surrogate.known)))
    electrons = sum(surrogate.ions[symbol].charge for symbol in atoms.get_chemical_symbols())
    temperature = conditions.electronic_temperature or surrogate.origin.electronic_temperature
    found = []
    for states in dos:
        try:
            mu = fermi_energy(
                states,
                torch.from_numpy(surrogate.energy),
                electrons,
                temperature,
                broadening_variance=surrogate.axis.broadening_variance,
                bottom_tolerance=math.inf,
            )
        except PhysicsError:  # will be told of all points, if it is so there
            found.append(math.nan)
        else:
            found.append(float(mu))
    return found
