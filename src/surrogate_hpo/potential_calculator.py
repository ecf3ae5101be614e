"""An ASE calculator on a fitted potential: energies, forces and stress, without any grid."""

from pathlib import Path

from surrogate_hpo.data.potentials import read_potential
from surrogate_hpo.stages.potential.calculator import FittedCalculator


class PotentialCalculator(FittedCalculator):
    """Energies, forces and stress of periodic structures from the file of the potential stage.

    ``energy`` and ``free_energy`` are both what the potential was fitted to: the total free energy
    A = E - TS of the electrons where it learnt from the runs' DFT, in eV per cell. ``forces``
    (eV/Å) and ``stress`` (eV/Å³, Voigt order, positive under tension) are its exact derivatives.
    With `spread`, `results` also holds ``energy_std`` (eV) and ``forces_std`` (eV/Å), standard
    deviations over fits to resampled snapshots: a sign of how well the training determines the
    potential there, no bound of its error. ``stress_warnings`` says where the training cannot have
    taught a stress.

    Parameters
    ----------
    path
        `potential.json` of the potential stage.
    spread
        Ask the members, too; takes about as much longer as there are members.
    threads
        CPU threads.

    Raises
    ------
    DataError
        If the file is no potential.
    """

    def __init__(self, path: Path | str, *, spread: bool = False, threads: int = 1) -> None:
        super().__init__(read_potential(path), spread=spread, threads=threads)
