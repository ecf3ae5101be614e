"""SNAP bispectrum descriptors on the full grid, for the chosen candidate only."""

from pathlib import Path
from typing import Annotated

import numpy as np

from surrogate_hpo.config.descriptors import DescriptorsSettings
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.grid import grid_blocks
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.io.dft_results import read_dft_result
from surrogate_hpo.io.documents import read_document
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.stores import DescriptorData, write_descriptors
from surrogate_hpo.io.structures import read_structure
from surrogate_hpo.stages.interface import Dft, Input, Output, Structure


def descriptors(
    *,
    settings: DescriptorsSettings,
    seed: int,
    threads: int,
    structure: Structure,
    dft: Dft,
    acsd: Annotated[Path, Input("JSON: the choice of the acsd stage")],
    descriptors: Annotated[
        Path, Output("store (*.zarr.zip): components on x, y, z; dimensionless")
    ],
) -> None:
    """Compute SNAP at every point of the snapshot's FFT grid.

    The convention is that of LAMMPS' `compute sna/grid`; see docs/concepts/descriptors.md.
    """
    choice = read_document(acsd, keys=("cutoff_radius_angstrom", "twojmax"))
    atoms, shape = read_structure(structure), read_dft_result(dft).fft_grid
    twojmax = int(choice["twojmax"])
    values = np.empty((int(np.prod(shape)), n_components(twojmax)), dtype=np.float32)
    for part, points in grid_blocks(shape, atoms.cell[:], block=settings.block_points):
        values[part] = bispectrum(
            points,
            atoms.positions,
            atoms.cell[:],
            cutoff_radius=choice["cutoff_radius_angstrom"],
            twojmax=twojmax,
            dtype=np.dtype(settings.precision),
            threads=threads,
        )
    data = DescriptorData(
        values=values.reshape(*shape, -1),
        cell=atoms.cell[:],
        cutoff_radius=float(choice["cutoff_radius_angstrom"]),
        twojmax=twojmax,
    )
    record = provenance("descriptors", settings, seed, [structure, dft, acsd])
    write_descriptors(descriptors, data, record)
