"""Radial distribution of a run of molecular dynamics: its table, its picture, its reference."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.structures.structures import checked_structure, select_frames
from surrogate_hpo.simulation.radial_distribution import (
    RadialDistribution,
    radial_distribution,
)
from surrogate_hpo.simulation.recording import RDF, RDF_PICTURE, TRAJECTORY

Frame = tuple[Atoms, str]
# Of the number of atoms per volume: g(r) of a denser crystal is another.
_ALIKE = 0.01


class Comparison:
    """What a radial distribution is computed up to, and compared with.

    Parameters
    ----------
    atoms
        The structure that moves; its cell stays.
    largest_distance
        Where to stop, Å.
    reference
        Trajectory of another origin: `file`, of which the second half counts, or
        `file@start:stop`; None for none.

    Raises
    ------
    DataError
        If the file cannot be read, a structure makes no sense, or it is another material or of
        another density.
    """

    def __init__(self, atoms: Atoms, largest_distance: float, reference: str | None) -> None:
        self._atoms, self._largest, self._source = atoms, largest_distance, reference
        self._other: RadialDistribution | None = None
        if reference is not None:
            frames = [checked_structure(frame, where) for frame, where in _frames(reference)]
            for frame in frames:
                _check_alike(frame, atoms, reference)
            self._other = radial_distribution(frames, largest_distance)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write `rdf.csv` and `rdf.png`: the mean over the second half of the trajectory.

        Parameters
        ----------
        folder
            Of the run.

        Returns
        -------
        dict
            What the summary says of it.
        """
        frames = second_half(select_frames(str(folder / TRAJECTORY), all_of_them=True))
        found = radial_distribution([frame for frame, _ in frames], self._largest)
        other = self._other
        rows = _rows(found, other)
        write_table(folder / RDF, rows)
        _draw(folder / RDF_PICTURE, rows, _half_width(self._atoms))
        difference = None if other is None else float(np.abs(found.values - other.values).max())
        return {
            "structures": found.structures,
            "reference": self._source,
            "reference_structures": None if other is None else other.structures,
            "largest_difference": difference,
        }


def second_half(frames: Sequence[Frame]) -> Sequence[Frame]:
    """The later half, the one in the middle included."""
    return frames[len(frames) // 2 :]


def _frames(source: str) -> Sequence[Frame]:
    frames = select_frames(source, all_of_them=True)
    # A range was chosen by somebody who knows what he wants.
    return second_half(frames) if Path(source).is_file() else frames


def _check_alike(frame: Atoms, atoms: Atoms, source: str) -> None:
    shares = [_shares(one) for one in (atoms, frame)]
    densities = [len(one) / one.get_volume() for one in (atoms, frame)]
    if shares[0] != shares[1] or abs(densities[1] / densities[0] - 1) > _ALIKE:
        ours, theirs = (
            f"{one.get_chemical_formula()}, {density:.4f} atoms/Å³"
            for one, density in zip((atoms, frame), densities, strict=True)
        )
        raise DataError(
            "the reference is another material, or of another density",
            where=f"--reference {source}",
            expected=ours,
            got=theirs,
            remedy="compare with a trajectory of the same composition in a cell of the same volume "
            "per atom",
        )


def _shares(atoms: Atoms) -> dict[str, float]:
    counts = Counter(atoms.get_chemical_symbols())
    return {element: number / len(atoms) for element, number in counts.items()}


def _half_width(atoms: Atoms) -> float:
    """Half the smallest distance between opposite faces of the cell, Å."""
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    return float(heights.min()) / 2


def _rows(
    found: RadialDistribution, other: RadialDistribution | None
) -> list[dict[str, float | None]]:
    columns: dict[str, list[float | None]] = {
        "distance_angstrom": found.distances.tolist(),
        "surrogate": found.values.tolist(),
        "surrogate_standard_error": _known(found.standard_errors),
        "reference": [None] * len(found.distances) if other is None else other.values.tolist(),
        "reference_standard_error": (
            [None] * len(found.distances) if other is None else _known(other.standard_errors)
        ),
    }
    return [
        dict(zip(columns, numbers, strict=True)) for numbers in zip(*columns.values(), strict=True)
    ]


def _known(errors: np.ndarray[Any, np.dtype[np.float64]]) -> list[float | None]:
    return [None if np.isnan(error) else float(error) for error in errors]


def _draw(path: Path, rows: list[dict[str, float | None]], half_width: float) -> None:
    # It loads matplotlib, which nothing else of the run needs.
    from surrogate_hpo.verbs.dynamics.figure import draw_rdf  # noqa: PLC0415

    with replacing(path) as partial:
        draw_rdf(rows, half_width=half_width).savefig(partial, dpi=200)
