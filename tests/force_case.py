"""Small surrogates and cells for tests of forces, and derivatives by finite differences."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from small_surrogate import small_surrogate

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.descriptors.cell_components import CellComponents
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.networks.architecture import build_network
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.scaling import AffineScaler
from surrogate_hpo.networks.training_range import TrainingRange
from surrogate_hpo.physics.reciprocal import inside_cutoff, squared_waves
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import predict_structure

GRID = (9, 10, 8)
CONDITIONS = Conditions(grid=GRID, block_points=300)


def double(surrogate: Surrogate) -> Surrogate:
    """The same networks in float64: finite differences need it."""
    models = tuple(model.in_double_precision() for model in surrogate.models)
    return dataclasses.replace(surrogate, models=models)


def compound(*, functional: str, core: bool, seeds: int = 2) -> Surrogate:
    """A surrogate in float64 that knows two elements, whose ions differ."""
    surrogate = double(small_surrogate(seeds=seeds, functional=functional, core=core))
    aluminium = surrogate.ions["Al"]
    magnesium = dataclasses.replace(
        aluminium, charge=2.0, core_density=0.7 * aluminium.core_density
    )
    definition = DescriptorDefinition(4.0, 2, {"Al": 1.0, "Mg": 0.6}, {"Al": 0.5, "Mg": 0.45})
    ions = {"Al": aluminium, "Mg": magnesium}
    return dataclasses.replace(surrogate, definition=definition, ions=ions)


def with_components_of_the_cell(surrogate: Surrogate, atoms: Atoms) -> Surrogate:
    """Networks alike, which see density and means of the cell as well; scaled at some structure."""
    definition = dataclasses.replace(surrogate.definition, cell_density=True, cell_mean_twojmax=2)
    symbols, local = atoms.get_chemical_symbols(), surrogate.definition.components
    of_cell = CellComponents(definition, atoms.positions, atoms.cell[:], symbols)
    usual = torch.from_numpy(of_cell.behind(np.zeros((1, local)))[0, local:])
    width = 0.1 * usual.abs()
    models = []
    for number, model in enumerate(surrogate.models):
        scaler = model.input_scaler
        forward = torch.block_diag(scaler.forward, torch.diag(1 / width))
        inputs = AffineScaler(torch.cat([scaler.offset, usual]), forward, torch.linalg.inv(forward))
        network = build_network(
            model.architecture, inputs=inputs.features, outputs=surrogate.energy.size, seed=number
        )
        models.append(SurrogateModel(model.architecture, network, inputs, model.output_scaler))
    known = TrainingRange(*(
        torch.cat([one, value])
        for one, value in zip(
            vars(surrogate.known).values(), (usual - width, usual + width, width), strict=True
        )
    ))  # fmt: skip
    return double(
        dataclasses.replace(surrogate, definition=definition, models=tuple(models), known=known)
    )


def triclinic(seed: int) -> Atoms:
    """Two elements in a distorted and turned cell, disordered."""
    rng = np.random.default_rng(seed)
    atoms = Atoms(
        "AlMgAlAl",
        scaled_positions=[[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
        cell=4.1 * (np.eye(3) + 0.08 * rng.normal(size=(3, 3))),
        pbc=True,
    )
    atoms.positions += 0.15 * rng.normal(size=(4, 3))
    return atoms


def free_energies(surrogate: Surrogate, atoms: Atoms, folder: Path) -> np.ndarray:
    """Free energy of each network in eV."""
    found = predict_structure(surrogate, atoms, CONDITIONS, folder)
    return np.array(found.energies["total_free_energy"])


def slope(function: Callable[[float], np.ndarray], step: float) -> np.ndarray:
    """Derivative at zero by central differences of fourth order."""
    near, far = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


def inside(atoms: Atoms) -> int:
    """Number of wave vectors inside the cutoff of the density: an energy jumps with it."""
    squared = squared_waves(GRID, torch.tensor(atoms.cell[:]))
    return int(inside_cutoff(squared, small_surrogate().origin.density_cutoff).sum())


def moved(atoms: Atoms, change: np.ndarray) -> Atoms:
    """Atoms displaced by so many Å."""
    copy = atoms.copy()
    copy.positions += change
    return copy


def strained(atoms: Atoms, strain: np.ndarray) -> Atoms:
    """Cell and atoms deformed: r -> r (1 + strain)."""
    copy = atoms.copy()
    copy.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    return copy
