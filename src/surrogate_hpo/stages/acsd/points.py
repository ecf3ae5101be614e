"""Points at which descriptor candidates are compared, and the vectors there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.datasets import check_same_cell, flat
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.scores.descriptors.acsd import draw_pairs, draw_points
from surrogate_hpo.scores.descriptors.scores import Draw
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.acsd.settings import AcsdSettings


@dataclass(frozen=True)
class SampledSnapshot:
    """All draws of one snapshot.

    Attributes
    ----------
    name
        Of the snapshot.
    atoms
        The structure, Å.
    points
        Cartesian coordinates of the distinct points of all draws, Å, [P, 3].
    places
        For each draw the rows of `points` that make its two sets, [draws, 2, points].
    ldos
        LDOS at `points`, 1/(eV Å³), [P, energies]; None if no labels are needed.
    energy
        Energies of the LDOS, eV, [energies]; None with it.
    """

    name: str
    atoms: Atoms
    points: NDArray[np.float64]
    places: NDArray[np.intp]
    ldos: NDArray[np.float32] | None
    energy: NDArray[np.float64] | None

    def descriptors(
        self,
        cutoff_radii: Sequence[float],
        twojmax: int,
        *,
        element_weights: dict[str, float],
        element_radii: dict[str, float],
    ) -> dict[float, NDArray[np.float64]]:
        """Evaluate SNAP at every point, once per cutoff radius.

        Parameters
        ----------
        cutoff_radii
            Å.
        twojmax
            Highest 2·J_max.
        element_weights
            Weight of every element.
        element_radii
            Radius factor of every element.

        Returns
        -------
        dict
            For each cutoff radius the vectors, [P, components].
        """
        symbols = self.atoms.get_chemical_symbols()
        candidates = [
            DescriptorDefinition(radius, twojmax, element_weights, element_radii)
            for radius in cutoff_radii
        ]
        return {
            one.cutoff_radius: bispectrum(
                self.points, self.atoms.positions, self.atoms.cell[:], **one.keywords(symbols)
            )
            for one in candidates
        }

    def draws(self, descriptors: Mapping[float, NDArray[np.floating]]) -> Iterator[Draw]:
        """Hand the vectors at the points out to the draws.

        Parameters
        ----------
        descriptors
            As :meth:`descriptors` gives them.

        Yields
        ------
        Draw
            One per draw.
        """
        for number, places in enumerate(self.places):
            yield Draw(
                snapshot=self.name,
                seed=number,
                descriptors={radius: values[places] for radius, values in descriptors.items()},
                ldos=None if self.ldos is None else self.ldos[places],
            )


def sample_snapshots(
    structures: Sequence[Path], ldos: Sequence[Path], settings: AcsdSettings, *, seed: int
) -> list[SampledSnapshot]:
    """Draw the points of all snapshots.

    Parameters
    ----------
    structures
        Files of the snapshots.
    ldos
        LDOS stores of the same snapshots, in the same order; none for `kernel-spread`.
    settings
        Section of the config.
    seed
        Root seed.

    Returns
    -------
    list of SampledSnapshot
        Points on the LDOS grid, or anywhere in the cell where no LDOS is needed.

    Raises
    ------
    DataError
        If structures and LDOS do not pair up, or do not belong to the same cell, or if snapshots
        that are compared with each other differ in their energies.
    ConfigError
        If the grid is too small for the draws.
    """
    if settings.needs_ldos and len(ldos) != len(structures):
        raise DataError(
            "The ACSD compares descriptors with the LDOS of the same snapshots.",
            where="--ldos",
            expected=f"{len(structures)} LDOS stores, one per structure",
            got=str(len(ldos)),
            remedy="give them, or set acsd.objective: kernel-spread, which needs none",
        )
    if not settings.needs_ldos:
        return [_anywhere(path, settings, seed) for path in structures]
    found = [
        _on_grid(structure, store, settings, seed)
        for structure, store in zip(structures, ldos, strict=True)
    ]
    if settings.guard or settings.pairs == "across":
        _check_same_energies(found)
    return found


def _check_same_energies(snapshots: Sequence[SampledSnapshot]) -> None:
    axes = {s.name: s.energy for s in snapshots if s.energy is not None}
    first = next(iter(axes.values()))
    for name, energy in axes.items():
        if energy.shape != first.shape or not np.allclose(energy, first):
            raise DataError(
                "LDOS of different energy axes cannot be compared across snapshots.",
                where=f"snapshot {name}",
                expected=f"{first[0]:g}..{first[-1]:g} eV in {len(first)} points",
                got=f"{energy[0]:g}..{energy[-1]:g} eV in {len(energy)} points",
                remedy="delete results/ldos and run the workflow again, or set acsd.pairs: within "
                "and acsd.guard: false",
            )


def _anywhere(structure: Path, settings: AcsdSettings, seed: int) -> SampledSnapshot:
    atoms = read_structure(structure)
    scaled = np.stack(
        [draw_points(settings.points, seed=s) for s in _seeds(structure, settings, seed)]
    )
    places = np.arange(scaled.size // 3, dtype=np.intp).reshape(scaled.shape[:3])
    points = scaled.reshape(-1, 3) @ atoms.cell[:]
    return SampledSnapshot(structure.stem, atoms, points, places, None, None)


def _on_grid(structure: Path, store: Path, settings: AcsdSettings, seed: int) -> SampledSnapshot:
    atoms, ldos = read_structure(structure), read_ldos(store)
    check_same_cell(atoms.cell[:], ldos.cell, where=f"{structure} and {store}")
    shape = ldos.values.shape[:3]
    indices = np.stack(
        [
            draw_pairs(int(np.prod(shape)), settings.points, seed=s)
            for s in _seeds(structure, settings, seed)
        ]
    )
    # Draws overlap: on a small grid many points occur in several of them.
    distinct, places = np.unique(indices, return_inverse=True)
    return SampledSnapshot(
        name=structure.stem,
        atoms=atoms,
        points=grid_points(shape, ldos.cell, indices=distinct),
        places=places.reshape(indices.shape),
        ldos=flat(ldos.values)[distinct],
        energy=ldos.energy,
    )


def _seeds(structure: Path, settings: AcsdSettings, seed: int) -> list[int]:
    return [derive_seed(seed, "acsd", structure.stem, n) for n in range(settings.draws)]
