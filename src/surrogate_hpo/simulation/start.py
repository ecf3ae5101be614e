"""What a structure needs before it can move: a checked start, a calculator, a grid that stays."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from surrogate_hpo.calculator import SurrogateCalculator
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.predicted import PredictedStructure
from surrogate_hpo.formats.structures.structures import checked_structure, select_frames
from surrogate_hpo.physics.prediction_grid import Grid, prediction_grid
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import check_elements
from surrogate_hpo.run.interface import require_option
from surrogate_hpo.run.provenance import checksum, checksums, versions
from surrogate_hpo.simulation.recording import FILES, make_folder


@dataclass(frozen=True)
class Start:
    """A surrogate, the structure that moves by it, and how it is predicted.

    Attributes
    ----------
    file
        The surrogate file.
    surrogate
        Its content.
    atoms
        The structure, Å; with momenta if the file has them and they were asked for.
    conditions
        How it is predicted; the grid is given.
    """

    file: Path
    surrogate: Surrogate
    atoms: Atoms
    conditions: Conditions

    def origin(self) -> dict[str, Any]:
        """What decides the numbers, as plain JSON values: a run of another origin is another."""
        atoms = self.atoms
        digest = hashlib.sha256()
        for values in (atoms.numbers, atoms.positions, atoms.cell.array):
            digest.update(np.ascontiguousarray(values).tobytes())
        if atoms.has("momenta"):
            digest.update(np.ascontiguousarray(atoms.get_momenta()).tobytes())
        return {
            "surrogate": checksum(self.file),
            "structure": digest.hexdigest(),
            "grid": list(self.conditions.grid or ()),
            "engine": self.conditions.engine,
            "use_gpu": self.conditions.use_gpu,
            "electronic_temperature": self.conditions.electronic_temperature,
        }

    def calculator(self, folder: Path) -> SurrogateCalculator:
        """Forces of the mean over the networks, on the grid of the start; scratch in the folder."""
        how = self.conditions
        return SurrogateCalculator(
            self.file,
            electronic_temperature=how.electronic_temperature,
            engine=how.engine,
            threads=how.threads,
            use_gpu=how.use_gpu,
            block_points=how.block_points,
            scratch=folder,
            grid=how.grid,
        )


def read_start(
    file: Path,
    structure: str,
    conditions: Conditions,
    folder: Path,
    *,
    keep_velocities: bool = False,
) -> Start:
    """Read a surrogate and one structure, and look at them before anything is computed.

    Parameters
    ----------
    file
        The surrogate file.
    structure
        File that ASE reads, or `file@index`.
    conditions
        How it is predicted; the grid, if not given, is that of this cell, and stays.
    folder
        Where the run is going to be kept; made here.
    keep_velocities
        Take the momenta of the structure's file.

    Returns
    -------
    Start
        All of it.

    Raises
    ------
    ConfigError
        The structure's file is one that the run writes, or holds no velocities to keep.
    DataError
        A file cannot be read, the structure is not periodic, has overlapping atoms or elements
        that the surrogate does not know, or there are several.
    """
    surrogate = read_surrogate(file)
    frames = select_frames(structure)
    if len(frames) != 1:
        raise DataError(
            "there are several structures, and only one can move",
            where=structure,
            expected="one structure",
            got=str(len(frames)),
            remedy="name one of them: file@0 is the first, file@-1 the last",
        )
    ((frame, where),) = frames
    atoms = checked_structure(frame, where)
    check_elements(surrogate, atoms)
    own = {(folder / name).resolve() for name in FILES}
    places = {Path(structure).resolve(), Path(structure.rpartition("@")[0]).resolve()}
    require_option(not own & places, "output", "a folder whose files are not the input", folder)
    if keep_velocities:
        has = "momenta" in frame.arrays
        require_option(has, "keep-velocities", "a structure file with momenta", where)
        atoms.set_momenta(frame.arrays["momenta"])
    grid = conditions.grid or prediction_grid(atoms.cell[:], surrogate.origin.grids)
    make_folder(folder)
    return Start(file, surrogate, atoms, _with_grid(conditions, grid))


def _with_grid(conditions: Conditions, grid: Grid) -> Conditions:
    return Conditions(**{**vars(conditions), "grid": grid})


def outcome(atoms: Atoms, step: int) -> PredictedStructure:
    """Structure with the energy and forces that its calculator has found for it."""
    results = atoms.calc.results
    forces = results["forces"]
    return PredictedStructure(atoms, results["energy"], forces=forces, info={"step": step})


def recorded(verb: str, start: Start, source: str) -> dict[str, Any]:
    """What made the results of a command: versions, inputs, the surrogate's own record."""
    places = (Path(source), Path(source.rpartition("@")[0]))
    files = [start.file, *(place for place in places if place.is_file())]
    return {
        **versions(verb),
        "inputs": checksums(files),
        "structure": source,
        "surrogate": dict(start.surrogate.provenance),
    }
