"""LAMMPS computes energies, forces and stress of exported potentials: the same numbers."""

import numpy as np
import pytest
from ase.build import bulk
from lammps_atoms import in_lammps, lammps_installed

from surrogate_hpo.formats.lammps.potential_files import (
    coefficient_text,
    command_text,
    lammps_files,
    parameter_text,
)
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.potential.priors import Morse, Prior, Zbl

ELEMENTS = ("Al", "Cu")
PRIORS = {
    "none": None,
    "zbl": Zbl(ELEMENTS, 3.1, 4.0),
    "morse": Morse(ELEMENTS, (0.3, 0.45), (1.3, 1.6), (2.8, 2.5), 4.2),
}
# LAMMPS' metal units: 1 eV/Å³ in bar.
BAR = 1.6021765e6


def potential(prior: Prior | None, weights=(), radii=()) -> Potential:
    descriptor = AtomDescriptor(4.3, 6, ELEMENTS, weights, radii)
    generator = np.random.default_rng(5)
    blocks = generator.normal(size=(2, descriptor.components)) / (
        1 + np.arange(descriptor.components)
    )
    return Potential(
        descriptor,
        np.concatenate([[-3.1, -2.2], 0.03 * blocks.ravel()]),
        prior,
        np.empty((0, descriptor.features)),
        {},
    )


def structure(cells: tuple[int, int, int] = (1, 1, 1)):
    atoms = bulk("Cu", "fcc", a=3.9, cubic=True) * cells
    atoms.set_cell(
        atoms.cell[:] @ [[1, 0.1, 0], [0, 1.05, -0.2], [0.03, 0, 0.97]], scale_atoms=True
    )
    atoms.rattle(0.2, seed=1)
    atoms.symbols[::2] = "Al"
    return atoms


@lammps_installed
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(
    ("weights", "radii"), [((), ()), ((1.0, 0.7), (0.5, 0.42))], ids=["default", "elements"]
)
def test_lammps_has_the_same_energies_forces_and_stress(prior, weights, radii):
    made, atoms = potential(PRIORS[prior], weights, radii), structure((2, 1, 1))
    said = in_lammps(
        atoms,
        ELEMENTS,
        ["include potential.in"],
        columns="fx fy fz",
        files=lammps_files(made),
        thermo="step pe pxx pyy pzz pxy pxz pyz",
    )
    table, thermo, rotation = said.columns, said.thermo, said.rotation
    found = made.predict(atoms)
    assert thermo[1] == pytest.approx(found.energy, abs=1e-8)
    assert table @ rotation.T == pytest.approx(found.forces, abs=1e-7)
    stress = rotation.T @ found.stress @ rotation
    order = ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])
    assert -np.array(thermo[2:]) / BAR == pytest.approx(stress[order], abs=1e-6)


def test_the_files_say_every_convention_and_all_digits():
    made = potential(PRIORS["zbl"])
    lines = coefficient_text(made).splitlines()
    assert lines[1] == f"2 {made.descriptor.components + 1}"
    assert lines[2].split() == ["Al", "0.5", "0.5"]
    numbers = [float(line) for line in lines[3 : 4 + made.descriptor.components]]
    assert numbers[0] == -3.1
    np.testing.assert_array_equal(numbers[1:], made.coefficients[2 : 2 + len(numbers) - 1])
    given = dict(line.split() for line in parameter_text(made).splitlines()[1:])
    assert given["rfac0"] == "0.99363"
    assert {given[key] for key in ("rmin0", "bzeroflag", "quadraticflag", "chemflag")} == {"0"}
    commands = command_text(made, "a.snapcoeff", "a.snapparam")
    assert "pair_style hybrid/overlay snap zbl 3.1000000000000001 4" in commands
    assert "pair_coeff 1 2 zbl 13 29" in commands
    alone = command_text(potential(None), "a.snapcoeff", "a.snapparam")
    assert "pair_coeff * * ${potential_folder}/a.snapcoeff" in alone
