"""A surrogate that no training has made: an electron gas that the atoms disturb a little."""

import math
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from surrogate_hpo.data.surrogate_contents import Ion, Origin, Surrogate
from surrogate_hpo.data.surrogates import write_surrogate
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.scaling import AffineScaler, fit_input_scaler
from surrogate_hpo.networks.training_range import training_range
from surrogate_hpo.physics.prediction_grid import KnownGrid

GRID = (10, 10, 10)
ENERGY = np.arange(-6.0, 13.01, 0.5)
DEFINITION = DescriptorDefinition(4.0, 2, {"Al": 1.0}, {"Al": 0.5})


def aluminium(seed: int = 0, *, a: float = 4.05) -> Atoms:
    """Four displaced atoms: the training cell, if `a` is left as it is."""
    return thermal_displacements(
        bulk("Al", "fcc", a=a, cubic=True),
        temperature=298.0,
        debye_waller_b=0.86,
        reference_temperature=300.0,
        seed=seed,
    )


def small_surrogate(
    *, seeds: int = 2, functional: str = "lda_pw92", core: bool = False
) -> Surrogate:
    """Networks with random weights, whose outputs are small beside the gas."""
    cell = aluminium().cell[:]
    descriptors = torch.from_numpy(
        np.concatenate([_descriptors(aluminium(seed)) for seed in range(3)]).astype(np.float32)
    )
    inputs = fit_input_scaler(descriptors, "standardised")
    # 3 electrons in 16.6 Å³ below 7.6 eV, from a band bottom at -3 eV.
    gas = torch.from_numpy(0.0079 * np.sqrt(np.clip(ENERGY + 3.0, 0, None)))
    identity = torch.eye(len(gas), dtype=torch.float64)
    outputs = AffineScaler(gas, identity / 0.002, 0.002 * identity)
    architecture = Architecture((16,), "tanh")
    models = tuple(
        SurrogateModel(
            architecture,
            build_network(architecture, inputs=inputs.features, outputs=len(gas), seed=seed),
            inputs,
            outputs,
        )
        for seed in range(seeds)
    )
    return Surrogate(
        models=models,
        definition=DEFINITION,
        axis=LdosAxis(ENERGY, "gaussian", 0.5),
        ions={"Al": _ion(core=core)},
        origin=Origin(functional, 400.0, 5000.0, (KnownGrid(cell, GRID),), 3),
        known=training_range([descriptors]),
        description="a test",
        provenance={"package": "surrogate-hpo test", "stage": "surrogate"},
    )


def written(folder: Path, **options: object) -> Path:
    """The file of a small surrogate."""
    path = folder / "surrogate.pt"
    write_surrogate(path, small_surrogate(**options))
    return path


def _descriptors(atoms: Atoms) -> np.ndarray:
    return bispectrum(
        grid_points(GRID, atoms.cell[:]),
        atoms.positions,
        atoms.cell[:],
        cutoff_radius=DEFINITION.cutoff_radius,
        twojmax=DEFINITION.twojmax,
    )


def _ion(*, core: bool) -> Ion:
    if not core:
        return Ion(3.0, False, *[np.empty(0)] * 3)
    radii = np.linspace(0, 5, 501)
    return Ion(3.0, True, radii, np.full_like(radii, 0.01), 0.5 * np.exp(-((radii / 0.6) ** 2)))


def electrons_of(density: np.ndarray, cell: np.ndarray) -> float:
    """Integral of a density."""
    return float(density.sum() * abs(np.linalg.det(cell)) / math.prod(density.shape))
