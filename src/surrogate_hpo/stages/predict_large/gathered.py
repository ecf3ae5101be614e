"""The slabs of a large cell, put together: DOS, Fermi energies, density of each network."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.networks.training_range import combined
from surrogate_hpo.physics.density_expansion import combination
from surrogate_hpo.physics.fermi_bracket import FermiBracket
from surrogate_hpo.predict.contents import warnings_of
from surrogate_hpo.predict.prediction_energies import Ensemble, NetworkIntegrals
from surrogate_hpo.stages.predict_large.contents import Task, read_brackets
from surrogate_hpo.stages.predict_large.slabs import open_slabs

logger = logging.getLogger(__name__)


class Gathered:
    """What all slabs of a large cell say together.

    One network's density at a time is put together from the slabs, so that memory does not grow
    with their number or that of the networks.

    Parameters
    ----------
    task
        What is predicted.
    bracket
        File of the brackets of the Fermi energies.
    slabs
        Stores of the slabs, in their order.
    inputs
        Checksums of structure, surrogate and bracket, from which the slabs must have been made.

    Raises
    ------
    DataError
        If a slab is damaged, or not one of this cell.
    PhysicsError
        If a DOS holds no Fermi energy, or one outside of its bracket.
    """

    def __init__(
        self, task: Task, bracket: Path, slabs: Sequence[Path], inputs: Mapping[str, str]
    ) -> None:
        self._grid = task.grid
        self._brackets = read_brackets(bracket, task.grid)
        self._slabs = open_slabs(slabs, task.grid, inputs)
        # In 1/eV, [network, energy].
        self.dos = torch.stack([slab.dos for slab in self._slabs]).sum(0)
        seen = [(math.prod(slab.shape), slab.extrapolation) for slab in self._slabs]
        self.extrapolation = combined(seen)
        self.warnings = warnings_of(
            task.surrogate, task.atoms, task.grid, task.conditions, self.extrapolation
        )
        for warning in self.warnings:
            logger.warning(warning)
        self.integrals = NetworkIntegrals(task.surrogate, task.atoms, task.grid, task.conditions)
        self.ensemble = Ensemble(self.integrals, task.grid, self.warnings)
        self.bands = self.ensemble.bands(self.dos)
        _check_brackets(self._brackets, [float(band.fermi_energy) for band in self.bands])

    def density(self, network: int) -> torch.Tensor:
        """Density of one network at its Fermi energy, 1/Å³, [x, y, z], float64.

        Parameters
        ----------
        network
            Its number.

        Returns
        -------
        Tensor
            A new array.

        Raises
        ------
        DataError
            If a slab is damaged.
        """
        factors = self._brackets[network].polynomials(float(self.bands[network].fermi_energy))
        return self._combined(network, factors)

    def density_slope(self, network: int) -> torch.Tensor:
        """Its derivative by the Fermi energy, 1/(eV Å³); otherwise as `density`."""
        factors = self._brackets[network].slopes(float(self.bands[network].fermi_energy))
        return self._combined(network, factors)

    def _combined(self, network: int, factors: torch.Tensor) -> torch.Tensor:
        found = torch.empty(self._grid, dtype=torch.float64)
        for slab in self._slabs:
            planes = slice(slab.begin, slab.begin + slab.shape[0])
            found[planes] = combination(factors, *slab.sums(network))
        return found


def _check_brackets(brackets: Sequence[FermiBracket], fermi_energies: Sequence[float]) -> None:
    """Refuse Fermi energies of which the slabs know no density."""
    pairs = enumerate(zip(fermi_energies, brackets, strict=True))
    missed = {n: abs(mu - one.centre) for n, (mu, one) in pairs if not one.holds(mu)}
    if missed:
        wider = 1.5 * max(missed.values())
        raise PhysicsError(
            "Fermi energies are not where the coarse grid has them, and the slabs know the density "
            "only there",
            where=f"networks {list(missed)}",
            expected=", ".join(
                f"{brackets[n].centre:.4f} ± {brackets[n].half_width:.4f} eV" for n in missed
            ),
            got=", ".join(f"{fermi_energies[n]:.4f} eV" for n in missed),
            remedy=f"set predict_large.fermi_half_width_ev: {wider:.2g} and run again: all "
            "slabs are computed anew",
        )
