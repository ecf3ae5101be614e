"""Rattled aluminium whose "LDOS" is its own bispectrum: the right descriptor is known."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.io import write

from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.dft.ldos_axis import LdosAxis

TRUE_TWOJMAX = 4


def aluminium(seed: int, *, symbols: str = "Al4") -> Atoms:
    atoms = Atoms(symbols, bulk("Al", cubic=True, a=4.05).positions, cell=[4.05] * 3, pbc=True)
    atoms.rattle(0.15, seed=seed)
    return atoms


def write_snapshots(
    folder: Path, seeds: Mapping[str, int], *, grid: tuple[int, int, int], true_radius: float
) -> Path:
    """Structure and store of each name, from its seed."""
    for name, seed in seeds.items():
        atoms = aluminium(seed)
        write(folder / f"{name}.extxyz", atoms)
        values = bispectrum(
            grid_points(grid, atoms.cell[:]),
            atoms.positions,
            atoms.cell[:],
            cutoff_radius=true_radius,
            twojmax=TRUE_TWOJMAX,
        )
        ldos = LdosData(
            values.reshape(*grid, -1).astype(np.float32),
            LdosAxis(np.arange(values.shape[1], dtype=float), "gaussian", 0.5),
            atoms.cell[:],
            12.0,
        )
        write_ldos(folder / f"{name}.zarr.zip", ldos, {})
    return folder


def files(folder: Path, suffix: str, *, split: str = "training") -> list[Path]:
    return sorted(folder.glob(f"{split}-*{suffix}"))
