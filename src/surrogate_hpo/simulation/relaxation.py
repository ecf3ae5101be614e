"""Relaxation whose state can be kept."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixCom
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS

from surrogate_hpo.simulation.dynamics import largest
from surrogate_hpo.simulation.motion import FAR_AWAY, Row, kept_count, kept_numbers

# Steps that the curvature is known from; each is kept with two numbers per coordinate.
_MEMORY = 30


class RelaxationMotion:
    """Atoms, and if wanted the cell, on their way to the nearest minimum of the free energy.

    LBFGS as in ASE, without line search. Without the cell and without fixed atoms the centre of
    mass stays: forces do not quite sum up to zero on a fixed grid. With the cell the coordinates
    are those of ASE's `FrechetCellFilter`.

    Parameters
    ----------
    atoms
        Atoms with their calculator.
    force_threshold
        Largest force at the end, eV/Å; with the cell also the largest derivative by its
        logarithm, V σ / N in eV, as ASE counts it.
    cell
        Whether the cell relaxes, too.
    """

    def __init__(self, atoms: Atoms, force_threshold: float, *, cell: bool) -> None:
        self.atoms = atoms
        if not (cell or atoms.constraints):
            atoms.set_constraint(FixCom())
        # ASE's types say less than it takes.
        moving: Any = FrechetCellFilter(atoms) if cell else atoms
        quiet: Any = None
        optimizer: Any = LBFGS(moving, logfile=quiet, memory=_MEMORY)
        optimizer.fmax = force_threshold
        self._optimizer = optimizer

    def state(self) -> dict[str, Any]:
        """Give positions, cell, and what the optimiser remembers."""
        optimizer, memory = self._optimizer, self._optimizer.state
        return {
            "positions": self.atoms.get_positions().tolist(),
            "cell": self.atoms.cell.array.tolist(),
            "iteration": memory.iteration,
            "s": [np.asarray(step).tolist() for step in memory.s],
            "y": [np.asarray(change).tolist() for change in memory.y],
            "rho": [float(value) for value in memory.rho],
            "r0": None if optimizer.r0 is None else optimizer.r0.tolist(),
            "f0": None if optimizer.f0 is None else optimizer.f0.tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` has given."""
        optimizer, memory = self._optimizer, self._optimizer.state
        coordinates = (optimizer.optimizable.ndofs(),)
        cell = kept_numbers(state["cell"], (3, 3), largest=FAR_AWAY)
        if not abs(np.linalg.det(cell)) > 0:
            msg = f"a cell without volume: {cell.tolist()}"
            raise ValueError(msg)
        self.atoms.set_cell(cell)
        positions = kept_numbers(state["positions"], (len(self.atoms), 3), largest=FAR_AWAY)
        self.atoms.set_positions(positions, apply_constraint=False)
        memory.iteration = kept_count(state["iteration"])
        memory.s = [kept_numbers(step, coordinates) for step in state["s"]]
        memory.y = [kept_numbers(change, coordinates) for change in state["y"]]
        for known in (memory.s, memory.y):
            memory.rho = kept_numbers(state["rho"], (len(known),)).tolist()
        optimizer.r0, optimizer.f0 = (
            None if state[name] is None else kept_numbers(state[name], coordinates)
            for name in ("r0", "f0")
        )
        if (memory.iteration > 0) != (optimizer.r0 is not None and optimizer.f0 is not None):
            msg = f"{memory.iteration} steps do not fit what is remembered of the last one"
            raise ValueError(msg)

    def step(self) -> None:
        """Move once."""
        self._optimizer.step()

    def row(self) -> Row:
        """Energy in eV per cell, largest force on what can move, volume."""
        results = self.atoms.calc.results
        return {
            "free_energy_ev": float(results["energy"]),
            "largest_force_ev_per_angstrom": largest(self.atoms.get_forces()),
            "volume_cubic_angstrom": float(self.atoms.get_volume()),
            "free_energy_error_bar_ev": results["free_energy_error_bar"],
        }

    def is_done(self) -> bool:
        """Whether all forces, and derivatives by the cell, are below the threshold."""
        return bool(self._optimizer.converged())
