import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from surrogate_hpo.dft.ldos_axis import KERNEL_NAMES, kernel, kernel_reach, kernel_variance
from surrogate_hpo.errors import ConfigError

each_kernel = pytest.mark.parametrize("name", KERNEL_NAMES)


def moment(name: str, order: int, lower: float = -40.0, upper: float = 40.0) -> float:
    value, _ = quad(
        lambda x: x**order * float(kernel(name, x)),
        lower,
        upper,
        points=[0.0],
        limit=200,
        epsabs=1e-13,
    )
    return value


@each_kernel
def test_integrates_to_one_and_has_no_mean(name):
    assert moment(name, 0) == pytest.approx(1.0, abs=1e-12)
    assert moment(name, 1) == pytest.approx(0.0, abs=1e-12)


@each_kernel
@given(width=st.floats(0.01, 3.0))
def test_variance_is_the_second_moment(name, width):
    numeric, _ = quad(
        lambda e: e**2 * float(kernel(name, e / width)) / width,
        -40 * width,
        40 * width,
        points=[0.0],
        limit=200,
    )
    assert kernel_variance(name, width) == pytest.approx(numeric, abs=1e-8 * width**2)


@each_kernel
def test_reach_is_where_both_tails_have_fallen_below_1e_5(name):
    reach = kernel_reach(name)
    tails = [abs(moment(name, 0, reach, 40)), abs(moment(name, 0, -40, -reach))]
    assert max(tails) <= 1e-5
    nearer = 0.98 * reach
    tails = [abs(moment(name, 0, nearer, 40)), abs(moment(name, 0, -40, -nearer))]
    assert max(tails) > 1e-5


@given(st.lists(st.floats(-1e4, 1e4), min_size=1))
def test_fermi_dirac_kernel_is_minus_the_derivative_of_the_occupation(xs):
    x = np.array(xs)
    with np.errstate(over="ignore"):
        reference = 0.25 / np.cosh(np.clip(x, -700, 700) / 2) ** 2
    assert kernel("fermi_dirac", x) == pytest.approx(reference, rel=1e-10, abs=1e-300)


def test_cold_smearing_has_its_weight_above_the_level_as_in_pp_x():
    # pp.x evaluates its kernels at (E - eps)/degauss; only this one tells the sign.
    assert float(kernel("cold", 1.0)) > 0
    assert float(kernel("cold", 2.0)) < 0 < float(kernel("cold", -2.0))


def test_unknown_kernel_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"unknown broadening kernel\n.*gaussian.*\n.*'lorentz'"):
        kernel("lorentz", 0.0)
