"""Checks between stages: data that contradict each other or physics stop here, with a remedy."""

import numpy as np
import torch

from surrogate_hpo.dft.kernels import kernel_reach, kernel_variance
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.io.models import TrainedModel
from surrogate_hpo.io.stores import DescriptorData, LdosData
from surrogate_hpo.physics.ldos_integrals import dos_from_ldos
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

# At E_F + 10 kT the occupation is 5e-5: less than 1e-4 electrons per atom lie above.
TAIL_IN_KT = 10.0
LARGEST_TOP_OCCUPATION = 1e-2
ELECTRON_TOLERANCE = 0.01


def check_bands(result: DftResult, *, where: str) -> None:
    """The highest band must be nearly empty, or electrons above it are missing.

    Raises
    ------
    PhysicsError
        If it is not.
    """
    occupation = float(result.occupations[:, -1].max())
    if occupation > LARGEST_TOP_OCCUPATION:
        raise PhysicsError(
            "too few bands: the highest one is still occupied",
            where=where,
            expected=f"an occupation of at most {LARGEST_TOP_OCCUPATION:g}",
            got=f"{occupation:.3g} in band {result.occupations.shape[1]}",
            remedy="raise dft.bands",
        )


def check_window(
    result: DftResult, energy: np.ndarray, kernel: str, width: float, *, where: str
) -> None:
    """The energy window must hold all states that matter.

    Raises
    ------
    PhysicsError
        If it begins above the lowest band's broadened tail, or ends too close to the Fermi energy.
    """
    lowest = float(result.eigenvalues.min())
    needed = lowest - kernel_reach(kernel) * width
    if energy[0] > needed:
        raise PhysicsError(
            "the energy window begins above the tail of the lowest band: electrons would be lost",
            where=where,
            expected=f"at most {needed:.2f} eV "
            f"({kernel_reach(kernel):g} widths below the band bottom, {lowest:.2f} eV)",
            got=f"{energy[0]:.2f} eV",
            remedy=f"set ldos.minimum_ev to {np.floor(needed):g} or lower",
        )
    top = result.fermi_energy + TAIL_IN_KT * result.smearing_width
    if energy[-1] < top:
        raise PhysicsError(
            "the energy window ends too close to the Fermi energy: occupied states would be lost",
            where=where,
            expected=f"at least {top:.2f} eV (E_F {result.fermi_energy:.2f} + {TAIL_IN_KT:g} kT)",
            got=f"{energy[-1]:.2f} eV",
            remedy=f"set ldos.maximum_ev to {np.ceil(top):g} or higher; mind dft.bands",
        )


def check_grid(ldos: LdosData, result: DftResult, *, where: str) -> None:
    """An LDOS must lie on the FFT grid of its DFT run.

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


def check_electrons(ldos: LdosData, result: DftResult, *, where: str) -> None:
    """The LDOS must hold the cell's electrons at the DFT run's Fermi energy.

    Raises
    ------
    PhysicsError
        If the count is off by more than one per cent: a wrong unit or a wrong cell.
    """
    volume_element = abs(np.linalg.det(ldos.cell)) / np.prod(ldos.values.shape[:3])
    dos = dos_from_ldos(torch.from_numpy(ldos.values.astype(np.float64)), volume_element)
    weights = occupation_weights(
        torch.from_numpy(ldos.energy),
        result.fermi_energy,
        result.smearing_width / BOLTZMANN_EV_PER_KELVIN,
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


def check_model_fits(
    model: TrainedModel, descriptors: DescriptorData, ldos: LdosData, *, where: str
) -> None:
    """A model must be fed the descriptors, and compared on the axis, that it was trained on.

    Raises
    ------
    DataError
        If descriptor settings, energy axis or kernel differ.
    """
    trained = (model.cutoff_radius, model.twojmax, model.kernel, model.width, len(model.energy))
    given = (
        descriptors.cutoff_radius,
        descriptors.twojmax,
        ldos.kernel,
        ldos.width,
        len(ldos.energy),
    )
    if trained != given or not np.allclose(model.energy, ldos.energy):
        names = "cutoff_radius (Å), twojmax, kernel, width (eV), number of energies"
        raise DataError(
            f"the model was trained on other data ({names})",
            where=where,
            expected=str(trained),
            got=str(given),
            remedy="run the workflow again, so that model and data come from the same settings",
        )
