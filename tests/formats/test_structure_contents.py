"""What a structure file says beyond elements, cell and positions is refused or told."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import write
from tiny_workflow import edit_config

from surrogate_hpo.config.load import load_config
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.contents import UNUSED
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.verbs.check.verb import check

ALUMINIUM = bulk("Al", "fcc", a=4.05, cubic=True)
CIF = """data_x
_cell_length_a 4.05
_cell_length_b 4.05
_cell_length_c 4.05
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Al1 Al 0.5 0.5 0.0 1.0
Al2 Al 0.5 0.0 0.5 1.0
"""
DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0 4.05
0 4.05
0 4.05
ITEM: ATOMS {columns}
1 1 {element}0 0 0
2 1 {element}2.025 2.025 0
"""
DATA = """a file

2 atoms
1 atom types
0.0 4.05 xlo xhi
0.0 4.05 ylo yhi
0.0 4.05 zlo zhi
{masses}
Atoms # atomic

1 1 0 0 0
2 1 2.025 2.025 0
"""


@pytest.mark.parametrize(
    ("sites", "occupied"),
    [
        ("Al3 Al 0 0 0 0.6\nMg1 Mg 0 0 0 0.4\n", r"0\.6 Al, 0\.4 Mg"),
        ("Al3 Al 0 0 0 0.5\n", r"0\.5 Al"),
        ("Al3 Al 0 0 0 0.999\n", r"0\.999 Al"),
    ],
)
def test_partial_occupancy_is_refused_with_the_site(tmp_path, sites, occupied):
    path = tmp_path / "x.cif"
    path.write_text(CIF + sites)
    message = (
        rf"ordered cell\n  where: .*x\.cif.* at \(0, 0, 0\)\n.*\n  got: occupied by {occupied}"
    )
    with pytest.raises(DataError, match=message):
        read_structure(path)
    path.write_text(CIF + "Al3 Al 0 0 0 1.0\n")
    assert len(read_structure(path)) == 3


@pytest.mark.parametrize("word", ["Al1", "0x10", "1.2.3"])
def test_an_occupancy_that_is_no_number_is_refused(tmp_path, word):
    path = tmp_path / "x.cif"
    path.write_text(CIF + f"Al3 Al 0 0 0 {word}\n")
    message = rf"no number\n  where: .*x\.cif.*\n.*\n  got: site .*{word}.*\n  remedy: mend"
    with pytest.raises(DataError, match=message):
        read_structure(path)


def test_occupancies_of_other_formats_count_too(tmp_path):
    atoms = ALUMINIUM.copy()
    atoms.new_array("occupancy", np.array([1.0, 0.25, 1.0, 1.0]))
    write(tmp_path / "a.xyz", atoms, format="extxyz")
    with pytest.raises(DataError, match=r"atom 1 at (.|\n)*0\.25 Al"):
        read_structure(tmp_path / "a.xyz")


def test_types_of_lammps_are_no_elements(tmp_path):
    dump, data = tmp_path / "md.lammpstrj", tmp_path / "x.lammps-data"
    dump.write_text(DUMP.format(columns="id type x y z", element=""))
    with pytest.raises(DataError, match=r"names no elements(.|\n)*id type x y z(.|\n)*dump_modify"):
        read_structure(f"{dump}@0")
    dump.write_text(DUMP.format(columns="id type element x y z", element="Al "))
    assert set(read_structure(dump).symbols) == {"Al"}
    data.write_text(DATA.format(masses=""))
    with pytest.raises(DataError, match=r"names no elements(.|\n)*section Masses"):
        read_structure(data)
    data.write_text(DATA.format(masses="\nMasses\n\n1 26.98\n"))
    assert set(read_structure(data).symbols) == {"Al"}


def test_an_atom_without_element_is_refused(tmp_path):
    atoms = ALUMINIUM.copy()
    atoms.numbers[2] = 0
    write(tmp_path / "a.xyz", atoms, format="extxyz")
    with pytest.raises(DataError, match=r"no element\n(.|\n)*X for atom 2"):
        read_structure(tmp_path / "a.xyz")


