import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import read_structures, write_structure

ALUMINIUM = bulk("Al", "fcc", a=4.05, cubic=True)


@pytest.fixture
def trajectory(tmp_path):
    frames = []
    for number in range(5):
        frame = ALUMINIUM.copy()
        frame.positions[0, 0] = 0.01 * number
        frames.append(frame)
    path = tmp_path / "run.xyz"
    write(path, frames, format="extxyz")
    return path


def first_coordinates(source):
    return [round(float(atoms.positions[0, 0]), 6) for atoms in read_structures(source)]


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("2", [0.02]),
        ("-1", [0.04]),
        ("1:3", [0.01, 0.02]),
        (":2", [0.0, 0.01]),
        ("-2:", [0.03, 0.04]),
        (":", [0.0, 0.01, 0.02, 0.03, 0.04]),
        ("::2", [0.0, 0.02, 0.04]),
        ("1:4:2", [0.01, 0.03]),
        ("::-2", [0.04, 0.02, 0.0]),
    ],
)
def test_index_selects(trajectory, index, expected):
    assert first_coordinates(f"{trajectory}@{index}") == expected


@pytest.mark.parametrize("index", ["5", "-6", "5:", "3:2", "3:1:2"])
def test_index_outside_the_file_is_refused(trajectory, index):
    with pytest.raises(DataError, match=r"selects no structure\n.*\n.*within 5 structures"):
        read_structures(f"{trajectory}@{index}")


def test_several_structures_need_an_index(trajectory):
    with pytest.raises(DataError, match=r"does not say which\n(.*\n)*.*run\.xyz@-1"):
        read_structures(str(trajectory))


def test_round_trip_keeps_positions_and_writes_to_the_very_path(tmp_path):
    atoms = bulk("Al", a=4.05)
    atoms.positions += 0.123456789
    path = tmp_path / ".snapshot.extxyz.partial"
    write_structure(path, atoms)
    target = path.rename(tmp_path / "snapshot.extxyz")
    read = read_structures(str(target))[0]
    assert read.positions == pytest.approx(atoms.positions, abs=1e-8)
    assert read.cell.array == pytest.approx(atoms.cell.array, abs=1e-8)
    assert read.pbc.all()


def test_other_formats_and_names_with_at_signs(tmp_path):
    path = tmp_path / "a@1"
    write(path, ALUMINIUM, format="vasp")
    path.rename(tmp_path / "POSCAR")
    assert len(read_structures(str(tmp_path / "POSCAR"))[0]) == 4
    odd = tmp_path / "a@1.cif"
    write(odd, ALUMINIUM)
    assert len(read_structures(str(odd))[0]) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.set_pbc([True, True, False]), "not periodic in three dimensions"),
        (lambda a: a.set_positions(a.positions * np.nan), "undefined positions"),
        (lambda a: a.set_cell(np.zeros((3, 3))), "not periodic"),
        (
            lambda a: a.positions.__setitem__(1, a.positions[0] + 0.1),
            r"overlap\n(.*\n)*.*0\.173",
        ),
        (lambda a: a.set_cell(a.cell / 10, scale_atoms=True), "lengths are in Å"),
    ],
)
def test_structures_that_dft_cannot_use_are_refused(tmp_path, change, message):
    atoms = ALUMINIUM.copy()
    change(atoms)
    path = tmp_path / "bad.traj"
    write(path, atoms)
    with pytest.raises(DataError, match=message):
        read_structures(str(path))


def test_an_atom_on_its_own_image_overlaps(tmp_path):
    path = tmp_path / "thin.xyz"
    write(path, Atoms("Al", cell=[10, 10, 0.5], pbc=True), format="extxyz")
    with pytest.raises(DataError, match=r"0\.500 Å between atoms 0 and 0"):
        read_structures(str(path))


def test_missing_and_unreadable_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"does not exist\n  where: .*none\.xyz@3"):
        read_structures(str(tmp_path / "none.xyz@3"))
    broken = tmp_path / "broken.xyz"
    broken.write_text("4\nLattice=nonsense\nAl 0 0\n")
    with pytest.raises(DataError, match=r"cannot be read\n  where: .*broken\.xyz"):
        read_structures(str(broken))
