"""LDOS from the cube files of Quantum ESPRESSO's pp.x, which works for every pseudopotential."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.dft.ldos_axis import HasLdosAxis, LdosAxis
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError, DataError, EngineError
from surrogate_hpo.files.full_disk import looking_for_space
from surrogate_hpo.formats.cubes.files import Cube, read_cube
from surrogate_hpo.formats.espresso.engine import find_engine, run_engine
from surrogate_hpo.units import BOHR_ANGSTROM, RYDBERG_EV

FloatArray = NDArray[np.float64]

# pp.x broadens the LDOS with the smearing of the calculation itself, or from version 7.2 on with
# a Gaussian if its input says use_gauss_ldos; the files do not tell which. With the kernels that
# have negative lobes (mp, mv) it drops every band of negative weight, so the LDOS does not
# integrate to the number of states: compared with wavefunctions, it is wrong by 4 and 9 % of its
# maximum.
_KERNELS = {"fd": "fermi_dirac", "gaussian": "gaussian"}
GAUSSIAN = "gaussian"
_LINE = 1024
_COMMENT = re.compile(r"Energy\s*=\s*(\S+)\s*eV.*broadening\s*=\s*(\S+)\s*eV")
# Cube files print bohr with six decimals, energies in eV with four.
_CELL_TOLERANCE = 1e-3
_ENERGY_TOLERANCE = 1.1e-4


@dataclass(frozen=True)
class CubeLdos(HasLdosAxis):
    """An LDOS with what its energies need.

    Attributes
    ----------
    axis
        Energies, ascending and equidistant, and broadening.
    ldos
        LDOS in 1/(eV Å³), float32, shape (x, y, z, e).
    """

    axis: LdosAxis
    ldos: NDArray[np.float32]


def run_pp_ldos(
    directory: Path,
    *,
    prefix: str,
    energy: FloatArray,
    width: float,
    kernel: str = "fermi_dirac",
    command: str | None = None,
) -> list[Path]:
    """Let pp.x write the LDOS of a finished calculation as one cube file for each energy.

    Parameters
    ----------
    directory
        Folder that holds `<prefix>.save`; the files are written there.
    prefix
        Prefix of the calculation.
    energy
        Equidistant energies in eV, at least two.
    width
        Broadening degauss_ldos in eV.
    kernel
        `gaussian` asks for use_gauss_ldos; else it is the smearing of the calculation.
    command
        Command that ends in pw.x, see `surrogate_hpo.formats.espresso.engine.find_engine`.

    Returns
    -------
    list of pathlib.Path
        The cube files by ascending energy.

    Raises
    ------
    ConfigError
        The energies are not equidistant or the width is not positive.
    EngineError
        pp.x is missing, failed, or wrote another number of files.
    """
    spacing = (energy[-1] - energy[0]) / (len(energy) - 1)
    if not spacing > 0 or not width > 0 or not np.allclose(np.diff(energy), spacing):
        raise ConfigError(
            "pp.x needs ascending, equidistant energies and a positive width",
            got=f"{len(energy)} energies from {energy[0]} to {energy[-1]} eV, width {width} eV",
        )
    for old in directory.glob("ldos_plot*"):
        old.unlink()
    gaussian = ", use_gauss_ldos=.true." if kernel == GAUSSIAN else ""
    # pp.x truncates (emax - emin) / delta_e: without the margin rounding can lose the last one.
    (directory / "ldos.ppi").write_text(
        f"&inputpp\n outdir='.', prefix='{prefix}', filplot='ldos_plot', plot_num=3,\n"
        f" emin={energy[0]:.8f}, emax={energy[-1] + 0.01 * spacing:.8f},\n"
        f" delta_e={spacing:.10f}, degauss_ldos={width:.8f}{gaussian}\n/\n"
        "&plot\n iflag=3, output_format=6, fileout='.cube'\n/\n"
    )
    engine = find_engine(command, program="pp.x")
    options = ("-in", "ldos.ppi")
    with looking_for_space(directory), _old_versions_named(kernel):
        run_engine(engine, options, directory=directory, output="ldos.ppo", errors="ldos.err")
    paths = sorted(directory.glob("ldos_plot*.cube"), key=lambda path: (len(path.name), path.name))
    if len(paths) != len(energy):
        raise EngineError(
            "pp.x wrote another number of cube files than there are energies",
            where=str(directory),
            expected=str(len(energy)),
            got=str(len(paths)),
            remedy="see ldos.ppo in that folder",
        )
    return paths


@contextmanager
def _old_versions_named(kernel: str) -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        if kernel != GAUSSIAN or "namelist" not in str(error):
            raise
        raise EngineError(
            "this pp.x has no use_gauss_ldos, which a Gaussian kernel needs",
            expected="Quantum ESPRESSO 7.2 or later",
            got=str(error),
            remedy="set ldos.kernel to fermi_dirac with a narrow width, or take a later version",
        ) from error


def read_ldos_cubes(
    paths: Sequence[Path], *, result: DftResult, kernel: str | None = None
) -> CubeLdos:
    """Read a series of LDOS cube files of pp.x (plot_num = 3).

    Parameters
    ----------
    paths
        The files, in any order.
    result
        The calculation they belong to: gives grid, cell and smearing.
    kernel
        What the files are said to be broadened with, see `read_ldos_axis`.

    Returns
    -------
    CubeLdos
        Converted from 1/(Ry bohr³) to 1/(eV Å³).

    Raises
    ------
    DataError
        A file is damaged, is no LDOS of pp.x, has another grid or cell, the energies are not
        equidistant, or the smearing has negative lobes, which pp.x drops.
    """
    axis = read_ldos_axis(paths, smearing=result.smearing, kernel=kernel)
    ordered = sorted(paths, key=lambda path: _label(path)[0])
    # The grid of the XML file is believed, and memory taken, once a cube has it.
    _check_fit(read_cube(ordered[0]), result, ordered[0])
    ldos = np.empty((*result.fft_grid, len(paths)), dtype=np.float32)
    for column, path in enumerate(ordered):
        cube = read_cube(path)
        _check_fit(cube, result, path)
        ldos[..., column] = cube.values / (RYDBERG_EV * BOHR_ANGSTROM**3)
    return CubeLdos(axis, ldos)


def read_ldos_axis(paths: Sequence[Path], *, smearing: str, kernel: str | None = None) -> LdosAxis:
    """Read what the first lines of a series of LDOS cubes say, and no values.

    Parameters
    ----------
    paths
        The files, in any order.
    smearing
        Of the calculation they belong to, as Quantum ESPRESSO's XML file names it.
    kernel
        `gaussian` where pp.x was told to use_gauss_ldos, which its files do not say; else the
        kernel is the smearing.

    Returns
    -------
    LdosAxis
        Energies, ascending, and broadening.

    Raises
    ------
    DataError
        There are too few files, one is not an LDOS of pp.x, the energies are not equidistant, or
        the smearing has negative lobes, which pp.x drops.
    """
    if len(paths) < 2:
        raise DataError("an LDOS needs at least two cube files", got=f"{len(paths)}")
    if smearing not in _KERNELS:
        raise DataError(
            "pp.x makes a correct LDOS for Fermi-Dirac and Gaussian smearing only",
            expected=f"smearing {' or '.join(_KERNELS)}",
            got=repr(smearing),
            remedy="run pw.x with Fermi-Dirac smearing, or take the LDOS from its wavefunctions",
        )
    labels = [_label(path) for path in paths]
    energy = _axis(np.sort([energy for energy, _ in labels]), paths[0].parent)
    widths = {width for _, width in labels}
    if len(widths) != 1:
        raise DataError("the cubes have different broadenings", got=f"{sorted(widths)} eV")
    found = GAUSSIAN if kernel == GAUSSIAN else _KERNELS[smearing]
    return LdosAxis(energy, found, widths.pop())


def is_ldos_cube(path: Path) -> bool:
    """Whether the second line of a cube file says which energy it is of, as pp.x writes it."""
    return _COMMENT.search(_head(path)) is not None


def _head(path: Path) -> str:
    try:
        with path.open() as stream:
            return "".join(stream.readline(_LINE) for _ in range(2))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("the cube file cannot be read", where=str(path), got=str(error)) from error


def _label(path: Path) -> tuple[float, float]:
    """Energy and broadening from the comment, without reading the values."""
    comment = _head(path)
    match = _COMMENT.search(comment)
    if match is None:
        raise DataError(
            "the cube file does not say which energy it is of",
            where=str(path),
            expected="'Energy = ... eV, broadening = ... eV' in the second line, as pp.x writes it",
            got=comment.strip()[-80:],
        )
    try:
        energy, width = float(match.group(1)), float(match.group(2))
    except ValueError:
        energy = width = np.nan
    if not np.isfinite(energy) or not 0 < width < np.inf:
        raise DataError(
            "the cube file does not say which energy it is of",
            where=str(path),
            expected="a finite energy and a positive broadening in the second line",
            got=comment.strip()[-80:],
        )
    return energy, width


def _axis(printed: FloatArray, folder: Path) -> FloatArray:
    """Undo the rounding of printed energies; they must be equidistant."""
    axis = np.linspace(printed[0], printed[-1], len(printed))
    worst = np.abs(axis - printed).max()
    if worst > _ENERGY_TOLERANCE or axis[1] - axis[0] < _ENERGY_TOLERANCE:
        raise DataError(
            "the energies of the cube files are not equidistant: files are missing or doubled",
            where=str(folder),
            expected=f"{len(printed)} energies {axis[1] - axis[0]:.4f} eV apart",
            got=f"a deviation of {worst:.4f} eV",
        )
    return axis


def _check_fit(cube: Cube, result: DftResult, path: Path) -> None:
    if cube.values.shape != result.fft_grid:
        raise DataError(
            "the cube file has another grid than the calculation",
            where=str(path),
            expected=f"{result.fft_grid} points",
            got=f"{cube.values.shape}",
        )
    if np.abs(cube.cell - result.cell).max() > _CELL_TOLERANCE:
        raise DataError(
            "the cube file has another cell than the calculation",
            where=str(path),
            expected=f"{result.cell.round(4).tolist()} Å",
            got=f"{cube.cell.round(4).tolist()} Å",
        )
    shifts = np.zeros((1, 3))
    if cube.positions.shape == result.positions.shape:
        # pp.x may print another periodic image of an atom.
        shifts = (cube.positions - result.positions) @ np.linalg.inv(result.cell)
    distance = float(np.abs((shifts - np.round(shifts)) @ result.cell).max())
    if cube.positions.shape != result.positions.shape or distance > _CELL_TOLERANCE:
        raise DataError(
            "the cube file has atoms at other places than the calculation",
            where=str(path),
            expected=f"{len(result.positions)} atoms within {_CELL_TOLERANCE} Å of their places",
            got=f"{len(cube.positions)} atoms, up to {distance:.3f} Å away",
            remedy="cubes and XML file are of different calculations: take those of one",
        )
