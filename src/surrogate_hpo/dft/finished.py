"""What the config says of finished calculations: the LDOS wanted, and what files leave unsaid."""

from dataclasses import dataclass

from surrogate_hpo.dft.ldos_axis import HasLdosAxis, LdosAxis


@dataclass(frozen=True)
class DftSupplement:
    """What the `dft` section tells of a finished calculation; None for what it does not.

    Attributes
    ----------
    functional
        `lda_pz`, `lda_pw92`, `pbe` or `pbesol`.
    density_cutoff_rydberg
        Plane-wave cutoff of the density.
    electronic_temperature_kelvin
        Of the Fermi-Dirac occupations.
    """

    functional: str | None
    density_cutoff_rydberg: float | None
    electronic_temperature_kelvin: float | None


@dataclass(frozen=True)
class LdosRequest(HasLdosAxis):
    """The LDOS that the `ldos` section asks for.

    Attributes
    ----------
    axis
        Energies and broadening.
    kernel_is_given
        Whether the config names it, rather than leaving it at its default.
    sums_orbitals
        Whether it is to be summed from wavefunctions where there are cubes as well.
    """

    axis: LdosAxis
    kernel_is_given: bool
    sums_orbitals: bool


@dataclass(frozen=True)
class ImportLimits:
    """How far a finished LDOS may be from the numbers that came with it.

    Attributes
    ----------
    error_mev_per_atom
        Largest difference of its band energy (and, in meV, of its Fermi energy).
    misfit
        Largest share of its density's structure that the atoms leave unexplained.
    """

    error_mev_per_atom: float
    misfit: float
