"""How large a calculation was, from the head of Quantum ESPRESSO's XML file."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from surrogate_hpo.config.sizes import Size, plane_waves
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.bounded_xml import read_head
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV, RYDBERG_EV

_CELL, _GRIDS = ("a1", "a2", "a3"), ("fft_grid", "fft_smooth")
_MOST = 1e12
_NUMBERS = ("ecutwfc", "ecutrho", "nks", "nbnd")


def espresso_size(path: Path) -> Size:
    """Read counts and stop before the eigenvalues, of which there may be very many.

    Parameters
    ----------
    path
        `data-file-schema.xml` of pw.x.

    Returns
    -------
    Size
        Cell, grids, plane waves, k points and bands.

    Raises
    ------
    DataError
        The file is missing, damaged or incomplete.
    """
    try:
        # What is of interest stands in <output>, and as it was asked for in <input>.
        found = read_head(path, "output", until="ks_energies")
        cell = np.array([_floats(found[name]) for name in _CELL]) * BOHR_ANGSTROM
        grids = [
            (_integer(grid, "nr1"), _integer(grid, "nr2"), _integer(grid, "nr3"))
            for grid in (found[name] for name in _GRIDS)
        ]
        wavefunction_cutoff, density_cutoff, k_points, bands = (
            _floats(found[name])[0] for name in _NUMBERS
        )
        atoms = _integer(found["atomic_structure"], "nat")
        _check_sense(
            {"cutoff": wavefunction_cutoff, "density cutoff": density_cutoff, "bands": bands,
             "k points": k_points, "atoms": atoms, "volume": abs(np.linalg.det(cell)),
             "grid": min(min(grid) for grid in grids)},
        )  # fmt: skip
    except (OSError, ET.ParseError, LookupError, ValueError) as error:
        raise DataError(
            "the head of Quantum ESPRESSO's XML file cannot be read",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            remedy="give the file of a finished scf calculation of pw.x 6.4 or later",
        ) from error
    volume = float(abs(np.linalg.det(cell)))
    rydberg = HARTREE_EV / RYDBERG_EV
    return Size(
        atoms=atoms,
        volume=volume,
        grid=grids[0],
        orbital_grid=grids[1],
        plane_waves=plane_waves(volume, wavefunction_cutoff * rydberg),
        density_waves=plane_waves(volume, density_cutoff * rydberg),
        k_points=math.ceil(k_points),
        bands=math.ceil(bands),
    )


def _check_sense(values: Mapping[str, float]) -> None:
    """Raise ValueError unless all are counts or sizes of something."""
    for name, value in values.items():
        if not 0 < value < _MOST:
            raise ValueError(f"{name} is {value}")


def _floats(element: ET.Element) -> list[float]:
    return [float(word) for word in (element.text or "")[:1000].split()]


def _integer(element: ET.Element, key: str) -> int:
    return int(element.attrib[key])
