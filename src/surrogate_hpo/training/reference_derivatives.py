"""Free energy of a training snapshot's own LDOS, with its derivatives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.formats.upf.reader import Pseudopotential
from surrogate_hpo.physics.forces import Ions
from surrogate_hpo.physics.free_energy_gradient import (
    LdosCotangent,
    ion_gradient,
    ldos_cotangent,
)
from surrogate_hpo.physics.ldos_integrals import density_from_ldos
from surrogate_hpo.physics.prediction_grid import Grid
from surrogate_hpo.physics.structure_integrals import StructureIntegrals
from surrogate_hpo.physics.xc.exchange_correlation import exchange_correlation
from surrogate_hpo.physics.xc.functionals import Functional


@dataclass(frozen=True)
class ReferenceSnapshot:
    """What is known of a snapshot: structure, DFT run, LDOS, and pseudopotential per element."""

    atoms: Atoms
    result: DftResult
    data: LdosData
    potentials: Mapping[str, Pseudopotential]

    def integrals(self) -> StructureIntegrals:
        """What an LDOS of it, own or predicted, is integrated with."""
        symbols, data = self.atoms.get_chemical_symbols(), self.data
        charges = [self.potentials[symbol].z_valence for symbol in symbols]
        return StructureIntegrals(
            symbols=symbols,
            ions=Ions(
                positions=torch.from_numpy(self.atoms.positions),
                charges=torch.tensor(charges, dtype=torch.float64),
                cell=torch.from_numpy(data.cell),
            ),
            cores=self.potentials,
            grid=cast(Grid, data.values.shape[:3]),
            energy=torch.from_numpy(data.energy),
            temperature=self.result.electronic_temperature,
            # A plain string in the JSON; unknown ones are refused by the physics itself.
            functional=cast(Functional, self.result.functional),
            broadening_variance=data.axis.broadening_variance,
            density_cutoff=self.result.density_cutoff,
        )


@dataclass(frozen=True)
class ReferenceDerivatives:
    """Free energy of the reference LDOS, its derivative by the LDOS, and the direct part by R."""

    free_energy: float
    cotangent: LdosCotangent
    ions: NDArray[np.float64]


def reference_derivatives(snapshot: ReferenceSnapshot) -> ReferenceDerivatives:
    """Integrate the reference LDOS and differentiate its free energy."""
    integrals, ldos = snapshot.integrals(), torch.from_numpy(snapshot.data.values)
    terms = integrals.energies(ldos, snapshot.result.electrons)
    mu = terms.fermi_energy.detach()
    density, slope = (density_from_ldos(ldos, weights) for weights in integrals.weights(mu))
    ions, cutoff = integrals.ions, integrals.density_cutoff
    positions = ions.positions.clone().requires_grad_()
    core = integrals.core(positions, ions.cell)
    cotangent = ldos_cotangent(
        density,
        slope,
        integrals.energy,
        fermi_energy=mu,
        temperature=integrals.temperature,
        cell=ions.cell,
        functional=integrals.functional,
        broadening_variance=integrals.broadening_variance,
        density_cutoff=cutoff,
        core_density=None if core is None else core.detach(),
    )
    core_energy = None
    if core is not None:
        exchange, potential = exchange_correlation(
            density, ions.cell, integrals.functional, core, density_cutoff=cutoff, create_graph=True
        )
        core_energy = exchange - potential
    direct = ion_gradient(positions, ions.charges, ions.cell, core_energy=core_energy)
    return ReferenceDerivatives(float(terms.total_free_energy.detach()), cotangent, direct.numpy())
