"""Checks of an LDOS against its DFT run; `import_guards` has more for one made elsewhere."""

import numpy as np

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.physics.guards import Array
from surrogate_hpo.physics.ldos_integrals import dos_from_ldos
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.recognition import unit_of_factor

ELECTRON_TOLERANCE = 0.01
# A count that is off by less is of the right unit.
NEARLY_RIGHT = 0.1


def check_electrons(
    ldos: LdosData, result: DftResult, *, where: str, tolerance: float = ELECTRON_TOLERANCE
) -> None:
    """The LDOS must hold the cell's electrons at the DFT run's Fermi energy.

    Parameters
    ----------
    ldos
        The LDOS.
    result
        The DFT run.
    where
        File to name in the message.
    tolerance
        Largest relative error of the count.

    Raises
    ------
    PhysicsError
        If the count is off by more: a wrong unit or a wrong cell.
    """
    # By NumPy: torch takes longer to load than the LDOS of a small cell to make.
    dos = dos_from_ldos(ldos.values, ldos.volume_element)
    count = float(electron_weights(np.asarray(ldos.energy), ldos, result) @ dos)
    if not abs(count - result.electrons) <= tolerance * result.electrons:
        raise PhysicsError(
            "the LDOS does not hold the electrons of the cell",
            where=where,
            expected=f"{result.electrons:g} electrons within {tolerance:.0%}",
            got=f"{count:.4f} up to the Fermi energy {result.fermi_energy:.3f} eV",
            remedy=_unit_remedy(count / result.electrons),
        )


def electron_weights(energy: Array, ldos: LdosData, result: DftResult) -> Array:
    """Weights of the LDOS's energies in the density, at the DFT run's Fermi energy.

    Parameters
    ----------
    energy
        `ldos.energy`, eV, as an array of NumPy or of torch.
    ldos
        The LDOS.
    result
        The DFT run.

    Returns
    -------
    ndarray or Tensor
        `[energy]`, eV, of the kind that `energy` is.
    """
    return occupation_weights(
        energy,
        result.fermi_energy,
        result.electronic_temperature,
        "electrons",
        broadening_variance=ldos.axis.broadening_variance,
    )


def _unit_remedy(factor: float) -> str:
    if abs(factor - 1) < NEARLY_RIGHT:
        return (
            "unit and cell are right; check kernel, width and where the energy window begins, and "
            "whether the kernel is too wide for its bias to be corrected"
        )
    units = unit_of_factor(factor)
    if not units:
        return (
            f"a factor of {factor:.4g} is that of no known unit: check cell, kernel, width and "
            "energy axis, and that the LDOS is in 1/(eV Å³)"
        )
    listed = ", or ".join(f"{unit} (factor {value:.6g})" for unit, value in units)
    return (
        f"it is too large by a factor of {factor:.4g}, as if it were in {listed}: divide it by "
        "that factor, so that it is in 1/(eV Å³) with both spins"
    )


def check_grid(ldos: LdosData, result: DftResult, *, where: str) -> None:
    """An LDOS must lie on the FFT grid of its DFT run.

    Parameters
    ----------
    ldos
        The LDOS.
    result
        The DFT run.
    where
        File to name in the message.

    Raises
    ------
    DataError
        If it does not.
    """
    if ldos.values.shape[:3] != result.fft_grid:
        raise DataError(
            "the LDOS lies on another grid than its DFT run",
            where=where,
            expected=f"{result.fft_grid} points",
            got=f"{ldos.values.shape[:3]}",
            remedy="delete the store and run the workflow again; it is remade",
        )
