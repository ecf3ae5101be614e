"""The `ldos` section: energy window, kernel and width of the local density of states."""

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from surrogate_hpo import limits
from surrogate_hpo.config.base import NO_RERUN, PositiveFloat, Section
from surrogate_hpo.dft.finished import ImportLimits, LdosRequest
from surrogate_hpo.dft.ldos_axis import KernelName, LdosAxis


class LdosSettings(Section):
    """LDOS on the real-space grid; the energies need to know its kernel and width."""

    source: Literal["wavefunctions", "cubes"] = Field(
        "wavefunctions",
        description="own sum over wavefunctions (norm-conserving), or pp.x cubes (any potential)",
    )
    command: str | None = Field(
        None,
        description="for `cubes`: command that ends in pw.x, or `wheel`; by default pp.x on PATH, "
        "else the wheel",
        json_schema_extra=NO_RERUN,
    )
    kernel: KernelName = Field(
        "gaussian",
        description="broadening kernel; of cubes `gaussian` (pp.x 7.2 or later, use_gauss_ldos) "
        "or `fermi_dirac`, the smearing of the SCF",
    )
    width_ev: PositiveFloat = Field(..., description="kernel width (QE's degauss convention)")
    minimum_ev: float = Field(
        ..., description="lower end; below the lowest band by the kernel's tail"
    )
    maximum_ev: float = Field(..., description="upper end; well above the Fermi energy")
    spacing_ev: PositiveFloat = Field(..., description="energy spacing; at most the width")

    largest_reference_error_mev_per_atom: PositiveFloat = Field(
        25.0,
        description="of finished calculations: a larger difference of the LDOS's band, Hartree "
        "or total energy (or, in meV, Fermi energy) from the one that came with it is an error",
        json_schema_extra=NO_RERUN,
    )
    largest_density_misfit: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25,
        description="of finished calculations: share of the structure of the density that the "
        "atoms may leave unexplained; more means that LDOS and atoms are of different snapshots",
        json_schema_extra=NO_RERUN,
    )

    @property
    def sums_orbitals(self) -> bool:
        """Whether the LDOS is to be summed from wavefunctions, where there are cubes as well."""
        return self.source == "wavefunctions"

    def request(self) -> LdosRequest:
        """The LDOS that is wanted of a finished calculation."""
        return LdosRequest(
            axis=self.axis(),
            kernel_is_given="kernel" in self.model_fields_set,
            sums_orbitals=self.sums_orbitals,
        )

    def import_limits(self) -> ImportLimits:
        """How far a finished LDOS may be from what came with it."""
        return ImportLimits(self.largest_reference_error_mev_per_atom, self.largest_density_misfit)

    def axis(self) -> LdosAxis:
        """Energies of the window and broadening."""
        return LdosAxis(self.energy_axis(), self.kernel, self.width_ev)

    def energy_axis(self) -> NDArray[np.float64]:
        """The uniform energies of the window, both ends included, in eV."""
        steps = round((self.maximum_ev - self.minimum_ev) / self.spacing_ev)
        return self.minimum_ev + self.spacing_ev * np.arange(steps + 1, dtype=np.float64)

    @model_validator(mode="after")
    def _resolved(self) -> Self:
        if self.maximum_ev - self.minimum_ev < 4 * self.spacing_ev:
            msg = f"window {self.minimum_ev}..{self.maximum_ev} eV is shorter than four spacings"
            raise ValueError(msg)
        if self.maximum_ev - self.minimum_ev > limits.ENERGIES * self.spacing_ev:
            msg = f"more than {limits.ENERGIES} energies: widen spacing_ev or narrow the window"
            raise ValueError(msg)
        if self.spacing_ev > self.width_ev:
            msg = (
                f"spacing_ev {self.spacing_ev} is larger than width_ev {self.width_ev}: "
                "the LDOS would be undersampled"
            )
            raise ValueError(msg)
        if self.source == "cubes" and self.kernel not in ("fermi_dirac", "gaussian"):
            msg = "pp.x has no such kernel: with `cubes` set kernel `gaussian` or `fermi_dirac`"
            raise ValueError(msg)
        return self
