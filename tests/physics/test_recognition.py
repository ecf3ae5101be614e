"""A wrong unit is recognised by its factor, a wrong order of axes by the atoms."""

import dataclasses
import re
from itertools import permutations

import numpy as np
import pytest
from ase.build import bulk
from finished_data import LDOS, displaced_cell, result_of, smeared_density, write_snapshot
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.finished import ImportLimits
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.labels.import_guards import check_imported
from surrogate_hpo.labels.reference_energies import differences_from_dft
from surrogate_hpo.physics.recognition import (
    Arrangement,
    axis_misfits,
    best_arrangement,
    unit_of_factor,
)
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV, RYDBERG_EV

LIMITS = ImportLimits(error_mev_per_atom=25.0, misfit=0.25)
UNITS = {
    "1/(Ry Å³)": RYDBERG_EV,
    "1/(Hartree Å³)": HARTREE_EV,
    "1/(eV bohr³)": BOHR_ANGSTROM**3,
    "1/(Ry bohr³)": RYDBERG_EV * BOHR_ANGSTROM**3,
    "1/(Hartree bohr³)": HARTREE_EV * BOHR_ANGSTROM**3,
    "with one spin only": 0.5,
    "with the spin counted twice": 2.0,
}


@pytest.fixture
def data(tmp_path):
    path = write_snapshot(tmp_path)
    result = result_of(path)
    values = open_finished(path).ldos(LDOS, result)
    ldos = LdosData(values, LdosAxis(LDOS.energy, "gaussian", 0.5), result.cell, result.electrons)
    return ldos, result


@pytest.mark.parametrize(("name", "factor"), UNITS.items())
def test_a_wrong_unit_is_named_with_its_factor(data, name, factor):
    ldos, result = data
    wrong = dataclasses.replace(ldos, values=(factor * ldos.values).astype(np.float32))
    with pytest.raises(PhysicsError) as error:
        check_imported(wrong, result, LIMITS, where="a.out.npy")
    remedy = str(error.value).split("remedy:")[1]
    assert name in remedy
    assert f"factor {factor:.6g}" in remedy
    assert "divide it" in remedy


@given(st.sampled_from(list(UNITS.values())), st.floats(-0.008, 0.008))
def test_the_likeliest_unit_stands_first_and_noise_of_the_count_does_not_matter(factor, noise):
    found = unit_of_factor(factor * (1 + noise))
    assert any(value == pytest.approx(factor) for _, value in found)
    assert unit_of_factor(factor)[0][1] == pytest.approx(factor)


@pytest.mark.parametrize("factor", [3.0, 0.9, 100.0, 0.0, -1.0, float("nan"), float("inf")])
def test_other_factors_are_no_unit(factor):
    assert unit_of_factor(factor) == []


def test_a_factor_that_is_no_unit_is_said_to_be_none(data):
    ldos, result = data
    wrong = dataclasses.replace(ldos, values=3 * ldos.values)
    with pytest.raises(PhysicsError, match=r"factor of 3(\.0\d*)? is that of no known unit"):
        check_imported(wrong, result, LIMITS, where="x")


def test_a_good_ldos_passes(data):
    check_imported(*data, LIMITS, where="x")


def test_an_ldos_of_other_atoms_is_suspicious_and_above_a_limit_an_error(data, caplog):
    ldos, result = data
    assert check_imported(ldos, result, LIMITS, where="x") == []
    assert not caplog.records
    steps = np.random.default_rng(1).normal(0, 1, (4, 3))
    near, far = (
        dataclasses.replace(result, positions=result.positions + size * steps)
        for size in (0.23, 0.3)
    )
    (said,) = check_imported(ldos, near, LIMITS, where="a.out.npy")
    assert f"a.out.npy: {said}" in caplog.text
    assert "atoms at their positions leave" in said
    assert "different snapshots" in said
    with pytest.raises(
        DataError, match=r"of different snapshots(.|\n)*largest_density_misfit"
    ) as e:
        check_imported(ldos, far, LIMITS, where="a.out.npy")
    assert "rearrange" not in str(e.value)
    check_imported(ldos, far, ImportLimits(25.0, 0.9), where="a.out.npy")


@pytest.mark.parametrize("seed", range(5))
def test_a_mixed_up_snapshot_gets_no_advice_to_rearrange_it(data, seed):
    """The best of hundreds of arrangements fits any density of four atoms a little better."""
    ldos, result = data
    atoms = bulk("Al", "fcc", a=4.05, cubic=True)
    atoms.positions += np.random.default_rng(100 + seed).normal(0, 0.12, (4, 3))
    other = dataclasses.replace(result, positions=atoms.positions)
    with pytest.raises(DataError, match="of different snapshots") as error:
        check_imported(ldos, other, LIMITS, where="x")
    assert "rearrange the array" not in str(error.value)


def shifted(ldos, step):
    return dataclasses.replace(ldos, axis=dataclasses.replace(ldos.axis, energy=ldos.energy + step))