def with_moments(atoms):
    atoms.set_initial_magnetic_moments([2, -2, 2, -2])


def with_calculated_moments(atoms):
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, magmoms=[1.0, 0, 0, 0])


def with_charges(atoms):
    atoms.set_initial_charges([1, 0, 0, 0])


def with_total_charge(atoms):
    atoms.info["charge"] = 1


def fixed(atoms):
    atoms.set_constraint(FixAtoms([0, 1]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (with_moments, ("magnetic moments",)),
        (with_calculated_moments, ("magnetic moments",)),
        (with_charges, ("charges",)),
        (with_total_charge, ("charges",)),
        (fixed, ("constraints",)),
        (lambda atoms: atoms.set_initial_magnetic_moments([0] * 4), None),
        (lambda _: None, None),
    ],
)
def test_what_dft_does_not_take_up_is_known(tmp_path, change, told):
    atoms = ALUMINIUM.copy()
    change(atoms)
    columns = [name for name in ("move_mask",) if atoms.constraints]
    path = tmp_path / "a.xyz"
    write(
        path,
        atoms,
        format="extxyz",
        columns=None if not columns else ["symbols", "positions", *columns],
    )
    assert read_structure(path).info.get(UNUSED) == told


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("nspin=2, tot_charge=+0.5", ("charges", "magnetic moments")),
        ("noncolin = .true.", ("magnetic moments",)),
        ("tot_charge=0.0, nspin=1 ! not nspin=2", None),
    ],
)
def test_settings_of_an_input_of_pw_x_are_known(tmp_path, entry, told):
    path = tmp_path / "a.pwi"
    path.write_text(
        f"&control\n/\n&system\n ibrav=0, nat=1, ntyp=1, ecutwfc=16\n {entry}\n/\n&electrons\n/\n"
        "ATOMIC_SPECIES\nAl 26.98 Al.UPF\nATOMIC_POSITIONS angstrom\nAl 0 0 0\nK_POINTS gamma\n"
        "CELL_PARAMETERS angstrom\n0 2 2\n2 0 2\n2 2 0\n"
    )
    assert read_structure(path).info.get(UNUSED) == told


def own_files(project, change):
    """A config of own structures, each changed."""
    for number, name in enumerate("abcd"):
        atoms = ALUMINIUM.copy()
        atoms.rattle(0.1, seed=number)
        change(atoms)
        write(project / f"{name}.xyz", atoms, format="extxyz")
    edit_config(
        project, "snapshots", method="files", training=["a.xyz", "b.xyz"], validation=["c.xyz"],
        test=["d.xyz"],
    )  # fmt: skip
    return load_config([project / "config.yaml"])


def test_check_tells_once_what_is_not_used(project, caplog):
    check(own_files(project, with_moments))
    assert caplog.text.count("magnetic moments of a.xyz and 3 more are not used: DFT runs") == 1


@pytest.mark.parametrize(
    ("scale", "words"), [(1.0, None), (1.8897, "in bohr taken for Å"), (0.7, "Å taken for bohr")]
)
def test_a_cell_in_another_unit_is_told(project, caplog, scale, words):
    def change(atoms: Atoms) -> None:
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)

    check(own_files(project, change))
    assert ("Å³ per atom, about 17 would be usual" in caplog.text) == (words is not None)
    assert words is None or words in caplog.text


def test_one_frame_does_not_need_the_others(tmp_path):
    frames = [ALUMINIUM.copy() for _ in range(3)]
    path = tmp_path / "md.xyz"
    write(path, frames, format="extxyz")
    path.write_text("\n".join(path.read_text().splitlines()[:-2]) + "\n")
    assert len(read_structure(f"{path}@1")) == 4
    with pytest.raises(DataError, match="cannot be read"):
        read_structure(f"{path}@2")
