"""The `dft` section: how Quantum ESPRESSO is run, or what is to be known of finished runs."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from surrogate_hpo.config.base import (
    NO_RERUN,
    FileName,
    PositiveFloat,
    PositiveInt,
    Section,
    Triple,
)
from surrogate_hpo.dft.convergence import default_threshold, kpoint_mesh
from surrogate_hpo.dft.finished import DftSupplement
from surrogate_hpo.errors import ConfigError

Shift = Annotated[list[Annotated[int, Field(ge=0, le=1)]], Field(min_length=3, max_length=3)]
FunctionalName = Literal["lda_pz", "lda_pw92", "pbe", "pbesol"]

# What a run cannot do without, and what else says how it goes: both idle where none is started.
NEEDED_TO_RUN = ("cutoff_rydberg", "electronic_temperature_kelvin")
# Of each pair one is needed.
ALTERNATIVES = (("kpoints", "kpoint_spacing_per_angstrom"), ("bands", "bands_per_atom"))
RUN_OPTIONS = (
    "kpoints_shift",
    "convergence_rydberg",
    "mixing",
    "maximum_steps",
    "command",
    "forces_and_stress",
    "keep_wavefunctions",
    *(key for pair in ALTERNATIVES for key in pair),
)
# These a finished calculation may leave unsaid.
TELLS_OF_FINISHED = ("electronic_temperature_kelvin", "density_cutoff_rydberg", "functional")


@dataclass(frozen=True)
class RunSettings:
    """The settings that every run of pw.x needs, for one cell.

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
    convergence_rydberg
        Threshold of self-consistency for the cell.
    """

    cutoff_rydberg: float
    kpoints: tuple[int, int, int]
    bands: int
    electronic_temperature_kelvin: float
    convergence_rydberg: float


class DftSettings(Section):
    """A self-consistent pw.x calculation per snapshot, Fermi-Dirac occupations.

    Finished calculations (`snapshots.method: finished`) bring their own settings: then only the
    potentials are needed here, and what the calculation's files leave unsaid.
    """

    command: str | None = Field(
        None,
        description="e.g. `pw.x`, `mpirun -np 8 pw.x`, `srun pw.x`; "
        "by default pw.x on PATH, else the wheel; `wheel` takes that in any case",
        json_schema_extra=NO_RERUN,
    )
    pseudopotentials: dict[str, FileName] = Field(
        ..., min_length=1, description="UPF file per element"
    )
    cutoff_rydberg: PositiveFloat | None = Field(
        None, description="plane-wave cutoff ecutwfc; needed to run pw.x"
    )
    density_cutoff_rydberg: PositiveFloat | None = Field(
        None,
        description="ecutrho; four times `cutoff_rydberg` by default; "
        "of finished calculations what their files say",
    )
    kpoints: Triple | None = Field(
        None,
        description="Monkhorst-Pack mesh; to run pw.x either this or "
        "`kpoint_spacing_per_angstrom` is needed",
    )
    kpoint_spacing_per_angstrom: PositiveFloat | None = Field(
        None,
        description="largest distance of neighbouring k points, 2 pi included: a mesh for each "
        "cell, as dense in all; 0.2 converges aluminium at 5000 K to 0.2 meV/atom",
    )
    kpoints_shift: Shift = Field([0, 0, 0], description="1 shifts the mesh by half a step")
    bands: PositiveInt | None = Field(
        None,
        description="Kohn-Sham states per k point; the highest must be nearly empty; to run "
        "pw.x either this or `bands_per_atom` is needed",
    )
    bands_per_atom: PositiveFloat | None = Field(
        None, description="the same for cells of any size: so many per atom, rounded up, and one"
    )
    electronic_temperature_kelvin: PositiveFloat | None = Field(
        None,
        description="of the Fermi-Dirac occupations; needed to run pw.x; of finished calculations "
        "only where their files round it",
    )
    convergence_rydberg: PositiveFloat | None = Field(
        None,
        description="SCF threshold conv_thr, of the cell; by default 2.5e-10 times the number of "
        "atoms",
    )
    mixing: PositiveFloat = Field(0.5, description="SCF mixing_beta")
    maximum_steps: PositiveInt = Field(100, description="SCF electron_maxstep")
    forces_and_stress: bool = Field(
        True, description="compute them as well (tprnfor, tstress): a few per cent of the time"
    )
    keep_wavefunctions: bool = Field(
        False,
        description="keep them when the LDOS is made, so that one of another window, kernel or "
        "width needs no DFT; `surrogate-hpo estimate` says how much they take",
        json_schema_extra=NO_RERUN,
    )
    functional: FunctionalName | None = Field(
        None,
        description="only for finished calculations whose files do not name it; "
        "pw.x takes that of the potentials",
    )

    def run(self, atoms: int, cell: NDArray[np.float64]) -> RunSettings:
        """What pw.x needs for a structure.

        Parameters
        ----------
        atoms
            Number of atoms.
        cell
            Lattice vectors as rows, Å, shape (3, 3).

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
            or self.electronic_temperature_kelvin is None
            or self.missing_to_run()
        ):
            raise ConfigError(
                "settings are missing without which pw.x cannot run",
                where="dft",
                expected=", ".join((*NEEDED_TO_RUN, *map(" or ".join, ALTERNATIVES))),
                got=f"no {', '.join(self.missing_to_run())}",
            )
        mesh = (0, 0, 0)
        if self.kpoints is not None:
            mesh = (self.kpoints[0], self.kpoints[1], self.kpoints[2])
        elif self.kpoint_spacing_per_angstrom is not None:
            mesh = kpoint_mesh(cell, self.kpoint_spacing_per_angstrom)
        return RunSettings(
            self.cutoff_rydberg,
            mesh,
            self.bands or math.ceil((self.bands_per_atom or 0) * atoms) + 1,
            self.electronic_temperature_kelvin,
            self.convergence_rydberg or default_threshold(atoms),
        )

    def supplement(self) -> DftSupplement:
        """What is said here of finished calculations."""
        return DftSupplement(
            self.functional, self.density_cutoff_rydberg, self.electronic_temperature_kelvin
        )

    def missing_to_run(self) -> list[str]:
        """Keys that a run of pw.x needs and that are not set."""
        missing = [key for key in NEEDED_TO_RUN if getattr(self, key) is None]
        return missing + [
            " or ".join(pair)
            for pair in ALTERNATIVES
            if all(getattr(self, key) is None for key in pair)
        ]

    @model_validator(mode="after")
    def _one_of_each_pair(self) -> Self:
        both = [
            " and ".join(pair)
            for pair in ALTERNATIVES
            if all(getattr(self, key) is not None for key in pair)
        ]
        if both:
            msg = f"two ways of saying one thing: {'; '.join(both)}; leave one of each out"
            raise ValueError(msg)
        return self

    def idle_without_run(self) -> list[str]:
        """Keys that are set and say nothing where no pw.x is run."""
        idle = set(NEEDED_TO_RUN + RUN_OPTIONS) - set(TELLS_OF_FINISHED)
        return sorted(idle & self.model_fields_set)
