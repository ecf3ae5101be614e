"""What replays learn with: a linear SNAP potential, fitted in milliseconds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.choice import Design, design_of
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.linear_snap import LinearFit, fit_linear_snap
from surrogate_hpo.selection.features import describe

FloatArray = NDArray[np.float64]
# Of what a potential would choose from, enough to tell apart.
PENALTIES = (1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0)
_MEV = 1000.0


@dataclass(frozen=True)
class Errors:
    """Errors on structures that were not learnt from.

    Attributes
    ----------
    energy
        Predicted minus given energy, meV/atom, [structures].
    force
        Root mean square over the components of the forces of each structure, meV/Å; NaN where they
        are not known.
    """

    energy: FloatArray
    force: FloatArray

    @property
    def energy_mae(self) -> float:
        """meV/atom."""
        return float(np.abs(self.energy).mean())

    @property
    def energy_rmse(self) -> float:
        """meV/atom; few large errors decide it."""
        return float(np.sqrt((self.energy**2).mean()))

    @property
    def force_rmse(self) -> float:
        """Over structures with forces, meV/Å; NaN without."""
        known = self.force[np.isfinite(self.force)]
        return float(np.sqrt((known**2).mean())) if known.size else math.nan


class Learner:
    """Fits to some of the structures, judged on others; `features` are what they are described by.

    Parameters
    ----------
    data
        Structures with energies, and all or none of them with forces.
    descriptor
        What atoms are described by.
    force_weight
        Å/atom: what an error of forces counts in the fit; 0 for energies alone.

    Raises
    ------
    DataError
        If forces are to be fitted that some structures lack.
    """

    def __init__(
        self, data: Sequence[Labelled], descriptor: AtomDescriptor, force_weight: float
    ) -> None:
        without = [one.name for one in data if one.forces is None]
        if force_weight and without:
            raise DataError(
                "forces are to be learnt that are not known",
                where=", ".join(without[:3]) + (", …" if len(without) > 3 else ""),
                expected=f"forces of all {len(data)} structures",
                got=f"{len(without)} without",
                remedy="set force_weight_angstrom_per_atom to 0 for energies alone",
            )
        self._forces = [one.forces for one in data if one.forces is not None]
        known = self._forces if len(self._forces) == len(data) else None
        atoms = [one.atoms for one in data]
        self.features = describe(atoms, descriptor)
        sums = list(self.features.sums)
        self._design: Design = design_of(atoms, descriptor, known, None, sums)
        self._descriptor, self._weight = descriptor, force_weight
        self.energies = [one.energy for one in data]
        self.atoms = np.array([len(one.atoms) for one in data])

    def fit(self, training: Sequence[int], penalties: Sequence[float] = PENALTIES) -> LinearFit:
        """Fit to some of the structures; the penalty is chosen by leaving out one after the other.

        Parameters
        ----------
        training
            Their numbers, three or more.
        penalties
            To choose from.

        Returns
        -------
        LinearFit
            Coefficients in eV.
        """
        forces = bool(self._weight) and self._design.force_rows is not None
        return fit_linear_snap(
            [self.energies[i] for i in training],
            [self._design.features[i] for i in training],
            counts=self._descriptor.counts,
            forces=[self._forces[i] for i in training] if forces else None,
            force_rows=[self._rows(i) for i in training] if forces else None,
            force_weight=self._weight or 1.0,
            penalties=penalties,
            force_share=self._weight,
        )

    def errors(self, fit: LinearFit, structures: Sequence[int]) -> Errors:
        """Errors of a fit on structures, by their numbers."""
        energy, force = [], []
        for i in structures:
            said = float(self._design.features[i] @ fit.coefficients)
            energy.append(_MEV * (said - self.energies[i]) / self.atoms[i])
            if self._design.force_rows is None:
                force.append(math.nan)
                continue
            apart = self._rows(i) @ fit.coefficients - self._forces[i].ravel()
            force.append(_MEV * float(np.sqrt((apart**2).mean())))
        return Errors(np.array(energy), np.array(force))

    def members(
        self, training: Sequence[int], penalty: float, number: int, seed: int
    ) -> FloatArray:
        """Energies per atom of all structures by fits to structures drawn with replacement.

        Parameters
        ----------
        training
            Numbers of the structures that are drawn from.
        penalty
            Of all fits.
        number
            Of fits.
        seed
            Of the draws.

        Returns
        -------
        array [number, structures]
            eV.
        """
        generator = np.random.default_rng(seed)
        features = np.array(self._design.features) / self.atoms[:, None]
        found = [
            self.fit(
                [training[i] for i in generator.integers(len(training), size=len(training))],
                [penalty],
            )
            for _ in range(number)
        ]
        return np.array([features @ fit.coefficients for fit in found])

    def _rows(self, structure: int) -> FloatArray:
        assert self._design.force_rows is not None  # noqa: S101 - asked for by the caller
        return self._design.force_rows[structure]
