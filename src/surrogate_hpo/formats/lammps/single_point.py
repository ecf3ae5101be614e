"""One structure in LAMMPS: what it computes with a potential, or with any other commands."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.errors import EngineError
from surrogate_hpo.formats.lammps.engine import LammpsEngine, run_lammps
from surrogate_hpo.formats.lammps.input_file import ATOMS, data_file
from surrogate_hpo.formats.lammps.reference import restricted_frame

FloatArray = NDArray[np.float64]
_ROWS = "rows.txt"
_HEADER_LINES = 9


@dataclass(frozen=True)
class SinglePoint:
    """What LAMMPS has computed.

    Attributes
    ----------
    columns
        Numbers of each atom, in the order of the structure, in LAMMPS' frame, [N, columns].
    thermo
        The numbers of the last line of the thermodynamic output.
    rotation
        A vector times this is the same vector in LAMMPS' frame, [3, 3].
    """

    columns: FloatArray
    thermo: tuple[float, ...]
    rotation: FloatArray


def lammps_single_point(
    engine: LammpsEngine,
    atoms: Atoms,
    elements: Sequence[str],
    commands: Sequence[str],
    *,
    columns: str,
    thermo: str = "step",
    files: Mapping[str, str] | None = None,
    steps: int = 0,
) -> SinglePoint:
    """Let LAMMPS compute a structure with some commands (units metal).

    Parameters
    ----------
    engine
        LAMMPS, from :func:`.engine.find_lammps`.
    atoms
        Periodic structure with a right-handed cell, Å.
    elements
        Chemical symbols in the order of the atom types.
    commands
        What stands between the atoms and the run: pair style, computes.
    columns
        Of each atom, as `dump custom` names them.
    thermo
        As `thermo_style custom` names it.
    files
        Content of files that the commands read, by name.
    steps
        Steps; nothing moves.

    Returns
    -------
    SinglePoint
        All digits of LAMMPS.

    Raises
    ------
    EngineError
        If LAMMPS fails or its output is not complete.
    """
    frame = restricted_frame(atoms.cell.array)
    types = np.array([list(elements).index(symbol) + 1 for symbol in atoms.symbols])
    script = [
        "units metal",
        "box tilt large",
        f"read_data {ATOMS}",
        "mass * 1.0",
        *commands,
        f"thermo_style custom {thermo}",
        "thermo_modify format float %.17g",
        f"dump rows all custom {max(steps, 1)} {_ROWS} id {columns}",
        "dump_modify rows format float %.17g sort id",
        f"run {steps}",
    ]
    with tempfile.TemporaryDirectory(prefix="surrogate-hpo-lammps-") as folder:
        directory = Path(folder)
        text = data_file(atoms.get_scaled_positions(wrap=True) @ frame, types, len(elements), frame)
        for name, content in {ATOMS: text, **(files or {})}.items():
            (directory / name).write_text(content, encoding="ascii")
        run_lammps(engine, "\n".join([*script, ""]), directory=directory)
        rotation = np.linalg.inv(atoms.cell.array) @ frame
        return _read(directory, np.asarray(rotation), len(atoms))


def _read(directory: Path, rotation: FloatArray, number: int) -> SinglePoint:
    log = (directory / "log.lammps").read_text(errors="replace")
    lines = log.splitlines()
    heads = [row for row, line in enumerate(lines) if line.split()[:1] == ["Step"]]
    try:
        table = np.loadtxt(directory / _ROWS, skiprows=_HEADER_LINES, max_rows=number, ndmin=2)
        thermo = tuple(float(word) for word in lines[heads[-1] + 1].split())
    except (OSError, ValueError, IndexError) as error:
        raise EngineError(
            "LAMMPS ended well, but its output is not complete", got=str(error)
        ) from (error)
    return SinglePoint(table[:, 1:], thermo, rotation)
