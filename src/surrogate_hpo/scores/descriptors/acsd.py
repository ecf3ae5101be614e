"""Average cosine similarity distance (ACSD) between descriptors and LDOS.

Fiedler et al., Mach. Learn.: Sci. Technol. 3, 045008 (2022), eqs. 16-17; the one-sided
form is the one that the MALA code adopted in 2024.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import ConfigError, DataError

Definition = Literal["fiedler2022", "mala2024"]
# Multiplications in a product of blocks, below which BLAS does not wake its threads: these
# products are so small that waiting for each other would cost more than the work.
BLOCK_OPERATIONS = 2**18


def draw_points(per_side: int, *, seed: int) -> NDArray[np.float64]:
    """Draw two sets of points anywhere in the cell, where there is no grid to draw from.

    Parameters
    ----------
    per_side
        Points in each set.
    seed
        Same seed, same points.

    Returns
    -------
    array [2, per_side, 3]
        Fractional coordinates, uniform in [0, 1).
    """
    return np.random.default_rng(seed).random((2, per_side, 3))


def draw_pairs(
    n_points: int, per_side: int, *, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw two sets of points; every point of one is paired with every point of the other.

    All points differ, so that no pair compares a point with itself.

    Parameters
    ----------
    n_points
        Number of points of the grid.
    per_side
        Points in each set; the paper's 200 × 200 pairs are 200.
    seed
        Same seed, same points.

    Returns
    -------
    array [per_side], array [per_side]
        Point numbers of the first and the second set.

    Raises
    ------
    ConfigError
        If the grid has fewer than 2·per_side points, or per_side is less than 1.
    """
    if not 1 <= per_side <= n_points // 2:
        raise ConfigError(
            "The pairs of points cannot be drawn from this grid.",
            where="per_side",
            expected=f"between 1 and half of the {n_points} grid points",
            got=str(per_side),
            remedy="ask for fewer points per side, or take a finer grid",
        )
    drawn = np.random.default_rng(seed).choice(n_points, 2 * per_side, replace=False)
    return drawn[:per_side], drawn[per_side:]


def cosine_similarities(vectors_a: ArrayLike, vectors_b: ArrayLike) -> NDArray[np.float64]:
    """Compute S_C = a·b / (|a| |b|) of all pairs.

    Parameters
    ----------
    vectors_a
        [A, n].
    vectors_b
        [B, n], of the same unit.

    Returns
    -------
    array [A, B]
        Between −1 and 1; NaN where a vector is zero or not finite, as it has no direction.

    Raises
    ------
    DataError
        If the vectors are not two-dimensional arrays of the same length n.
    """
    a, b = np.asarray(vectors_a, np.float64), np.asarray(vectors_b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise DataError(
            "The vectors to be compared do not match.",
            where="cosine similarity",
            expected="shapes [A, n] and [B, n]",
            got=f"{list(a.shape)} and {list(b.shape)}",
        )
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        left = a / np.linalg.norm(a, axis=1, keepdims=True)
        right = b / np.linalg.norm(b, axis=1, keepdims=True)
        # Rounding must not make a descriptor more similar than equal.
        similarity: NDArray[np.float64] = np.clip(_products(left, right), -1, 1)
    return similarity


def _products(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute a·b of all pairs of rows."""
    out = np.empty((len(a), len(b)))
    rows = max(1, BLOCK_OPERATIONS // max(1, b.size))
    for begin in range(0, len(a), rows):
        np.matmul(a[begin : begin + rows], b.T, out=out[begin : begin + rows])
    return out


def nested_similarities(
    vectors: NDArray[np.floating], columns: Mapping[int, NDArray[np.integer]]
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Compute S_C of all pairs for nested choices of columns, each from the one before.

    A·B and the squared lengths are sums over columns, so a larger choice only adds its own.
    Equal to :func:`cosine_similarities` of the columns but for rounding.

    Parameters
    ----------
    vectors
        The two sets, [2, points, n].
    columns
        For each 2·J_max the columns that it keeps; those of a larger one include those of a
        smaller one.

    Yields
    ------
    int, array [points, points]
        2·J_max and its similarities, smallest 2·J_max first; NaN as :func:`cosine_similarities`.

    Raises
    ------
    ConfigError
        If the columns are not nested.
    """
    points = vectors.shape[1]
    products = np.zeros((points, points))
    squares = np.zeros((2, points))
    before: set[int] = set()
    for twojmax in sorted(columns):
        kept = set(columns[twojmax].tolist())
        if not before <= kept:
            raise ConfigError(
                "The columns of the candidates are not nested.",
                where=f"columns of 2·J_max {twojmax}",
                expected=f"at least the columns {sorted(before)}",
                got=str(sorted(kept)),
            )
        added = vectors[..., sorted(kept - before)].astype(np.float64, copy=False)
        before = kept
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            products += _products(added[0], added[1])
            squares += np.square(added).sum(axis=2)
            lengths = np.sqrt(squares)
            similarity = products / lengths[0][:, None]
            similarity /= lengths[1]
        # Rounding must not make a descriptor more similar than equal.
        yield twojmax, np.clip(similarity, -1, 1, out=similarity)


def acsd(
    descriptor_similarity: ArrayLike, ldos_similarity: ArrayLike, definition: Definition
) -> float:
    """Compute the average distance between two sets of similarities.

    ``"fiedler2022"``: mean |S_C(d) − S_C(B)| (the paper's eq. 17); ``"mala2024"``: mean
    max(0, S_C(B) − S_C(d)), which only counts points that look more alike than they are.

    Parameters
    ----------
    descriptor_similarity
        S_C(B) of all pairs.
    ldos_similarity
        S_C(d) of the same pairs.
    definition
        Which form to use.

    Returns
    -------
    float
        The score, 0 at best; NaN if any similarity is.

    Raises
    ------
    ConfigError
        If there is no such definition.
    DataError
        If the shapes differ.
    """
    descriptor = np.asarray(descriptor_similarity, np.float64)
    ldos = np.asarray(ldos_similarity, np.float64)
    if descriptor.shape != ldos.shape:
        raise DataError(
            "Descriptors and LDOS were compared on different pairs of points.",
            expected=f"descriptor similarities of shape {list(ldos.shape)}",
            got=str(list(descriptor.shape)),
        )
    excess = descriptor - ldos
    if definition == "fiedler2022":
        return float(np.abs(excess, out=excess).mean())
    if definition == "mala2024":
        return float(np.maximum(0, excess, out=excess).mean())
    raise ConfigError(
        "There is no such definition of the ACSD.",
        where="definition",
        expected="fiedler2022 or mala2024",
        got=repr(definition),
    )
