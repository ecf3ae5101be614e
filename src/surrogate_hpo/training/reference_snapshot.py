"""A snapshot whose DFT run is known, and what any LDOS of it is integrated with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from ase import Atoms

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.formats.upf.reader import Pseudopotential
from surrogate_hpo.physics.coarse_grid import coarse_shape
from surrogate_hpo.physics.ewald import Ions
from surrogate_hpo.physics.structure_integrals import StructureIntegrals
from surrogate_hpo.physics.xc.functionals import Functional


@dataclass(frozen=True)
class ReferenceSnapshot:
    """What is known of a snapshot: structure, DFT run, LDOS, and pseudopotential per element."""

    atoms: Atoms
    result: DftResult
    data: LdosData
    potentials: Mapping[str, Pseudopotential]

    @property
    def grid(self) -> tuple[int, int, int]:
        """Points along each axis of the LDOS."""
        return cast(tuple[int, int, int], self.data.values.shape[:3])

    @property
    def coarse_grid(self) -> tuple[int, int, int]:
        """Points along each axis of the grid that a training takes."""
        return coarse_shape(self.grid)

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
            grid=self.grid,
            energy=torch.from_numpy(data.energy),
            temperature=self.result.electronic_temperature,
            # A plain string in the JSON; unknown ones are refused by the physics itself.
            functional=cast(Functional, self.result.functional),
            broadening_variance=data.axis.broadening_variance,
            density_cutoff=self.result.density_cutoff,
        )
