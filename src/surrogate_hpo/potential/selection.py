"""Descriptors of atoms compared before anything is fitted: by their kernel, or beside the DOS.

The first stage of S. Kondati Natarajan and M. A. Caro, arXiv:2101.00049, and the ACSD of Fiedler
et al., Mach. Learn.: Sci. Technol. 3, 045008 (2022), at atoms instead of points of a grid.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.descriptors.triples import nested_columns
from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.options import SelectionOptions
from surrogate_hpo.scores.descriptors.acsd import acsd, cosine_similarities, nested_similarities
from surrogate_hpo.scores.descriptors.kernel_spread import kernel_spread, similarity_moments

FloatArray = NDArray[np.float64]
_FEWEST = 4


@dataclass(frozen=True)
class DescriptorScore:
    """What a descriptor was found to be worth, without a fit.

    Attributes
    ----------
    cutoff_radius_angstrom
        R_cut, Å.
    twojmax
        2·J_max.
    kernel_std
        Standard deviation of the kernel over pairs of atoms, dimensionless.
    kernel_skewness
        Its skewness, dimensionless; NaN where all pairs are equal.
    pareto
        Whether no other descriptor has a wider and at the same time less lopsided kernel.
    score
        What decides: σ / (1 + |γ|), larger is better, or the ACSD, smaller is better.
    """

    cutoff_radius_angstrom: float
    twojmax: int
    kernel_std: float
    kernel_skewness: float
    pareto: bool
    score: float

    def as_row(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def score_descriptors(
    structures: Sequence[Atoms],
    descriptors: Sequence[AtomDescriptor],
    options: SelectionOptions,
    *,
    seed: int,
    dos: Sequence[FloatArray] | None = None,
) -> list[DescriptorScore]:
    r"""Compare descriptors by how they tell atoms apart.

    .. math::
        K_{ij} = \Bigl(\frac{\mathbf{B}(i) \cdot \mathbf{B}(j)}
        {|\mathbf{B}(i)|\,|\mathbf{B}(j)|}\Bigr)^\zeta

    over all pairs of atoms of the same element among some that are drawn: of different elements the
    linear potential compares nothing. `kernel_spread` asks for a large standard deviation σ and at
    the same time a small skewness γ: its choice is the point of the Pareto front with the largest
    σ / (1 + |γ|). `acsd` compares K for ζ = 1 with the same of the densities of states by atom.

    Parameters
    ----------
    structures
        Periodic structures, Å.
    descriptors
        What to choose from; one set of elements.
    options
        Kind of score, power and number of atoms.
    seed
        Of the draw of atoms.
    dos
        Share of each atom in the density of states, [N, energies] per structure, 1/eV; for `acsd`.

    Returns
    -------
    list of DescriptorScore
        In the order of the descriptors.

    Raises
    ------
    DataError
        If there are too few atoms of one element to compare, or shares are missing, of other
        structures, or zero.
    """
    kinds = np.concatenate([descriptors[0].kinds(atoms) for atoms in structures])
    chosen = np.sort(np.random.default_rng(seed).permutation(len(kinds))[: options.environments])
    pairs = _pairs(kinds[chosen])
    known = None if options.kind != "acsd" else _dos_similarities(dos, kinds, chosen)[pairs]
    found = {}
    for radius in dict.fromkeys(one.cutoff_radius for one in descriptors):
        same = [one for one in descriptors if one.cutoff_radius == radius]
        highest = max(same, key=lambda one: one.twojmax)
        vectors = np.vstack([highest.bispectrum(atoms)() for atoms in structures])[chosen]
        columns = {one.twojmax: nested_columns(highest.twojmax, one.twojmax) for one in same}
        for twojmax, similarity in nested_similarities(np.array([vectors, vectors]), columns):
            kernel = similarity[pairs] ** options.power
            std, skewness = similarity_moments(kernel)
            score = (
                kernel_spread(std, skewness)
                if known is None
                else acsd(similarity[pairs], known, options.definition)
            )
            found[radius, twojmax] = DescriptorScore(
                radius, twojmax, std, skewness, pareto=False, score=score
            )
    scores = [found[one.cutoff_radius, one.twojmax] for one in descriptors]
    return [replace(one, pareto=not any(_beats(other, one) for other in scores)) for one in scores]


def best_descriptor(scores: Sequence[DescriptorScore], options: SelectionOptions) -> int:
    """Number of the one to take: the best score, the first of equals.

    Parameters
    ----------
    scores
        Of `score_descriptors`.
    options
        The same as there.

    Returns
    -------
    int
        From 0.
    """
    values = [one.score if options.kind == "acsd" else -one.score for one in scores]
    return int(np.argmin(values))


def _beats(other: DescriptorScore, one: DescriptorScore) -> bool:
    """Whether another kernel is at least as wide and as even, and better in one of the two."""
    wide = other.kernel_std - one.kernel_std
    even = abs(one.kernel_skewness) - abs(other.kernel_skewness)
    return wide >= 0 and even >= 0 and wide + even > 0


def _pairs(kinds: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of different atoms of one element."""
    first, second = np.triu_indices(len(kinds), 1)
    same = kinds[first] == kinds[second]
    if np.count_nonzero(same) < _FEWEST * (_FEWEST - 1) // 2:
        raise DataError(
            "there are too few atoms to compare descriptors by",
            where="potential.hyperparameters",
            expected=f"at least {_FEWEST} atoms of one element",
            got=f"{len(kinds)} atoms",
            remedy="give more structures, or take potential.hyperparameters.selection: error",
        )
    return first[same], second[same]


def _dos_similarities(
    dos: Sequence[FloatArray] | None, kinds: NDArray[np.intp], chosen: NDArray[np.intp]
) -> FloatArray:
    """Similarities of the densities of states of all drawn atoms."""
    shares = np.vstack(list(dos)) if dos else np.empty((0, 0))
    if len(shares) != len(kinds):
        raise DataError(
            "densities of states by atom are not those of the structures",
            where="potential.hyperparameters.selection: acsd",
            expected=f"a row for each of {len(kinds)} atoms",
            got=str(len(shares)),
            remedy="run `snakemake potential` again: it makes results/ados/atoms.pt",
        )
    found = cosine_similarities(shares[chosen], shares[chosen])
    if not np.isfinite(found).all():
        raise DataError(
            "a density of states by atom is zero or not finite, so that it has no direction",
            where="potential.hyperparameters.selection: acsd",
            remedy="check the window of the ldos section",
        )
    return found
