"""Duplicates, overlaps and extrapolation among candidates, and the description of structures."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from scipy.spatial.transform import Rotation

from surrogate_hpo.potential.features import AtomDescriptor, energy_features
from surrogate_hpo.selection.features import describe
from surrogate_hpo.selection.filters import (
    closest_pairs,
    duplicates,
    extrapolation,
    overlaps,
    shortest_known,
)

ALUMINIUM = AtomDescriptor(4.0, 2, ("Al",))
ALLOY = AtomDescriptor(4.0, 2, ("Li", "Al"))


def frame(seed: int, size: float = 0.1) -> Atoms:
    atoms = bulk("Al", a=4.05, cubic=True)
    atoms.rattle(size, seed=seed)
    return atoms


def turned(atoms: Atoms, seed: int) -> Atoms:
    rotation = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    copy = atoms[[2, 0, 3, 1]]
    copy.positions += [0.3, 0.1, 0.7]
    copy.set_cell(atoms.cell[:] @ rotation)
    copy.positions = copy.positions @ rotation
    return copy


def test_rows_add_up_to_what_a_linear_potential_is_linear_in():
    atoms = frame(1)
    atoms.symbols[1] = "Li"
    features = describe([atoms, frame(2)], ALLOY)
    assert 4 * features.means[0] == pytest.approx(energy_features(atoms, ALLOY))
    assert features.counts.tolist() == [4, 4]
    assert features.part([1]).rows == pytest.approx(features.rows[4:])


@pytest.mark.parametrize("cutoff", [1.0, 3.5, 9.0])
def test_closest_pairs_are_those_of_all_images(cutoff):
    atoms = bulk("Al", a=4.05) * (1, 1, 2)
    atoms.rattle(0.3, seed=1)
    atoms.symbols[1] = "Li"
    atoms.set_cell(atoms.cell.array @ [[1, 0, 0], [0.9, 1, 0], [0, -0.7, 1]], scale_atoms=True)
    first, second, distance = neighbor_list("ijd", atoms, cutoff)
    expected: dict[tuple[int, int], float] = {}
    for i, j, d in zip(first, second, distance, strict=True):
        pair = tuple(sorted((int(atoms.numbers[i]), int(atoms.numbers[j]))))
        expected[pair] = min(d, expected.get(pair, np.inf))
    assert closest_pairs(atoms, cutoff) == pytest.approx(expected)


def test_overlaps_are_told_by_elements_and_unknown_pairs_are_let_pass():
    shortest = shortest_known([frame(1), frame(2)], 4.0)
    close = frame(3)
    close.positions[1] = close.positions[0] + [0, 0, 0.7 * shortest[13, 13]]
    assert overlaps(frame(3), shortest, 0.8) is None
    assert "overlap: two atoms at" in overlaps(close, shortest, 0.8)
    assert overlaps(close, shortest, 0.6) is None
    close.symbols[1] = "Li"
    assert overlaps(close, shortest, 0.8) is None


def test_duplicates_are_found_rotated_shifted_and_in_another_order_of_atoms():
    known = [frame(1), frame(1)]
    candidates = [frame(3), turned(frame(1), 5), frame(4), turned(frame(3), 6), frame(3)]
    features = describe([*known, *candidates], ALUMINIUM)
    # Known structures stay, and of equal candidates the first.
    assert duplicates(features, 2, 1e-6) == {3: 0, 5: 2, 6: 2}
    assert duplicates(features, 2, 1e9).keys() == {2, 3, 4, 5, 6}
    # Each with a distance of its own: nothing is within that of the first.
    own = np.array([-1, *[1e-6] * 6])
    assert duplicates(features, 2, own) == {3: 1, 5: 2, 6: 2}
    assert duplicates(describe([frame(n) for n in range(6)], ALUMINIUM), 2, 1e-6) == {}


def test_extrapolation_is_one_for_the_farthest_known_site_and_grows_outside():
    structures = [*(frame(n) for n in range(6)), frame(7, 0.02), frame(8, 0.6)]
    found = extrapolation(describe(structures, ALUMINIUM), 6)
    assert found[:6].max() == pytest.approx(1)
    assert found[6] < 1
    assert found[7] > 2
