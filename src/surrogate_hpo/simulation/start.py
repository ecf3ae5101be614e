"""What a structure needs before it can move: a checked start, a calculator, a grid that stays."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from numpy.typing import NDArray

from surrogate_hpo.calculator import SurrogateCalculator
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.contents import CONSTRAINTS, UNUSED
from surrogate_hpo.formats.structures.predicted import PredictedStructure
from surrogate_hpo.formats.structures.structures import read_structures_and_frames
from surrogate_hpo.physics.prediction_grid import Grid, prediction_grid
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import check_elements
from surrogate_hpo.run.interface import require_option
from surrogate_hpo.run.provenance import checksum, checksums, versions
from surrogate_hpo.simulation.recording import FILES, make_folder

logger = logging.getLogger(__name__)
# Of velocities; hotter than any temperature that may be asked for.
_HOTTEST_KELVIN = 1e5


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
        The structure, Å; with the masses and fixed atoms of the file, and with its momenta if they
        were asked for.
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
        for name in ("momenta", "masses"):
            if atoms.has(name):
                digest.update(np.ascontiguousarray(atoms.arrays[name]).tobytes())
        for fixed in atoms.constraints:
            digest.update(np.sort(fixed.get_indices()).astype(np.int64).tobytes())
        return {
            "surrogate": checksum(self.file),
            "structure": digest.hexdigest(),
            "grid": list(self.conditions.grid or ()),
            "engine": self.conditions.engine,
            "precision": self.conditions.precision,
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
            precision=how.precision,
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
        that the surrogate does not know, there are several, or velocities, masses or constraints
        cannot be kept.
    """
    surrogate = read_surrogate(file)
    frames = read_structures_and_frames(structure)
    if len(frames) != 1:
        raise DataError(
            "there are several structures, and only one can move",
            where=structure,
            expected="one structure",
            got=str(len(frames)),
            remedy="name one of them: file@0 is the first, file@-1 the last",
        )
    ((atoms, frame),) = frames
    check_elements(surrogate, atoms)
    own = {(folder / name).resolve() for name in FILES}
    places = {Path(structure).resolve(), Path(structure.rpartition("@")[0]).resolve()}
    require_option(not own & places, "output", "a folder whose files are not the input", folder)
    _take_over(atoms, frame, structure)
    if keep_velocities:
        _keep_velocities(atoms, frame, structure)
    grid = conditions.grid or prediction_grid(atoms.cell[:], surrogate.origin.grids)
    make_folder(folder)
    return Start(file, surrogate, atoms, _with_grid(conditions, grid))


def _take_over(atoms: Atoms, frame: Atoms, where: str) -> None:
    """Masses and fixed atoms of the file; say what else of it moves nothing."""
    unused = set(atoms.info.pop(UNUSED, ()))
    if frame.has("masses"):
        masses = np.asarray(frame.arrays["masses"], np.float64)
        if not (np.isfinite(masses) & (masses > 0)).all():
            raise DataError(
                "masses of the structure make no sense",
                where=where,
                expected="numbers above 0, atomic mass units",
                got=str(masses.min()),
                remedy="mend the column, or leave it out: those of the elements are taken then",
            )
        atoms.set_masses(masses)
    if frame.constraints:
        atoms.set_constraint(FixAtoms(_fixed(frame, where)))
        unused.discard(CONSTRAINTS)
    for kind in sorted(unused):
        logger.warning("%s of %s are not used", kind, where)


def _fixed(frame: Atoms, where: str) -> NDArray[np.int64]:
    """Atoms that a file holds where they are; DataError if it holds them in another way, or all."""
    other = [one for one in frame.constraints if not isinstance(one, FixAtoms)]
    fixed = np.unique([atom for one in frame.constraints for atom in one.get_indices()])
    if other or len(fixed) == len(frame):
        raise DataError(
            "the structure has constraints that cannot be kept"
            if other
            else "the structure holds all of its atoms: none can move",
            where=where,
            expected="atoms that are fixed as a whole, and others that are not",
            got=", ".join(sorted({type(one).__name__ for one in other})) or f"{len(fixed)} fixed",
            remedy="remove them from the file, or use ASE's optimisers and integrators with "
            "surrogate_hpo.SurrogateCalculator, which keep them",
        )
    return fixed.astype(np.int64)


def _keep_velocities(atoms: Atoms, frame: Atoms, where: str) -> None:
    has = "momenta" in frame.arrays
    require_option(has, "keep-velocities", "a structure file with momenta", where)
    momenta = np.asarray(frame.arrays["momenta"])
    if momenta.shape != (len(atoms), 3) or not np.isfinite(momenta).all():
        raise DataError(
            "the velocities of the structure make no sense",
            where=where,
            expected=f"three finite momenta for each of the {len(atoms)} atoms",
            got=f"an array of shape {momenta.shape}, "
            f"{np.count_nonzero(~np.isfinite(momenta))} of them undefined",
            remedy="leave out --keep-velocities, or mend the column",
        )
    atoms.set_momenta(momenta)
    if not atoms.get_temperature() < _HOTTEST_KELVIN:
        raise DataError(
            "the velocities of the structure make no sense",
            where=where,
            expected=f"a temperature below {_HOTTEST_KELVIN:g} K",
            got=f"{atoms.get_temperature():.3g} K",
            remedy="momenta of extended xyz are in ASE's units, (eV u)^(1/2); convert them",
        )


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
