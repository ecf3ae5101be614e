"""Thermal configurations as Gaussian displacements from lattice sites."""

import numpy as np
from ase import Atoms

from surrogate_hpo.errors import ConfigError


def thermal_displacements(
    atoms: Atoms,
    *,
    temperature: float,
    debye_waller_b: float,
    reference_temperature: float,
    seed: int,
) -> Atoms:
    """Displace every atom as an independent classical Einstein oscillator.

    Each Cartesian component is Gaussian with variance <u²> = B / (8 pi²) * T / T_ref, B being the
    Debye-Waller factor measured at T_ref (Willis and Pryor, Thermal Vibrations in Crystallography,
    1975, ch. 4). Then the centre of mass is put back where it was, which lowers the variance
    of N equal atoms by the factor 1 - 1/N, as for a crystal at rest.

    Parameters
    ----------
    atoms
        Atoms on their sites, Å.
    temperature
        T in K.
    debye_waller_b
        B in Å².
    reference_temperature
        T_ref in K.
    seed
        Seed of the random numbers; the same seed gives the same configuration.

    Returns
    -------
    ase.Atoms
        A displaced copy; positions are not wrapped into the cell.

    Raises
    ------
    ConfigError
        A temperature or B is negative, or T_ref is zero.
    """
    if temperature < 0 or debye_waller_b < 0 or not reference_temperature > 0:
        raise ConfigError(
            "thermal displacements need a temperature, a Debye-Waller factor and a reference",
            expected="temperature >= 0 K, B >= 0 Å², reference temperature > 0 K",
            got=f"{temperature} K, {debye_waller_b} Å², {reference_temperature} K",
        )
    sigma = np.sqrt(debye_waller_b / (8 * np.pi**2) * temperature / reference_temperature)
    displacement = np.random.default_rng(seed).normal(0.0, sigma, (len(atoms), 3))
    masses = atoms.get_masses()
    displacement -= masses @ displacement / masses.sum()
    displaced: Atoms = atoms.copy()
    displaced.positions += displacement
    return displaced
