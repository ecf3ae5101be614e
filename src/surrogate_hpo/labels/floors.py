"""What the reference LDOS of one snapshot loses of its energies, in words and numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from surrogate_hpo.predict.energies import FERMI_ENERGY, QUANTITIES, TOTAL, SnapshotEnergies

# What a floor cannot see, since it is the same on both sides.
BLIND = (
    "the floor compares each LDOS with its own DFT run: a mesh of k points or a plane-wave cutoff "
    "that is not converged is on both sides, and the floor cannot see it. `snakemake knoise` "
    "measures the first, a run with a higher dft.cutoff_rydberg the second"
)
# meV/atom: of an Ewald energy that is that of the run.
_ROUNDING = 1.0
_CAUSES = {
    "ewald_energy": "atoms, cell or valence of the potentials are not those of the DFT run",
    "band_energy": "the energy window cuts states (ldos.minimum_ev, maximum_ev), the kernel is too "
    "wide (ldos.width_ev) or another than said (ldos.kernel), the spacing too coarse "
    "(ldos.spacing_ev)",
    "density": "the cutoff of the density or its grid (density_cutoff_rydberg), the functional or "
    "the core density of the potentials is another than in the DFT run, or the LDOS lacks part of "
    "the density",
}
_OF_DENSITY = (
    "hartree_energy",
    "exchange_correlation_energy",
    "exchange_correlation_potential_energy",
)


@dataclass(frozen=True)
class Floor:
    """Reference LDOS minus DFT of one snapshot.

    Attributes
    ----------
    snapshot
        Its name.
    atoms
        Number of atoms.
    errors
        By quantity, meV/atom, of the Fermi energy meV; NaN where DFT does not tell.
    """

    snapshot: str
    atoms: int
    errors: Mapping[str, float]

    @property
    def total(self) -> float:
        """Error of the total free energy, meV/atom; NaN if it is not known."""
        return self.errors[TOTAL]

    @property
    def likely_cause(self) -> str:
        """What usually makes an error like this, by the term that is off most."""
        known = {name: abs(e) for name, e in self.errors.items() if not math.isnan(e)}
        if known.get("ewald_energy", 0.0) > _ROUNDING:
            return _CAUSES["ewald_energy"]
        density = max((known.get(name, 0.0) for name in _OF_DENSITY), default=0.0)
        return _CAUSES["density" if density > known.get("band_energy", 0.0) else "band_energy"]

    def as_row(self) -> dict[str, str | int | float | bool | None]:
        """A row of the table."""
        columns = {
            f"{name}_mev" + ("" if name == FERMI_ENERGY else "_per_atom"): value
            for name, value in self.errors.items()
        }
        return {"snapshot": self.snapshot, "atoms": self.atoms, **columns}


def floor_of(dft: SnapshotEnergies, integrated: SnapshotEnergies) -> Floor:
    """Compare the energies of a snapshot's LDOS with those of its DFT run.

    Parameters
    ----------
    dft
        Of the run; NaN where it does not tell.
    integrated
        Of the reference LDOS.

    Returns
    -------
    Floor
        Differences in meV/atom, of the Fermi energy in meV.
    """
    errors = {
        name: 1000 * (integrated.comparable(name) - dft.comparable(name)) for name in QUANTITIES
    }
    return Floor(dft.snapshot, dft.atoms, errors)


def large_floors(floors: Sequence[Floor], limit: float) -> list[str]:
    """Sentences on snapshots whose total free energy is off by more than a limit.

    Parameters
    ----------
    floors
        Of all snapshots.
    limit
        meV/atom.

    Returns
    -------
    list of str
        One per likely cause, with the snapshots that it concerns.
    """
    by_cause: dict[str, list[Floor]] = {}
    for floor in floors:
        if abs(floor.total) > limit:
            by_cause.setdefault(floor.likely_cause, []).append(floor)
    found = []
    for cause, those in by_cause.items():
        worst = max(those, key=lambda floor: abs(floor.total))
        found.append(
            f"floor above {limit:g} meV/atom in {len(those)} of {len(floors)} snapshots, most in "
            f"{worst.snapshot}: {worst.total:+.1f} meV/atom; the usual causes: {cause}"
        )
    return found


def statistics(floors: Sequence[Floor]) -> dict[str, dict[str, float | None]]:
    """Mean, scatter and largest magnitude of the known errors, by quantity; meV/atom, meV."""
    found: dict[str, dict[str, float | None]] = {}
    for name in QUANTITIES:
        known = [e for floor in floors if not math.isnan(e := floor.errors[name])]
        if not known:
            found[name] = {"mean": None, "std": None, "largest": None}
            continue
        mean = math.fsum(known) / len(known)
        square = math.fsum((error - mean) ** 2 for error in known) / len(known)
        found[name] = {"mean": mean, "std": math.sqrt(square), "largest": max(map(abs, known))}
    return found
