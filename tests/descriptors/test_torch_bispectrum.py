import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from snap_oracle import neighbour_vectors
from test_bispectrum import CASES, FCC, column_error, sample

from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.torch_engine.bispectrum import (
    torch_bispectrum,
    torch_bispectrum_of_neighbours,
)
from surrogate_hpo.descriptors.torch_engine.tables import sphere_quadrature
from surrogate_hpo.descriptors.triples import triples
from surrogate_hpo.errors import ConfigError, DataError, EngineError


@pytest.mark.parametrize("degree", [0, 1, 2, 7, 12, 30])
def test_quadrature_averages_even_monomials_exactly(degree):
    nodes, weights = sphere_quadrature(degree)
    np.testing.assert_allclose(np.linalg.norm(nodes, axis=1), 1, rtol=1e-14)
    assert weights.min() > 0
    for powers in np.ndindex(degree + 1, degree + 1, 2, 3):
        if sum(powers) > degree or sum(powers) % 2:
            continue
        # Gaussian moments: the mean of q^powers is 0 for an odd power, else a ratio of !!.
        expected = 0.0
        if not any(p % 2 for p in powers):
            ways = np.prod([np.prod(np.arange(1.0, p, 2)) for p in powers])
            expected = ways / np.prod(np.arange(4.0, sum(powers) + 4, 2))
        assert weights @ np.prod(nodes**powers, axis=1) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("twojmax", [0, 1, 2, 3, 4, 5, 7, 8, 10, 12])
def test_same_numbers_as_the_compiled_kernel(twojmax):
    cell, positions, cutoff = CASES["cubic"]
    positions = positions + np.random.default_rng(1).normal(0, 0.15, positions.shape)
    points = sample(cell, 40)
    arguments = {"cutoff_radius": cutoff, "twojmax": twojmax}
    got = torch_bispectrum(points, positions, cell, **arguments)
    assert got.dtype == np.float64
    assert column_error(got, bispectrum(points, positions, cell, **arguments)) < 1e-12


@pytest.mark.parametrize("name", CASES)
def test_any_cell(name):
    cell, positions, cutoff = CASES[name]
    points = np.vstack([sample(cell), positions[0] + sample(np.eye(3), 12, 1)])
    arguments = {"cutoff_radius": cutoff, "twojmax": 6}
    got = torch_bispectrum(points, positions, cell, **arguments)
    assert column_error(got, bispectrum(points, positions, cell, **arguments)) < 1e-12


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_same_numbers_for_random_elements_and_cells(seed):
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(2.5, 6, 3)) + rng.uniform(-1, 1, (3, 3))
    positions = rng.uniform(-1, 2, (rng.integers(1, 6), 3)) @ cell
    points = np.vstack([rng.uniform(-1, 2, (9, 3)) @ cell, positions[:1]])
    arguments = {
        "cutoff_radius": rng.uniform(2, 5),
        "twojmax": int(rng.integers(0, 8)),
        "weights": rng.uniform(-1, 2, len(positions)),
        "radii": rng.uniform(0.3, 0.6, len(positions)),
    }
    got = torch_bispectrum(points, positions, cell, **arguments, block=int(rng.integers(1, 12)))
    expected = bispectrum(points, positions, cell, **arguments)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("twojmax", [3, 4, 6, 8, 10])
@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_single_precision_within_1e_6_of_each_columns_maximum(twojmax, sigma):
    cell, positions, cutoff = CASES["cubic"]
    positions = positions + np.random.default_rng(1).normal(0, sigma, positions.shape)
    points = sample(cell, 500)
    arguments = {"cutoff_radius": cutoff, "twojmax": twojmax}
    double = bispectrum(points, positions, cell, **arguments)
    single = torch_bispectrum(points, positions, cell, **arguments, dtype=np.float32)
    assert single.dtype == np.float32
    assert 1e-9 < column_error(single, double) < 1e-6


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_without_neighbours_only_the_self_term_is_left(dtype):
    expected = [j + 1 for _, _, j in triples(6)]
    for atoms in ([[0.0, 0, 0]], np.empty((0, 3))):
        got = torch_bispectrum(
            [[10.0, 10, 10]], atoms, np.eye(3) * 20, cutoff_radius=4, twojmax=6, dtype=dtype
        )
        np.testing.assert_allclose(got[0], expected, rtol=1e-6 if dtype == np.float32 else 1e-13)


def test_no_points_no_rows():
    got = torch_bispectrum(np.empty((0, 3)), FCC, np.eye(3) * 4.05, cutoff_radius=3, twojmax=4)
    assert got.shape == (0, 14)


