"""A potential ready for use: linear SNAP on top of a prior, with members that tell its spread."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.pairs import Terms, pair_terms
from surrogate_hpo.potential.priors import Prior

if TYPE_CHECKING:  # it loads torch, which a linear potential does without
    from surrogate_hpo.potential.networks import ElementNetworks

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PotentialPrediction:
    """What a potential says of a structure.

    Attributes
    ----------
    energy
        eV per cell.
    forces
        eV/Å, [N, 3].
    stress
        eV/Å³, positive under tension, [3, 3].
    energy_std
        Standard deviation over the members, eV per cell; None without members.
    forces_std
        The same of each component of the forces, eV/Å, [N, 3].
    """

    energy: float
    forces: FloatArray
    stress: FloatArray
    energy_std: float | None = None
    forces_std: FloatArray | None = None


@dataclass(frozen=True)
class Potential:
    r"""Energies, forces and stress of structures of known elements.

    .. math::
        E = E_\mathrm{prior} + \sum_i \bigl(c_{e(i)} + \mathbf{B}(i) \cdot
        \boldsymbol\beta_{e(i)}\bigr)

    Attributes
    ----------
    descriptor
        What atoms are described by.
    coefficients
        eV, [features]: a constant per element, then the components' of each element.
    prior
        Pair potential that is added; None for none.
    members
        Coefficients of fits to resampled snapshots, eV, [members, features]; may be empty.
    details
        How it was fitted: plain JSON values.
    networks
        A correction by a network per element; None for the linear potential alone. It is the same
        for all members.
    """

    descriptor: AtomDescriptor
    coefficients: FloatArray
    prior: Prior | None
    members: FloatArray
    details: dict[str, Any]
    networks: "ElementNetworks | None" = None

    @property
    def stress_warnings(self) -> tuple[str, ...]:
        """What speaks against trusting the stress."""
        if self.details.get("stress_learnt", True):
            return ()
        return (
            "all structures of the training have the same volume per atom, and no stress was "
            "fitted: stress, the pressure above all, is left to chance (potential.stress_weight)",
        )

    def predict(
        self, atoms: Atoms, *, spread: bool = False, threads: int = 1
    ) -> PotentialPrediction:
        """Energy, forces and stress of a structure.

        Parameters
        ----------
        atoms
            Periodic structure, Å.
        spread
            Whether the members are asked, too.
        threads
            CPU threads.

        Returns
        -------
        PotentialPrediction
            eV, eV/Å, eV/Å³.

        Raises
        ------
        DataError
            If the structure holds an element that the potential does not know.
        """
        kinds = self.descriptor.kinds(atoms)
        asked = self.coefficients[None]
        if spread and len(self.members):
            asked = np.vstack([asked, self.members])
        counts, components = self.descriptor.counts, self.descriptor.components
        constants = asked[:, :counts]
        slopes = asked[:, counts:].reshape(len(asked), counts, components)[:, kinds]
        bispectrum = self.descriptor.bispectrum(atoms)
        values = bispectrum(threads=threads)
        energies = constants[:, kinds].sum(axis=1) + np.einsum("mic,ic->m", slopes, values)
        if self.networks is not None:
            more, steeper = self.networks.energy_and_slopes(values, kinds)
            energies, slopes = energies + more, slopes + steeper
        derivative, strain = bispectrum.adjoint(slopes, threads=threads)
        prior = prior_terms(self.prior, atoms, kinds)
        found = PotentialPrediction(
            float(energies[0]) + prior.energy,
            prior.forces - derivative[0],
            (strain[0] + prior.strain) / abs(float(atoms.get_volume())),
        )
        if len(asked) <= 2:
            return found
        return PotentialPrediction(
            found.energy,
            found.forces,
            found.stress,
            float(np.std(energies[1:], ddof=1)),
            np.asarray(np.std(derivative[1:], axis=0, ddof=1)),
        )


def prior_terms(prior: Prior | None, atoms: Atoms, kinds: NDArray[np.intp]) -> Terms:
    """What the prior says of a structure: nothing without one.

    Parameters
    ----------
    prior
        Pair potential, or None.
    atoms
        Periodic structure, Å.
    kinds
        Index of each atom's element, [N].

    Returns
    -------
    Terms
        eV, eV/Å.
    """
    if prior is None:
        return Terms(0.0, np.zeros((len(atoms), 3)), np.zeros((3, 3)))
    return pair_terms(atoms, kinds, prior)