def test_a_shifted_energy_axis_is_an_error_that_says_how_far(data):
    ldos, result = data
    with pytest.raises(
        DataError, match=r"Fermi energy \+5\d\.\d meV(.|\n)*\+0\.05\d eV off"
    ) as error:
        check_imported(shifted(ldos, 0.05), result, LIMITS, where="x")
    assert "band energy +1" in str(error.value)
    assert "ldos.minimum_ev" in str(error.value)
    check_imported(shifted(ldos, 0.05), result, ImportLimits(200.0, 0.25), where="x")
    (said,) = check_imported(shifted(ldos, 0.004), result, LIMITS, where="x")
    assert "band energy +1" in said


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": "fermi_dirac"},
        {"width": 0.8},
        {"cell": 1.003 * displaced_cell().cell[:]},
        {"energy": 1.01 * LDOS.energy},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_declared_wrongly_of_an_ldos_shows_in_its_energies(data, change):
    ldos, result = data
    if "cell" in change:
        result = dataclasses.replace(
            result, cell=change["cell"], positions=1.003 * result.positions
        )
        ldos, change = dataclasses.replace(ldos, cell=change["cell"]), {}
    wrong = dataclasses.replace(ldos, axis=dataclasses.replace(ldos.axis, **change))
    with pytest.raises(DataError, match=r"other energies than(.|\n)*(usual causes|shifted)"):
        check_imported(wrong, result, LIMITS, where="x")


def test_in_a_gap_the_fermi_energy_is_not_compared(data):
    ldos, result = data
    gap = np.abs(ldos.energy - 6.0) < 1.5
    empty = dataclasses.replace(ldos, values=np.where(gap, 0, ldos.values).astype(np.float32))
    there = differences_from_dft(
        ldos, dataclasses.replace(result, band_energy=None, hartree_energy=None)
    )
    assert np.isnan(there.band)
    assert abs(there.fermi) < 1
    insulator = dataclasses.replace(
        result, electrons=9.0, band_energy=None, hartree_energy=None, fermi_energy=6.3
    )
    assert np.isnan(differences_from_dft(empty, insulator).fermi)
    assert differences_from_dft(empty, insulator).largest == 0


ORDERS = [Arrangement(order) for order in permutations(range(3)) if order != (0, 1, 2)]
OTHERS = [
    Arrangement(reversed_axes=(0,)),
    Arrangement(reversed_axes=(1, 2)),
    Arrangement(shifted_axes=(0, 1, 2)),
    Arrangement((2, 1, 0), reversed_axes=(2,)),
    Arrangement((1, 2, 0), (0,), (1,)),
]


def rearranged(values, arrangement):
    """What NumPy makes of it, step by step."""
    values = values.transpose(*arrangement.order, *range(3, values.ndim))
    values = np.flip(values, arrangement.reversed_axes)
    return np.fft.ifftshift(values, arrangement.shifted_axes)


def spoilt(values, arrangement):
    """What has to be rearranged to be the values again."""
    values = np.fft.fftshift(values, arrangement.shifted_axes)
    values = np.flip(values, arrangement.reversed_axes)
    return values.transpose(*np.argsort(arrangement.order), *range(3, values.ndim))


@pytest.mark.parametrize("arrangement", [*ORDERS, *OTHERS], ids=lambda a: "; ".join(a.steps))
def test_wrong_axes_are_recognised_on_a_cubic_grid_and_the_remedy_mends_them(data, arrangement):
    ldos, result = data
    wrong = np.ascontiguousarray(spoilt(ldos.values, arrangement))
    np.testing.assert_array_equal(rearranged(wrong, arrangement), ldos.values)
    steps = re.escape(", then ".join(arrangement.steps))
    with pytest.raises(DataError, match=rf"axes of the LDOS are not(.|\n)*the array: {steps};"):
        check_imported(dataclasses.replace(ldos, values=wrong), result, LIMITS, where="x")


@pytest.mark.parametrize("shape", [(10, 10, 10), (9, 9, 9)])
def test_coefficients_are_rearranged_as_the_array_is(shape):
    values = np.random.default_rng(0).normal(size=shape)
    waves = [np.arange(-4, 5)] * 3
    for arrangement in [*ORDERS, *OTHERS]:
        expected = np.fft.fftn(rearranged(values, arrangement))[np.ix_(*waves)]
        got = arrangement.applied(np.fft.fftn(values), waves)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)


def test_atoms_at_symmetric_sites_decide_nothing_and_refuse_nothing(data):
    perfect = bulk("Al", "fcc", a=4.05, cubic=True)
    density = smeared_density(perfect, (10, 10, 10))
    misfits = axis_misfits(density, perfect.cell[:], perfect.positions, list(perfect.symbols))
    orders = [misfits[Arrangement(order)] for order in permutations(range(3))]
    assert max(orders) - min(orders) < 1e-9
    assert best_arrangement(misfits) == Arrangement()


def test_only_orders_that_keep_the_shape_are_compared():
    atoms = displaced_cell()
    density = smeared_density(atoms, (8, 9, 9))
    misfits = axis_misfits(density, atoms.cell[:], atoms.positions, list(atoms.symbols))
    assert {arrangement.order for arrangement in misfits} == {(0, 1, 2), (0, 2, 1)}
    assert misfits[Arrangement()] < 0.05 < misfits[Arrangement((0, 2, 1))]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda v: np.where(v == v.max(), np.nan, v), DataError, "not finite(.|\n)*1 of 77000"),
        (lambda v: v - 0.02 * v.max(), DataError, "negative(.|\n)*ldos.kernel"),
        (lambda v: v + 1e-4, PhysicsError, "cut at the bottom"),
    ],
)
def test_numbers_that_are_no_ldos(data, change, kind, message):
    ldos, result = data
    wrong = dataclasses.replace(ldos, values=change(ldos.values).astype(np.float32))
    with pytest.raises(kind, match=message):
        check_imported(wrong, result, LIMITS, where="x")
