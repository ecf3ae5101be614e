import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from occupied_density import occupied_density

from surrogate_hpo.dft.ldos import ldos_from_bands
from surrogate_hpo.dft.ldos_axis import KERNEL_NAMES, kernel
from surrogate_hpo.errors import ConfigError, DataError

GRID = (3, 4, 5)
K_POINTS, BANDS = 3, 6


def random_bands(seed: int) -> dict:
    generator = np.random.default_rng(seed)
    weights = generator.random(K_POINTS)
    densities = generator.random((K_POINTS, BANDS, *GRID))
    volume_element = 0.7
    densities /= densities.sum(axis=(2, 3, 4), keepdims=True) * volume_element
    return {
        "orbital_densities": densities,
        "eigenvalues": np.sort(generator.uniform(-3, 8, (K_POINTS, BANDS))),
        "k_weights": 2 * weights / weights.sum(),
    }


@pytest.mark.parametrize("name", KERNEL_NAMES)
def test_equals_the_sum_written_out(name):
    bands = random_bands(1)
    energy = np.linspace(-6, 12, 31)
    expected = np.zeros((*GRID, len(energy)))
    for k, weight in enumerate(bands["k_weights"]):
        for b, level in enumerate(bands["eigenvalues"][k]):
            delta = kernel(name, (energy - level) / 0.5) / 0.5
            expected += weight * bands["orbital_densities"][k, b][..., None] * delta
    ldos = ldos_from_bands(**bands, energy=energy, kernel=name, width=0.5)
    assert ldos.dtype == np.float32
    assert ldos.shape == expected.shape
    assert np.abs(ldos - expected).max() < 3e-7 * np.abs(expected).max()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), width=st.floats(0.1, 0.6), name=st.sampled_from(KERNEL_NAMES))
def test_integral_is_the_number_of_states(seed, width, name):
    bands = random_bands(seed)
    energy = np.linspace(-12, 17, 600)
    ldos = ldos_from_bands(**bands, energy=energy, kernel=name, width=width)
    states = ldos.sum(dtype=np.float64) * 0.7 * (energy[1] - energy[0])
    assert states == pytest.approx(2 * BANDS, rel=2e-6)


def test_accuracy_holds_over_many_k_points():
    count = 1000
    density = np.full((1, *GRID), 0.1)
    ldos = ldos_from_bands(
        orbital_densities=(density for _ in range(count)),
        eigenvalues=np.zeros((count, 1)),
        k_weights=np.full(count, 2 / count),
        energy=np.array([0.0, 0.1]),
        kernel="gaussian",
        width=0.3,
    )
    exact = 0.2 * np.exp(-((0.1 / 0.3) ** 2)) / np.sqrt(np.pi) / 0.3
    assert ldos[..., 1] == pytest.approx(exact, rel=1e-5)


def test_large_grid_is_worked_through_in_slabs():
    generator = np.random.default_rng(0)
    density = generator.random((1, 2, 30, 30, 40))
    arguments = {
        "eigenvalues": np.array([[0.0, 1.0]]),
        "k_weights": np.array([2.0]),
        "energy": np.array([0.0, 0.5]),
        "kernel": "gaussian",
        "width": 0.5,
    }
    whole = ldos_from_bands(orbital_densities=density, **arguments)
    part = ldos_from_bands(orbital_densities=density[..., 35:], **arguments)
    assert np.array_equal(whole[:, :, 35:], part)


def test_occupied_density_counts_the_electrons():
    bands = random_bands(2)
    occupations = np.random.default_rng(3).random((K_POINTS, BANDS))
    density = occupied_density(
        orbital_densities=bands["orbital_densities"],
        occupations=occupations,
        k_weights=bands["k_weights"],
    )
    assert density.shape == GRID
    electrons = (bands["k_weights"][:, None] * occupations).sum()
    assert density.sum() * 0.7 == pytest.approx(electrons, rel=1e-13)


@pytest.mark.parametrize("sizes", [[6], [5, 1], [2, 2, 2], [1, 3, 2]])
def test_bands_may_come_in_batches(sizes):
    """The order of the sum over bands changes; no more than rounding in float64 comes of it."""
    bands = random_bands(5)
    axis = {"energy": np.linspace(-6, 12, 31), "kernel": "gaussian", "width": 0.5}
    whole = ldos_from_bands(**bands, **axis)
    ends = np.cumsum(sizes)[:-1]
    batches = [part for point in bands["orbital_densities"] for part in np.split(point, ends)]
    parts = ldos_from_bands(**bands | {"orbital_densities": iter(batches)}, **axis)
    assert np.abs(parts - whole).max() <= 1e-7 * whole.max()


def test_a_batch_of_bands_is_not_held_while_the_next_is_made():
    alive = []

    def batches():
        for point in random_bands(5)["orbital_densities"]:
            for band in point:
                assert not [reference for reference in alive if reference() is not None]
                batch = band[None].copy()
                alive.append(weakref.ref(batch))
                yield batch
                del batch

    bands = random_bands(5) | {"orbital_densities": batches()}
    ldos_from_bands(**bands, energy=np.linspace(0, 1, 3), kernel="gaussian", width=0.5)
    assert len(alive) == K_POINTS * BANDS


def test_a_batch_never_holds_bands_of_two_k_points():
    bands = random_bands(1)
    joined = bands["orbital_densities"].reshape(-1, 9, *GRID)
    with pytest.raises(
        DataError, match=r"do not fit(.|\n)*k point 0, band 0(.|\n)*3 k points of 6"
    ):
        ldos_from_bands(
            **bands | {"orbital_densities": joined},
            energy=np.linspace(0, 1, 3), kernel="gaussian", width=0.5,
        )  # fmt: skip


@pytest.mark.parametrize("kept", [2, 0])
def test_missing_k_points_are_refused(kept):
    bands = random_bands(1)
    bands["orbital_densities"] = bands["orbital_densities"][:kept]
    with pytest.raises(
        DataError, match=f"missing\n  expected: 3 k points\n  got: {kept}, and 0 bands"
    ):
        ldos_from_bands(**bands, energy=np.linspace(0, 1, 3), kernel="gaussian", width=0.5)


def test_bands_that_do_not_fit_are_refused():
    bands = random_bands(1)
    bands["eigenvalues"] = bands["eigenvalues"][:, :-1]
    with pytest.raises(DataError, match=r"do not fit the eigenvalues\n  where: k point 0"):
        ldos_from_bands(**bands, energy=np.linspace(0, 1, 3), kernel="gaussian", width=0.5)


@pytest.mark.parametrize("width", [0.0, -0.1, np.nan])
def test_width_must_be_positive(width):
    with pytest.raises(ConfigError, match="width must be positive"):
        ldos_from_bands(**random_bands(1), energy=np.zeros(2), kernel="gaussian", width=width)
