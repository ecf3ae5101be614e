import numpy as np
import pytest

from surrogate_hpo.descriptors.triples import (
    clebsch_gordan,
    equal_row_pairs,
    n_components,
    nested_columns,
    triples,
)
from surrogate_hpo.errors import ConfigError


def test_counts_are_lammps():
    assert [n_components(t) for t in (0, 2, 4, 6, 8, 10)] == [1, 5, 14, 30, 55, 91]
    assert triples(2) == ((0, 0, 0), (1, 0, 1), (1, 1, 2), (2, 0, 2), (2, 2, 2))


def test_nested_columns_are_not_a_prefix():
    columns = nested_columns(4, 2)
    assert [triples(4)[k] for k in columns] == list(triples(2))
    assert list(columns) != list(range(len(columns)))


def test_a_higher_band_limit_cannot_be_had_from_a_lower():
    with pytest.raises(ConfigError, match="higher band limit"):
        nested_columns(4, 6)
    with pytest.raises(ConfigError, match="non-negative integer"):
        nested_columns(4, -1)


@pytest.mark.parametrize(("j1", "j2"), [(0, 0), (1, 1), (3, 2), (6, 4), (10, 10), (16, 13)])
def test_clebsch_gordan_couples_unitarily(j1, j2):
    # Σ_{j, m} ⟨m1 m2|j m⟩⟨m1' m2'|j m⟩ = δ: the change of basis is orthogonal.
    columns = []
    for j in range(abs(j1 - j2), j1 + j2 + 1, 2):
        table = clebsch_gordan(j1, j2, j)
        for m in range(j + 1):
            total = m + (j1 + j2 - j) // 2
            column = np.zeros_like(table)
            for m1 in range(max(0, total - j2), min(j1, total) + 1):
                column[m1, total - m1] = table[m1, total - m1]
            columns.append(column.ravel())
    basis = np.array(columns)
    np.testing.assert_allclose(basis @ basis.T, np.eye((j1 + 1) * (j2 + 1)), atol=1e-14)


def test_clebsch_gordan_of_two_spins():
    # ⟨½ ½ ½ −½ | 1 0⟩ = ⟨½ −½ ½ ½ | 1 0⟩ = 1/√2; the singlet changes its sign.
    np.testing.assert_allclose(clebsch_gordan(1, 1, 2), [[1, 0.5**0.5], [0.5**0.5, 1]])
    np.testing.assert_allclose(clebsch_gordan(1, 1, 0), [[0, -(0.5**0.5)], [0.5**0.5, 0]])


@pytest.mark.parametrize(("x", "y"), [(0, 0), (1, 1), (3, 2), (4, 4), (7, 7), (9, 2)])
def test_row_pairs_of_a_group_couple_alike_and_each_pair_has_one_group(x, y):
    groups = equal_row_pairs(x, y)
    everyone = [pair for group in groups for pair in group]
    assert sorted(everyone) == [(m, n) for m in range(x + 1) for n in range(y + 1)]
    assert groups == sorted(sorted(group) for group in groups)
    assert max(map(len, groups)) <= (4 if x == y else 2)
    for z in range(abs(x - y), x + y + 1, 2):
        coupling = np.abs(clebsch_gordan(x, y, z))
        for group in groups:
            np.testing.assert_allclose([coupling[pair] for pair in group], coupling[group[0]])
