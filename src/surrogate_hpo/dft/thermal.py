"""Thermal configurations: Gaussian displacements from lattice sites, or molecular dynamics."""

import numpy as np
from ase import Atoms, units
from ase.calculators.emt import EMT
from ase.constraints import FixCom
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

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


# ASE's EMT has further parameters "for fun" (H, C, N, O); they describe no material.
EMT_ELEMENTS = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")
_FRICTION_PER_FS = 0.02
_RELAXATION_TIMES = 5.0


def thermal_frame(
    atoms: Atoms,
    *,
    temperature: float,
    time_step: float,
    equilibration_steps: int,
    seed: int,
) -> Atoms:
    """Equilibrate atoms with a Langevin thermostat and return the last frame.

    Forces are those of effective medium theory (Jacobsen, Stoltze and Nørskov, Surf. Sci. 366,
    394 (1996)) as in ASE. Each call starts anew from the given sites with random velocities,
    so frames of different seeds are statistically independent. The centre of mass stays.

    Parameters
    ----------
    atoms
        Atoms on their sites, Å; periodic cell.
    temperature
        T in K.
    time_step
        Time step in fs.
    equilibration_steps
        Number of steps; together at least five relaxation times of the thermostat (250 fs).
    seed
        Seed of velocities and thermostat; the same seed gives the same frame.

    Returns
    -------
    ase.Atoms
        Equilibrated copy with momenta, without calculator.

    Raises
    ------
    ConfigError
        An element without EMT parameters, a run too short to equilibrate, or T <= 0.
    """
    _check(atoms, temperature, time_step, equilibration_steps)
    frame: Atoms = atoms.copy()
    frame.calc = EMT()
    thermostat(frame, temperature=temperature, time_step=time_step, seed=seed).run(
        equilibration_steps
    )
    frame.calc = None
    frame.set_constraint()
    return frame


def thermostat(atoms: Atoms, *, temperature: float, time_step: float, seed: int) -> Langevin:
    """Langevin dynamics of atoms that lie on their sites or near, ready to run.

    Parameters
    ----------
    atoms
        With a calculator; they are what moves. Momenta and a constraint are set.
    temperature
        T in K.
    time_step
        Time step in fs.
    seed
        Seed of velocities and thermostat.

    Returns
    -------
    ase.md.langevin.Langevin
        Which keeps the centre of mass where it is.
    """
    generator = np.random.default_rng(seed)
    # Half of the kinetic energy goes into the lattice: twice the temperature starts near the end.
    thermalize_momenta(atoms, 2 * temperature, rng=generator)
    atoms.set_constraint(FixCom())
    return Langevin(
        atoms,
        timestep=time_step * units.fs,
        temperature_K=temperature,
        friction=_FRICTION_PER_FS / units.fs,
        rng=generator,
        fixcm=False,
    )


def _check(atoms: Atoms, temperature: float, time_step: float, equilibration_steps: int) -> None:
    missing = sorted(set(atoms.get_chemical_symbols()) - set(EMT_ELEMENTS))
    if missing:
        raise ConfigError(
            f"no EMT potential for {', '.join(missing)}",
            where="molecular_dynamics",
            expected=f"only elements of {', '.join(EMT_ELEMENTS)}",
            got=atoms.get_chemical_formula(),
            remedy="use Gaussian displacements, or give structure files of your own",
        )
    if not temperature > 0 or not time_step > 0:
        raise ConfigError(
            "molecular dynamics needs a positive temperature and time step",
            got=f"{temperature} K, {time_step} fs",
        )
    shortest = _RELAXATION_TIMES / _FRICTION_PER_FS
    if equilibration_steps * time_step < shortest:
        raise ConfigError(
            "molecular dynamics is too short to equilibrate",
            expected=f"equilibration_steps * time_step_femtosecond >= {shortest:g} fs",
            got=f"{equilibration_steps} * {time_step:g} fs",
        )
