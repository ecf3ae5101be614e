"""Checks of a DFT run and what goes into it: what contradicts physics stops, with a remedy.

Apart from the checks that need torch, so that the dft stage starts fast and no edit of the
physics reruns it.
"""

import logging
from collections.abc import Mapping

import numpy as np

from surrogate_hpo.dft.ldos_axis import LdosAxis, kernel_reach
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError, PhysicsError
from surrogate_hpo.formats.upf.reader import Pseudopotential

logger = logging.getLogger(__name__)
# At E_F + 10 kT the occupation is 5e-5: less than 1e-4 electrons per atom lie above.
TAIL_IN_KT = 10.0
LARGEST_TOP_OCCUPATION = 1e-2
_ELECTRON_TOLERANCE = 1e-3


def check_one_functional(potentials: Mapping[str, Pseudopotential]) -> None:
    """All pseudopotentials must be made with one exchange-correlation functional.

    Parameters
    ----------
    potentials
        By element.

    Raises
    ------
    ConfigError
        If they are not.
    """
    if len({potential.functional for potential in potentials.values()}) > 1:
        raise ConfigError(
            "the pseudopotentials were made with different functionals",
            where="dft.pseudopotentials",
            got=", ".join(f"{element}: {p.functional}" for element, p in potentials.items()),
            remedy="use potentials of one functional",
        )


def check_kinds(potentials: Mapping[str, Pseudopotential]) -> None:
    """No potential may be PAW: total energies could not be made of density and LDOS.

    Parameters
    ----------
    potentials
        By element.

    Raises
    ------
    ConfigError
        Naming those that are.
    """
    found = [element for element, potential in potentials.items() if potential.kind == "paw"]
    if found:
        raise ConfigError(
            "PAW potentials are not supported: the one-centre energy is not among the terms of "
            "which the total energy is made",
            where=", ".join(f"dft.pseudopotentials.{element}" for element in found),
            expected="norm-conserving, or ultrasoft with ldos.source: cubes",
            got="PAW",
            remedy="use a norm-conserving potential of the same functional",
        )


def check_potentials(
    result: DftResult, potentials: Mapping[str, Pseudopotential], *, where: str
) -> None:
    """The given potentials must be those of a calculation that was made elsewhere.

    Parameters
    ----------
    result
        The calculation.
    potentials
        By element.
    where
        File to name in the message.

    Raises
    ------
    ConfigError
        If an element has none, their valence electrons are not those of the cell, or they were
        made with another functional than the config says for a calculation that does not itself.
    """
    missing = sorted(set(result.species) - set(potentials))
    if missing:
        raise ConfigError(
            "elements without a pseudopotential",
            where="dft.pseudopotentials",
            got=f"{', '.join(missing)} in {where}",
            remedy="add a UPF file for each",
        )
    electrons = sum(potentials[symbol].z_valence for symbol in result.species)
    if abs(electrons - result.electrons) > _ELECTRON_TOLERANCE:
        raise ConfigError(
            "the pseudopotentials have not the electrons of the calculation",
            where=where,
            expected=f"{result.electrons:g} valence electrons",
            got=f"{electrons:g}",
            remedy="give the potentials that it was made with: "
            + (", ".join(result.pseudopotentials.values()) or "see its input"),
        )
    for element in sorted(set(result.species)):
        _check_functional(result, element, potentials[element], where)


def _check_functional(
    result: DftResult, element: str, potential: Pseudopotential, where: str
) -> None:
    """What pw.x wrote of itself is right, whatever a potential says: input_dft may replace it."""
    if potential.functional == result.functional:
        return
    if result.version is None:
        raise ConfigError(
            "dft.functional contradicts the pseudopotential",
            where=f"dft.functional, for {where}",
            expected=f"{potential.functional}, as the potential of {element} says",
            got=result.functional,
            remedy="give the functional of the calculation (without input_dft it is that of the "
            "potentials) and the potentials that it was made with",
        )
    logger.warning(
        "%s: calculated with %s, but the potential of %s was made with %s",
        where,
        result.functional,
        element,
        potential.functional,
    )


def check_bands(result: DftResult, *, where: str) -> None:
    """The highest band must be nearly empty, or electrons above it are missing.

    Where the bands are not known, the LDOS has to show it: see `check_electrons`.

    Parameters
    ----------
    result
        The DFT run.
    where
        File to name in the message.

    Raises
    ------
    PhysicsError
        If it is not.
    """
    if not result.knows_bands:
        return
    occupation = float(result.occupations[:, -1].max())
    if occupation > LARGEST_TOP_OCCUPATION:
        raise PhysicsError(
            "too few bands: the highest one is still occupied",
            where=where,
            expected=f"an occupation of at most {LARGEST_TOP_OCCUPATION:g}",
            got=f"{occupation:.3g} in band {result.occupations.shape[1]}",
            remedy="raise dft.bands",
        )


def check_window(result: DftResult, axis: LdosAxis, *, where: str) -> None:
    """The energy window must hold all states that matter.

    Where the bands are not known, the LDOS has to show that it begins low enough: see
    `check_electrons`.

    Parameters
    ----------
    result
        The DFT run.
    axis
        Energies and broadening of the LDOS.
    where
        File to name in the message.

    Raises
    ------
    PhysicsError
        If it begins above the lowest band's broadened tail, or ends too close to the Fermi energy.
    """
    lowest = float(result.eigenvalues.min()) if result.knows_bands else np.inf
    energy, reach = axis.energy, kernel_reach(axis.kernel)
    needed = lowest - reach * axis.width
    if energy[0] > needed:
        raise PhysicsError(
            "the energy window begins above the tail of the lowest band: electrons would be lost",
            where=where,
            expected=f"at most {needed:.2f} eV "
            f"({reach:g} widths below the band bottom, {lowest:.2f} eV)",
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
