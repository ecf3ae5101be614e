"""Aluminium and its compounds with energies, forces and stress of ASE's EMT: no DFT is needed."""

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from surrogate_hpo.potential.labelled import Labelled


def labelled(atoms: Atoms, name: str) -> Labelled:
    known = atoms.copy()
    known.calc = EMT()
    bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
    return Labelled(
        bare,
        name,
        known.get_potential_energy(),
        known.get_forces(),
        known.get_stress(voigt=False),
        f"{len(atoms)} atoms",
    )


def aluminium(seed: int, cells: int = 1) -> Labelled:
    atoms = bulk("Al", "fcc", a=4.0, cubic=True) * (cells, 1, 1)
    generator = np.random.default_rng(seed)
    atoms.set_cell(atoms.cell * generator.uniform(0.97, 1.03), scale_atoms=True)
    atoms.rattle(0.12, seed=seed)
    return labelled(atoms, f"aluminium-{seed}")


def alloy(seed: int) -> Labelled:
    generator = np.random.default_rng(seed)
    atoms = bulk("Cu", "fcc", a=3.8, cubic=True)
    atoms.symbols[generator.permutation(4)[: 1 + seed % 3]] = "Al"
    atoms.rattle(0.1, seed=seed)
    return labelled(atoms, f"alloy-{seed}")
