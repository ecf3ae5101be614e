"""A potential that is linear in the SNAP bispectrum at the atoms: the control of the surrogate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

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
    left_out_force_rmse
        Root mean square error of the components of forces, each structure predicted by the fit
        without it, eV/Å; NaN if there are no forces.
    left_out_virial_rmse
        The same of the virials per atom, eV; NaN if there are none.
    """

    coefficients: FloatArray
    penalty: float
    left_out_errors: FloatArray
    force_weight: float = 0.0
    left_out_force_rmse: float = math.nan
    left_out_virial_rmse: float = math.nan

    @property
    def leave_one_out_rmse(self) -> float:
        """Root mean square of `left_out_errors` where they are known, eV/atom."""
        return float(np.sqrt(np.nanmean(self.left_out_errors**2)))

    def score(self, force_share: float, virial_share: float = 0.0) -> float:
        """Error of left-out energies plus shares of those of forces (Å/atom) and virials, eV."""
        shares = (force_share, self.left_out_force_rmse), (virial_share, self.left_out_virial_rmse)
        return self.leave_one_out_rmse + sum(
            share * error for share, error in shares if not math.isnan(error)
        )


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
    virials: Sequence[FloatArray] | None = None,
    virial_rows: Sequence[FloatArray] | None = None,
    virial_weight: float = 0.1,
    penalties: Sequence[float] = PENALTIES,
    force_share: float = 0.0,
    virial_share: float = 0.0,
) -> LinearFit:
    r"""Fit energies, and forces and virials if there are any, by ridge regression.

    .. math::
        \frac{1}{S} \sum_s \Big(\frac{E_s - \mathbf{x}_s \mathbf{c}}{N_s}\Big)^2
        + \frac{w^2}{M} \sum_{m} (F_m - \mathbf{x}'_m \mathbf{c})^2
        + \frac{u^2}{L} \sum_{l} \Big(\frac{W_l - \mathbf{x}''_l \mathbf{c}}{N_l}\Big)^2
        + \lambda |\mathbf{v}|^2

    over S structures with N_s atoms, M components of forces and L components of virials. The
    coefficients of the numbers of atoms are free; v are the others, for standardised features. Of
    the penalties that one is taken whose energies per atom (plus a share of the forces) have the
    smallest root mean square error when each structure, forces included, is left out in its turn;
    the larger one of equals. Rows of forces are first turned into at most one more per structure
    than there are features, which changes none of these sums: large cells cost no more than small
    ones.

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
    virials
        [L, features] per structure: volume times stress over the number of atoms, eV/atom, any
        components; None, or empty, where they are not to be fitted.
    virial_rows
        [L, features] per structure, of the same.
    virial_weight
        u, dimensionless: what an error of the virial per atom counts beside one of the energy.
    penalties
        λ to choose from.
    force_share
        Å/atom: what an error of left-out forces counts beside one of left-out energies in the
        choice of the penalty.
    virial_share
        The same of left-out virials per atom, dimensionless.

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
    _check(target, rows, virials, virial_rows)
    atoms = rows[:, :counts].sum(axis=1)
    design = _Design.of_energies(target / atoms, rows / atoms[:, None])
    pulled = design.add(forces, force_rows, force_weight)
    strained = design.add(virials, virial_rows, virial_weight)
    ends = np.cumsum([0, *(len(part) for part in design.targets)])
    stacked = np.vstack(design.blocks)
    ridge = Ridge(
        np.concatenate(design.targets),
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
            force_weight if pulled is not None else 0.0,
            _left_out_rmse(fit.left_out, pulled, force_weight),
            _left_out_rmse(fit.left_out, strained, virial_weight),
        )
        for fit in ridge.fits(sorted(penalties, reverse=True))
    ]
    return _best(fits, force_share, virial_share)


@dataclass(frozen=True)
class _Design:
    """Weighted rows and targets of each structure, its energy first."""

    blocks: list[FloatArray]
    targets: list[FloatArray]

    @classmethod
    def of_energies(cls, target: FloatArray, rows: FloatArray) -> Self:
        weight = len(target) ** -0.5
        return cls([weight * row[None] for row in rows], [weight * t[None] for t in target])

    def add(
        self,
        values: Sequence[FloatArray] | None,
        rows: Sequence[FloatArray] | None,
        weight: float,
    ) -> list[slice] | None:
        """Append rows to those of each structure; where they are, or None if there are none."""
        components = sum(np.size(given) for given in values or ())
        if not components or values is None or rows is None:
            return None
        share, found = weight / np.sqrt(components), []
        for s, (given, block) in enumerate(zip(values, rows, strict=True)):
            own, own_target = _compressed(block, np.ravel(given))
            found.append(slice(len(self.targets[s]), len(self.targets[s]) + len(own)))
            self.blocks[s] = np.vstack([self.blocks[s], share * own])
            self.targets[s] = np.concatenate([self.targets[s], share * own_target])
        return found


def _left_out_rmse(
    left_out: Sequence[FloatArray], where: Sequence[slice] | None, weight: float
) -> float:
    """Root mean square error of left-out rows, which already carry weight and number."""
    if where is None:
        return math.nan
    squares = [
        float((errors[rows] ** 2).sum()) for errors, rows in zip(left_out, where, strict=True)
    ]
    return math.sqrt(float(np.nansum(squares))) / weight


def _compressed(rows: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rows that a rotation makes of others, of which all further ones would be zero."""
    if len(rows) <= rows.shape[1] + 1:
        return rows, target
    triangle = np.asarray(np.linalg.qr(np.column_stack([rows, target]), mode="r"), np.float64)
    return triangle[:, :-1], triangle[:, -1]


def _best(fits: Sequence[LinearFit], *shares: float) -> LinearFit:
    known = [fit for fit in fits if np.isfinite(fit.left_out_errors).any()]
    if not known:
        raise DataError(
            "no structure can be predicted from the others",
            where="linear SNAP potential",
            expected="structures whose elements also occur, in other proportions, in others",
            remedy="fit it to more structures",
        )
    return min(known, key=lambda fit: fit.score(*shares))


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
