"""A potential that is linear in the SNAP bispectrum at the atoms: the control of the surrogate."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.features import AtomDescriptor, energy_features, force_features
from surrogate_hpo.potential.ridge import Ridge

FloatArray = NDArray[np.float64]
PENALTIES = tuple(float(x) for x in 10.0 ** np.arange(-12.0, 3.0))
MINIMUM_STRUCTURES = 3


@dataclass(frozen=True)
class LinearFit:
    """Coefficients, and how well each structure is predicted from the others.

    Attributes
    ----------
    coefficients
        eV per feature, [features].
    penalty
        Strength of the ridge, relative to the standardised features.
    left_out_errors
        Predicted minus given energy of each structure by the fit without it, eV/atom,
        [structures]; NaN if the others cannot tell.
    force_weight
        w of the fit in Å/atom; 0 if energies alone were fitted.
    """

    coefficients: FloatArray
    penalty: float
    left_out_errors: FloatArray
    force_weight: float = 0.0

    @property
    def leave_one_out_rmse(self) -> float:
        """Root mean square of `left_out_errors` where they are known, eV/atom."""
        return float(np.sqrt(np.nanmean(self.left_out_errors**2)))


@dataclass(frozen=True)
class LinearSnap:
    """A fitted potential.

    Attributes
    ----------
    descriptor
        What atoms are described by.
    fit
        Its coefficients.
    """

    descriptor: AtomDescriptor
    fit: LinearFit

    def energy(self, atoms: Atoms) -> float:
        """Energy of a structure, eV per cell."""
        return float(energy_features(atoms, self.descriptor) @ self.fit.coefficients)

    def forces(self, atoms: Atoms) -> FloatArray:
        """Forces on its atoms, eV/Å, [N, 3]."""
        return (force_features(atoms, self.descriptor) @ self.fit.coefficients).reshape(-1, 3)


def fit_linear_snap(
    energies: Sequence[float],
    features: Sequence[FloatArray],
    *,
    counts: int,
    forces: Sequence[FloatArray] | None = None,
    force_rows: Sequence[FloatArray] | None = None,
    force_weight: float = 0.1,
    penalties: Sequence[float] = PENALTIES,
) -> LinearFit:
    r"""Fit energies, and forces if there are any, by ridge regression.

    .. math::
        \frac{1}{S} \sum_s \Big(\frac{E_s - \mathbf{x}_s \mathbf{c}}{N_s}\Big)^2
        + \frac{w^2}{M} \sum_{m} (F_m - \mathbf{x}'_m \mathbf{c})^2 + \lambda |\mathbf{v}|^2

    over S structures with N_s atoms, and M components of forces. The coefficients of the
    numbers of atoms are free; v are the others, for standardised features. Of the penalties
    that one is taken whose energies per atom have the smallest root mean square error when
    each structure, forces included, is left out in its turn; the larger one of equals. Rows of
    forces are first turned into at most one more per structure than there are features, which
    changes none of these sums: large cells cost no more than small ones.

    Parameters
    ----------
    energies
        eV per cell, one per structure.
    features
        [features] per structure, of `energy_features`.
    counts
        How many leading features are numbers of atoms: one per element.
    forces
        [N, 3] per structure, eV/Å, or [0, 3] where they are not to be fitted; None to fit
        energies alone.
    force_rows
        [3 N, features] per structure, of `force_features`; as many as `forces`.
    force_weight
        w, Å/atom: what an error of the forces counts beside one of the energy per atom.
    penalties
        λ to choose from.

    Returns
    -------
    LinearFit
        For the penalty that was chosen.

    Raises
    ------
    DataError
        If there are fewer than three structures, numbers are not finite or do not fit
        together, or no structure can be predicted from the others.
    """
    rows, target = np.asarray(features, np.float64), np.asarray(energies, np.float64)
    _check(target, rows, forces, force_rows)
    atoms = rows[:, :counts].sum(axis=1)
    blocks = [(e / n)[None] for e, n in zip(rows, atoms, strict=True)]
    targets = [np.array([e / n]) for e, n in zip(target, atoms, strict=True)]
    weights = [np.full(1, len(target) ** -0.5) for _ in blocks]
    components = sum(np.size(f) for f in forces or ())
    if components and forces is not None and force_rows is not None:
        share = force_weight / np.sqrt(components)
        for s, (values, block) in enumerate(zip(forces, force_rows, strict=True)):
            own, own_target = _compressed(block, np.ravel(values))
            blocks[s] = np.vstack([blocks[s], own])
            targets[s] = np.concatenate([targets[s], own_target])
            weights[s] = np.concatenate([weights[s], np.full(len(own), share)])
    ends = np.cumsum([0, *(len(t) for t in targets)])
    weight = np.concatenate(weights)
    stacked = np.vstack(blocks) * weight[:, None]
    ridge = Ridge(
        np.concatenate(targets) * weight,
        stacked[:, :counts],
        stacked[:, counts:],
        [slice(begin, end) for begin, end in pairwise(ends)],
    )
    per_weight = -np.sqrt(len(target))
    fits = [
        LinearFit(
            np.concatenate([fit.free, fit.penalised]),
            fit.penalty,
            per_weight * np.array([errors[0] for errors in fit.left_out]),
            force_weight if components else 0.0,
        )
        for fit in ridge.fits(sorted(penalties, reverse=True))
    ]
    return _best(fits)


def _compressed(rows: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rows that a rotation makes of others, of which all further ones would be zero."""
    if len(rows) <= rows.shape[1] + 1:
        return rows, target
    triangle = np.asarray(np.linalg.qr(np.column_stack([rows, target]), mode="r"), np.float64)
    return triangle[:, :-1], triangle[:, -1]


def _best(fits: Sequence[LinearFit]) -> LinearFit:
    known = [fit for fit in fits if np.isfinite(fit.left_out_errors).any()]
    if not known:
        raise DataError(
            "no structure can be predicted from the others",
            where="linear SNAP potential",
            expected="structures whose elements also occur, in other proportions, in others",
            remedy="fit it to more structures",
        )
    return min(known, key=lambda fit: fit.leave_one_out_rmse)


def _check(
    energies: FloatArray,
    features: FloatArray,
    forces: Sequence[FloatArray] | None,
    force_rows: Sequence[FloatArray] | None,
) -> None:
    if len(energies) < MINIMUM_STRUCTURES:
        raise DataError(
            "a linear SNAP potential cannot be fitted to so few structures",
            expected=f"at least {MINIMUM_STRUCTURES} energies",
            got=str(len(energies)),
            remedy="fit it to more structures",
        )
    given, rows = forces or (), force_rows or ()
    sizes = [np.size(values) for values in given], [len(block) for block in rows]
    if (
        len(features) != len(energies)
        or sizes[0] != sizes[1]
        or len(given) not in {0, len(energies)}
    ):
        raise DataError(
            "energies, forces and features of a linear SNAP potential do not fit together",
            expected="features per energy, and as many rows per structure as components of forces",
            got=f"{len(energies)} energies, {len(features)} rows of features, "
            f"{len(given)} structures with forces",
        )
    numbers = (energies, features, *given, *rows)
    if not all(np.isfinite(values).all() for values in numbers):
        raise DataError(
            "energies, forces or features of a linear SNAP potential are not finite numbers",
            expected="numbers",
            got="NaN or infinity",
            remedy="leave out structures whose energies are not known",
        )
