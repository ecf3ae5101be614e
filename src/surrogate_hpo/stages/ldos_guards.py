"""Checks of an LDOS against its DFT run: grid and electrons."""

import torch

from surrogate_hpo.dft.kernels import kernel_variance
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.io.ldos_store import LdosData
from surrogate_hpo.physics.ldos_integrals import dos_from_ldos
from surrogate_hpo.physics.quadrature import occupation_weights

ELECTRON_TOLERANCE = 0.01


def check_electrons(ldos: LdosData, result: DftResult, *, where: str) -> None:
    """The LDOS must hold the cell's electrons at the DFT run's Fermi energy.

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
    PhysicsError
        If the count is off by more than one per cent: a wrong unit or a wrong cell.
    """
    dos = dos_from_ldos(torch.from_numpy(ldos.values), ldos.volume_element)
    weights = occupation_weights(
        torch.from_numpy(ldos.energy),
        result.fermi_energy,
        result.electronic_temperature,
        "electrons",
        broadening_variance=kernel_variance(ldos.kernel, ldos.width),
    )
    count = float(weights @ dos)
    if not abs(count - result.electrons) <= ELECTRON_TOLERANCE * result.electrons:
        raise PhysicsError(
            "the LDOS does not hold the electrons of the cell",
            where=where,
            expected=f"{result.electrons:g} electrons within {ELECTRON_TOLERANCE:.0%}",
            got=f"{count:.4f} up to the Fermi energy {result.fermi_energy:.3f} eV",
            remedy="check its unit (1/(eV Å³)), cell, kernel, width and energy axis",
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
