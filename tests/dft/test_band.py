"""Bands of images: closed forms, invariances, saddle points, and ends that do not fit."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from surrogate_hpo.dft.band import check_ends, doubted_order, interpolated_band, pulled_tight
from surrogate_hpo.errors import DataError


def hop(repeat: tuple[int, int, int] = (3, 2, 2)) -> tuple[Atoms, Atoms]:
    """A vacancy, and where the neighbour along the first vector has gone into its place."""
    crystal = bulk("Al", "fcc", a=4.05) * repeat
    way = crystal.cell[0] / repeat[0]
    neighbour = int(np.linalg.norm(crystal.positions - way, axis=1).argmin())
    begin, end = crystal.copy(), crystal.copy()
    end.positions[neighbour] -= way
    del begin[0], end[0]
    return begin, end


def test_a_straight_band_is_evenly_spaced_and_keeps_its_ends():
    begin, end = hop()
    band = interpolated_band(begin, end, 3, "linear")
    assert len(band) == 5
    steps = np.diff([image.positions for image in band], axis=0)
    assert steps == pytest.approx(
        np.broadcast_to((end.positions - begin.positions) / 4, (4, 11, 3))
    )
    assert band[0].positions == pytest.approx(begin.positions)


def test_atoms_go_the_short_way_through_the_cell():
    begin, end = hop()
    wrapped = end.copy()
    wrapped.positions[4] += wrapped.cell[1] - 2 * wrapped.cell[2]
    straight, same = (interpolated_band(begin, one, 3, "linear") for one in (end, wrapped))
    for one, other in zip(straight, same, strict=True):
        assert one.positions == pytest.approx(other.positions)


def test_idpp_keeps_atoms_apart_and_is_the_same_for_a_shifted_origin():
    # Two atoms that change places: straight, they meet.
    begin = Atoms("Al2", positions=[[3, 4, 4], [5, 4.4, 4]], cell=[8, 8, 8], pbc=True)
    end = Atoms("Al2", positions=[[5, 4, 4], [3, 4.4, 4]], cell=[8, 8, 8], pbc=True)

    def closest(how: str) -> float:
        band = interpolated_band(begin, end, 5, how)
        return min(image.get_distance(0, 1, mic=True) for image in band)

    assert closest("linear") == pytest.approx(0.4)
    assert closest("idpp") > 1.2
    shifted = [one.copy() for one in (begin, end)]
    for one in shifted:
        one.positions += 3.7
    moved = interpolated_band(*shifted, 5, "idpp")
    for one, other in zip(interpolated_band(begin, end, 5, "idpp"), moved, strict=True):
        assert other.positions - 3.7 == pytest.approx(one.positions, abs=1e-3)


class Wells(Calculator):
    """Two wells at x = ±1, a saddle of 0.5 eV at x = 0, whose valley bends by y = 0.3 (1 - x²)."""

    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x, y, z = self.atoms.positions[0] - 5.0
        off = y - 0.3 * (1 - x**2)
        energy = 0.5 * (1 - x**2) ** 2 + 2 * off**2 + 2 * z**2
        slope = (-2 * x * (1 - x**2) + 4 * off * 0.6 * x, 4 * off, 4 * z)
        self.results = {"energy": energy, "forces": -np.array([slope])}


def test_the_climbing_image_finds_the_saddle_point_of_a_bent_valley():
    begin, end = (
        Atoms("Al", positions=[[5.0 + x, 5, 5]], cell=[20, 20, 20], pbc=True) for x in (-1, 1)
    )
    band = interpolated_band(begin, end, 3, "linear")
    assert pulled_tight(band, [Wells() for _ in band], force_threshold=1e-3, steps=200)
    assert band[2].positions[0] == pytest.approx([5, 5.3, 5], abs=1e-3)
    energies = [image.get_potential_energy() for image in band]
    assert energies[2] == pytest.approx(0.5, abs=1e-5)
    assert energies[1] == pytest.approx(energies[3], abs=1e-4)
    # Not further than it is allowed to go, up to one step.
    short = interpolated_band(begin, end, 3, "linear")
    assert not pulled_tight(
        short, [Wells() for _ in short], force_threshold=1e-3, steps=200, reach=0.15
    )
    moved = np.linalg.norm(short[2].positions[0] - 5)
    assert 0.15 < moved < 0.26


def test_one_calculator_may_serve_all_images():
    begin, end = hop()
    apart, shared = (interpolated_band(begin, end, 1, "linear") for _ in range(2))
    one = EMT()
    for band, calculators in ((apart, [EMT() for _ in apart]), (shared, [one] * 3)):
        pulled_tight(band, calculators, force_threshold=0.05, steps=3)
    assert apart[1].positions == pytest.approx(shared[1].positions)


def test_ends_that_do_not_fit_are_explained():
    begin, end = hop()
    fewer, foreign, other = end.copy(), end.copy(), end.copy()
    del fewer[0]
    foreign.symbols[2] = "Cu"
    other.set_cell(other.cell * 1.01)
    for bad, words in (
        (fewer, "same atoms at both ends"),
        (foreign, "same atoms at both ends"),
        (other, "lattice vectors that differ"),
        (begin, "the same structure twice"),
    ):
        with pytest.raises(DataError, match=words):
            check_ends(begin, bad)
    mixed, swapped = end.copy(), begin.copy()
    mixed.symbols[1], swapped.symbols[4] = "Cu", "Cu"
    with pytest.raises(DataError, match="atom 1 is Al and Cu, atom 4 is Cu and Al"):
        interpolated_band(swapped, mixed, 3, "linear", where="a to b")
    # An image of the cell along a lattice vector is the same structure.
    around = begin.copy()
    around.positions += around.cell[0]
    with pytest.raises(DataError, match="twice"):
        check_ends(begin, around)


def test_atoms_of_one_element_in_another_order_are_noticed():
    begin, end = hop()
    assert doubted_order(begin, end) is None
    assert "ordered otherwise" in doubted_order(begin, end[::-1])
    whole = end[[1, 0, *range(2, 11)]]
    assert doubted_order(begin, whole) is not None
    # Two atoms that change places with nothing left behind have no shorter way.
    turned = begin[[1, 0, *range(2, 11)]]
    assert "by 0.00 Å" in doubted_order(begin, turned)
