"""Structures that this package wrote are read as ASE reads them, without ASE's readers."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read

from surrogate_hpo.formats.structures import extent as structure_extent
from surrogate_hpo.formats.structures.frames import read_written
from surrogate_hpo.formats.structures.structures import (
    read_structure,
    read_temperature,
    write_structure,
)


def displaced(symbols: str = "AlMgAl2", scale: float = 1.0) -> Atoms:
    generator = np.random.default_rng(1)
    cell = 4.05 * np.eye(3) + generator.normal(scale=0.3, size=(3, 3))
    scaled = bulk("Al", cubic=True).get_scaled_positions()
    positions = (scaled + generator.normal(scale=0.02, size=(4, 3))) @ cell * scale
    return Atoms(symbols, positions=positions, cell=cell * scale, pbc=True)


@pytest.mark.parametrize(
    "labels",
    [{}, {"temperature_kelvin": 298}, {"strain_percent": -1.5, "random_strain_percent": 2.0}],
)
@pytest.mark.parametrize("provenance", [None, {"inputs": {"a b": "x pbc=F shape=1"}, "n": [1]}])
def test_what_was_written_is_read_as_ase_reads_it(tmp_path, labels, provenance):
    path = tmp_path / "a.extxyz"
    atoms = displaced()
    atoms.info |= labels
    write_structure(path, atoms, provenance)
    found, expected = read_written(path), read(path)
    assert found is not None
    np.testing.assert_array_equal(found.positions, expected.positions)
    np.testing.assert_array_equal(found.cell.array, expected.cell.array)
    assert str(found.symbols) == str(expected.symbols)
    assert found.info == {key: expected.info[key] for key in labels}
    assert {type(v) for v in found.info.values()} == {type(expected.info[k]) for k in labels}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Properties=species:S:1:pos:R:3", "Properties=pos:R:3:species:S:1"),
        ('pbc="T T T"', 'pbc="T T F"'),
        ('pbc="T T T"', 'charge=1 pbc="T T T"'),
        ("4\n", "3\n"),
        ("Al ", "Xx "),
        ("Mg ", "Mg 1.0 "),
        ("temperature_kelvin=298", "temperature_kelvin=nan"),
    ],
)
def test_another_form_is_left_to_ase(tmp_path, old, new):
    path = tmp_path / "a.extxyz"
    atoms = displaced()
    atoms.info["temperature_kelvin"] = 298
    write_structure(path, atoms)
    assert read_written(path) is not None
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert read_written(path) is None


def test_a_label_is_read(tmp_path):
    path = tmp_path / "a.extxyz"
    atoms = displaced()
    atoms.info["temperature_kelvin"] = 298.5
    write_structure(path, atoms, {"stage": "snapshots"})
    assert read_temperature(path) == 298.5
    assert read_structure(path).info == {"temperature_kelvin": 298.5}


@pytest.mark.parametrize("scale", [0.2, 0.5, 1.0])
def test_all_pairs_of_few_atoms_are_those_of_the_search(scale):
    atoms = displaced(scale=scale)
    atoms.positions[1] += 3 * atoms.cell[0] - 2 * atoms.cell[2]
    found = structure_extent._close_pairs(atoms, 1.5)
    expected = structure_extent._neighbour_list(atoms, 1.5)
    for one, other in ((found, expected), (expected, found)):
        pairs = set(zip(one[0], one[1], one[2].round(9), strict=True))
        assert pairs == set(zip(other[0], other[1], other[2].round(9), strict=True))
    assert len(found[0]) == len(expected[0])
