"""The `dft` section: how Quantum ESPRESSO is run, or what is to be known of finished runs."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from surrogate_hpo.config.base import NO_RERUN, PositiveFloat, PositiveInt, Section, Triple
from surrogate_hpo.dft.finished import DftSupplement
from surrogate_hpo.errors import ConfigError

Shift = Annotated[list[Annotated[int, Field(ge=0, le=1)]], Field(min_length=3, max_length=3)]
FunctionalName = Literal["lda_pz", "lda_pw92", "pbe", "pbesol"]

# What a run cannot do without, and what else says how it goes: both idle where none is started.
NEEDED_TO_RUN = ("cutoff_rydberg", "kpoints", "bands", "electronic_temperature_kelvin")
RUN_OPTIONS = ("kpoints_shift", "convergence_rydberg", "mixing", "maximum_steps", "command")
# These a finished calculation may leave unsaid.
TELLS_OF_FINISHED = ("electronic_temperature_kelvin", "density_cutoff_rydberg", "functional")


@dataclass(frozen=True)
class RunSettings:
    """The settings that every run of pw.x needs.

    Attributes
    ----------
    cutoff_rydberg
        Plane-wave cutoff.
    kpoints
        Monkhorst-Pack mesh.
    bands
        Kohn-Sham states per k point.
    electronic_temperature_kelvin
        Of the occupations.
    """

    cutoff_rydberg: float
    kpoints: tuple[int, int, int]
    bands: int
    electronic_temperature_kelvin: float


class DftSettings(Section):
    """A self-consistent pw.x calculation per snapshot, Fermi-Dirac occupations.

    Finished calculations (`snapshots.method: finished`) bring their own settings: then only the
    potentials are needed here, and what the calculation's files leave unsaid.
    """

    command: str | None = Field(
        None,
        description="e.g. `pw.x`, `mpirun -np 8 pw.x`, `srun pw.x`; "
        "by default pw.x on PATH, else the wheel",
        json_schema_extra=NO_RERUN,
    )
    pseudopotentials: dict[str, str] = Field(..., min_length=1, description="UPF file per element")
    cutoff_rydberg: PositiveFloat | None = Field(
        None, description="plane-wave cutoff ecutwfc; needed to run pw.x"
    )
    density_cutoff_rydberg: PositiveFloat | None = Field(
        None,
        description="ecutrho; four times `cutoff_rydberg` by default; "
        "of finished calculations what their files say",
    )
    kpoints: Triple | None = Field(None, description="Monkhorst-Pack mesh; needed to run pw.x")
    kpoints_shift: Shift = Field([0, 0, 0], description="1 shifts the mesh by half a step")
    bands: PositiveInt | None = Field(
        None,
        description="Kohn-Sham states per k point; the highest must be nearly empty; "
        "needed to run pw.x",
    )
    electronic_temperature_kelvin: PositiveFloat | None = Field(
        None,
        description="of the Fermi-Dirac occupations; needed to run pw.x; of finished calculations "
        "only where their files round it",
    )
    convergence_rydberg: PositiveFloat = Field(1e-9, description="SCF threshold conv_thr")
    mixing: PositiveFloat = Field(0.5, description="SCF mixing_beta")
    maximum_steps: PositiveInt = Field(100, description="SCF electron_maxstep")
    functional: FunctionalName | None = Field(
        None,
        description="only for finished calculations whose files do not name it; "
        "pw.x takes that of the potentials",
    )

    def run(self) -> RunSettings:
        """What pw.x needs.

        Returns
        -------
        RunSettings
            The settings, none of them missing.

        Raises
        ------
        ConfigError
            If one is missing.
        """
        if (
            self.cutoff_rydberg is None
            or self.kpoints is None
            or self.bands is None
            or self.electronic_temperature_kelvin is None
        ):
            raise ConfigError(
                "settings are missing without which pw.x cannot run",
                where="dft",
                expected=", ".join(NEEDED_TO_RUN),
                got=f"no {', '.join(self.missing_to_run())}",
            )
        return RunSettings(
            self.cutoff_rydberg,
            (self.kpoints[0], self.kpoints[1], self.kpoints[2]),
            self.bands,
            self.electronic_temperature_kelvin,
        )

    def supplement(self) -> DftSupplement:
        """What is said here of finished calculations."""
        return DftSupplement(
            self.functional, self.density_cutoff_rydberg, self.electronic_temperature_kelvin
        )

    def missing_to_run(self) -> list[str]:
        """Keys that a run of pw.x needs and that are not set."""
        return [key for key in NEEDED_TO_RUN if getattr(self, key) is None]

    def idle_without_run(self) -> list[str]:
        """Keys that are set and say nothing where no pw.x is run."""
        idle = set(NEEDED_TO_RUN + RUN_OPTIONS) - set(TELLS_OF_FINISHED)
        return sorted(idle & self.model_fields_set)