def test_a_coarser_precision_set_elsewhere_is_not_used_and_left_as_it_was():
    cell, positions, cutoff = CASES["cubic"]
    arguments = {"cutoff_radius": cutoff, "twojmax": 6, "dtype": np.float32}
    points = sample(cell, 64)
    expected = torch_bispectrum(points, positions, cell, **arguments)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        got = torch_bispectrum(points, positions, cell, **arguments)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_array_equal(got, expected)


def test_memory_does_not_grow_with_the_number_of_points():
    # In a process of its own: the peak of an earlier test would hide this one.
    code = r"""if True:
        import re
        from pathlib import Path
        import numpy as np
        from surrogate_hpo.descriptors.torch_engine.bispectrum import torch_bispectrum
        points = np.random.default_rng(0).uniform(0, 4, (5000, 3))
        for some in (points[:500], points):
            torch_bispectrum(some, points[:2], np.eye(3) * 4, cutoff_radius=4.0, twojmax=8)
            # Not ru_maxrss: that begins with the peak of the process that started this one.
            print(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
        """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    before, after = map(int, done.stdout.split())
    # Kilobytes; the functions at the nodes for 5000 points at once would be 460 MB. What the
    # allocator keeps varies with its threads.
    assert after - before < 150_000
    assert after < 1_000_000


def lists(points, positions, cell, cutoff):
    """Displacements of all neighbours, padded with zeros."""
    found = [neighbour_vectors(p, positions, cell, np.full(len(positions), cutoff)) for p in points]
    most = max(len(vectors) for vectors, _ in found)
    padded = np.zeros((len(points), most, 3))
    for row, (vectors, _) in zip(padded, found, strict=True):
        row[: len(vectors)] = vectors
    return torch.from_numpy(padded)


def test_gradients_by_displacements_equal_finite_differences():
    cell, positions, cutoff = CASES["triclinic"]
    cutoff = 2.6
    vectors = lists(sample(cell, 3), positions, cell, cutoff)
    padding = (vectors == 0).all(dim=-1)
    assert padding.any()
    cutoffs, weights = (torch.full(padding.shape, x, dtype=torch.float64) for x in (cutoff, 0.7))

    def total(displacements):
        parts = torch_bispectrum_of_neighbours(displacements, cutoffs, weights, twojmax=5)
        return (parts * torch.linspace(-1, 1, parts.shape[1], dtype=torch.float64)).sum()

    # Finite differences must not step off the point, where the atom would begin to count.
    listed = ~padding[..., None]
    vectors.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: total(v * listed), vectors, eps=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(total(vectors), vectors)
    assert (gradient[padding] == 0).all()
    assert gradient.isfinite().all()
    assert (gradient[~padding] != 0).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_same_numbers_on_a_gpu(dtype, bound):
    cell, positions, cutoff = CASES["cubic"]
    points = sample(cell, 2000)
    for twojmax in (3, 8, 10):
        arguments = {"cutoff_radius": cutoff, "twojmax": twojmax}
        expected = bispectrum(points, positions, cell, **arguments)
        for block in (None, 300):
            got = torch_bispectrum(
                points, positions, cell, **arguments, dtype=dtype, device="cuda", block=block
            )
            assert column_error(got, expected) < bound


def test_the_compiled_kernel_and_its_adjoint_do_not_import_torch():
    code = (
        "import sys, surrogate_hpo.descriptors.bispectrum, surrogate_hpo.descriptors.adjoint.gradient\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"cutoff_radius": -1.0}, ConfigError, "cutoff radius is not a positive length"),
        ({"twojmax": 8.0}, ConfigError, "band limit"),
        ({"block": 0}, ConfigError, "`block` is not a positive integer"),
        ({"dtype": np.float16}, ConfigError, "float16"),
        ({"device": "gpu"}, ConfigError, "no such kind of device"),
        ({"device": "meta"}, ConfigError, "no such kind of device"),
        ({"device": "cuda:99"}, EngineError, "remedy: .*native engine"),
        ({"weights": [1.0, 1.0]}, DataError, "`weights` does not give one number per atom"),
        ({"points": [[0.0, np.nan, 0.0]]}, DataError, r"points\[0, 1\]"),
        ({"cell": np.diag([4.0, 4.0, 0.0])}, DataError, "span no volume"),
    ],
)
def test_bad_input_is_named(change, error, message):
    arguments = {
        "points": [[0.5, 0.5, 0.5]],
        "positions": FCC,
        "cell": np.eye(3) * 4.05,
        "cutoff_radius": 4.0,
        "twojmax": 4,
    }
    with pytest.raises(error, match=message):
        torch_bispectrum(**(arguments | change))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_named():
    with pytest.raises(EngineError, match=r"GPU .* is not there(.|\n)*it sees none"):
        torch_bispectrum(FCC, FCC, np.eye(3) * 4.05, cutoff_radius=4.0, twojmax=2, device="cuda")
