"""What a self-consistent calculation of Quantum ESPRESSO is told, apart from the atoms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN, RYDBERG_EV

PREFIX = "espresso"
# Set by ScfSettings and run_espresso, or needed by what reads the files afterwards.
_RESERVED = {
    *("calculation", "prefix", "outdir", "pseudo_dir", "wf_collect", "ecutwfc", "ecutrho"),
    *("nbnd", "occupations", "smearing", "degauss", "nosym", "nspin", "noncolin", "lspinorb"),
    *("conv_thr", "mixing_beta", "electron_maxstep", "disk_io", "tprnfor", "tstress"),
}


@dataclass(frozen=True)
class ScfSettings:
    """Settings of a self-consistent calculation, Fermi-Dirac occupations, without symmetry.

    Attributes
    ----------
    cutoff_rydberg
        Plane-wave cutoff (ecutwfc), Ry.
    kpoints
        Monkhorst-Pack mesh.
    electronic_temperature_kelvin
        T; degauss = k_B T.
    bands
        Number of Kohn-Sham states (nbnd).
    shift
        0 or 1 for each direction: shift the mesh by half a step.
    density_cutoff_rydberg
        Cutoff of the density (ecutrho), Ry; four times `cutoff_rydberg` by default.
    convergence_rydberg
        Threshold of self-consistency for the cell (conv_thr), Ry.
    mixing
        Share of the new density (mixing_beta).
    maximum_steps
        Iterations before giving up (electron_maxstep).
    forces_and_stress
        Whether they are computed as well.
    extra
        Further entries by namelist, such as `{"electrons": {"diagonalization": "cg"}}`.

    Raises
    ------
    ConfigError
        A non-positive setting, or an entry in `extra` that another setting sets.
    """

    cutoff_rydberg: float
    kpoints: tuple[int, int, int]
    electronic_temperature_kelvin: float
    bands: int
    shift: tuple[int, int, int] = (0, 0, 0)
    density_cutoff_rydberg: float | None = None
    convergence_rydberg: float = 1e-9
    mixing: float = 0.5
    maximum_steps: int = 100
    forces_and_stress: bool = False
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_positive(
            electronic_temperature_kelvin=self.electronic_temperature_kelvin,
            cutoff_rydberg=self.cutoff_rydberg,
            convergence_rydberg=self.convergence_rydberg,
            mixing=self.mixing,
            bands=self.bands,
            maximum_steps=self.maximum_steps,
            kpoints=min(self.kpoints),
        )
        for namelist, entries in self.extra.items():
            taken = sorted(_RESERVED & {key.lower() for key in entries})
            if taken:
                raise ConfigError(
                    "an extra entry is already set by the workflow",
                    where=f"extra, {namelist}",
                    got=", ".join(taken),
                    remedy="use the named setting instead",
                )

    def namelists(self) -> dict[str, dict[str, Any]]:
        """Name all entries of pw.x's namelists; the mesh has a card of its own."""
        data: dict[str, dict[str, Any]] = {
            "control": {
                "calculation": "scf",
                "prefix": PREFIX,
                "outdir": ".",
                "disk_io": "low",
                "tprnfor": self.forces_and_stress,
                "tstress": self.forces_and_stress,
            },
            "system": {
                "ecutwfc": self.cutoff_rydberg,
                "ecutrho": self.density_cutoff_rydberg or 4 * self.cutoff_rydberg,
                "nbnd": self.bands,
                "occupations": "smearing",
                "smearing": "fermi-dirac",
                "degauss": BOLTZMANN_EV_PER_KELVIN
                * self.electronic_temperature_kelvin
                / RYDBERG_EV,
                "nosym": True,
            },
            "electrons": {
                "conv_thr": self.convergence_rydberg,
                "mixing_beta": self.mixing,
                "electron_maxstep": self.maximum_steps,
            },
        }
        for namelist, entries in self.extra.items():
            data.setdefault(namelist.lower(), {}).update(entries)
        return data


def _check_positive(**settings: float) -> None:
    for name, value in settings.items():
        if not value > 0:
            raise ConfigError("the setting must be positive", where=name, got=str(value))
