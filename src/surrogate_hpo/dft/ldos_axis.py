"""The axis of a local density of states: its energies, and how its levels are broadened."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.dft.kernels import kernel_variance


@dataclass(frozen=True)
class LdosAxis:
    """What two LDOS must have in common to be learnt together, or compared.

    Attributes
    ----------
    energy
        `[energy]`, eV, uniform.
    kernel
        Broadening kernel, e.g. `gaussian`.
    width
        Kernel width in eV (QE's degauss convention).
    """

    energy: NDArray[np.float64]
    kernel: str
    width: float

    @property
    def broadening_variance(self) -> float:
        """Variance of the kernel, eV²."""
        return kernel_variance(self.kernel, self.width)

    def agrees(self, other: "LdosAxis", *, tolerance: float | None = None) -> bool:
        """Whether another axis is this one, rounding of the energies apart.

        Parameters
        ----------
        other
            The other.
        tolerance
            Largest difference of an energy, and of the width, in eV, where a file has printed
            them; by default, only rounding of the energies is forgiven.

        Returns
        -------
        bool
            False if kernel, width, number of energies or an energy differ.
        """
        if self.energy.shape != other.energy.shape or self.kernel != other.kernel:
            return False
        if tolerance is None:
            return bool(np.allclose(self.energy, other.energy)) and self.width == other.width
        off = max(float(np.abs(self.energy - other.energy).max()), abs(self.width - other.width))
        return off <= tolerance

    def __str__(self) -> str:
        window = f"{self.energy[0]:g}..{self.energy[-1]:g} eV in {len(self.energy)} points"
        return f"{window}, {self.kernel} {self.width:g} eV"


class HasLdosAxis:
    """What lives on an axis, and tells of it."""

    axis: LdosAxis

    @property
    def energy(self) -> NDArray[np.float64]:
        """Energies in eV, `[energy]`."""
        return self.axis.energy

    @property
    def kernel(self) -> str:
        """Broadening kernel."""
        return self.axis.kernel

    @property
    def width(self) -> float:
        """Its width in eV."""
        return self.axis.width
