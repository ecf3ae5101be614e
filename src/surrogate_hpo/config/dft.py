"""The `dft` section: how Quantum ESPRESSO is run."""

from typing import Annotated

from pydantic import Field

from surrogate_hpo.config.base import NO_RERUN, PositiveFloat, PositiveInt, Section, Triple

Shift = Annotated[list[Annotated[int, Field(ge=0, le=1)]], Field(min_length=3, max_length=3)]


class DftSettings(Section):
    """A self-consistent pw.x calculation per snapshot, Fermi-Dirac occupations."""

    command: str | None = Field(
        None,
        description="e.g. `pw.x`, `mpirun -np 8 pw.x`, `srun pw.x`; "
        "by default pw.x on PATH, else the wheel",
        json_schema_extra=NO_RERUN,
    )
    pseudopotentials: dict[str, str] = Field(..., min_length=1, description="UPF file per element")
    cutoff_rydberg: PositiveFloat = Field(..., description="plane-wave cutoff ecutwfc")
    density_cutoff_rydberg: PositiveFloat | None = Field(
        None, description="ecutrho; four times `cutoff_rydberg` by default"
    )
    kpoints: Triple = Field(..., description="Monkhorst-Pack mesh")
    kpoints_shift: Shift = Field([0, 0, 0], description="1 shifts the mesh by half a step")
    bands: PositiveInt = Field(
        ..., description="Kohn-Sham states per k point; the highest must be nearly empty"
    )
    electronic_temperature_kelvin: PositiveFloat = Field(
        ..., description="of the Fermi-Dirac occupations"
    )
    convergence_rydberg: PositiveFloat = Field(1e-9, description="SCF threshold conv_thr")
    mixing: PositiveFloat = Field(0.5, description="SCF mixing_beta")
    maximum_steps: PositiveInt = Field(100, description="SCF electron_maxstep")
