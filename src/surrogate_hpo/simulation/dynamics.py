"""Molecular dynamics whose state can be kept, and what its log tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Literal, get_args

import numpy as np
from ase import Atoms, units
from ase.constraints import FixCom
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from surrogate_hpo.run.interface import require_option
from surrogate_hpo.simulation.motion import FAR_AWAY, Row, kept_count, kept_numbers

Ensemble = Literal["nve", "nvt"]
TIME, TOTAL_ENERGY, TEMPERATURE = "time_femtosecond", "total_energy_ev", "temperature_kelvin"
_LONGEST_STEP = 20.0  # fs; the fastest vibration of a solid of heavy atoms takes some 100 fs
_FEWEST_FOR_A_SLOPE = 10


@dataclass(frozen=True)
class DynamicsSettings:
    """What decides the numbers of a run of molecular dynamics.

    Attributes
    ----------
    ensemble
        `nve`: velocity Verlet; `nvt`: Langevin.
    temperature_kelvin
        Of the first velocities, and of the thermostat; None where neither is needed.
    time_step_femtosecond
        Time step.
    friction_per_picosecond
        Of the thermostat.
    seed
        Of velocities and thermostat.
    keep_velocities
        Whether the structure brings its velocities.

    Raises
    ------
    ConfigError
        If one of them makes no sense.
    """

    ensemble: Ensemble
    temperature_kelvin: float | None
    time_step_femtosecond: float = 1.0
    friction_per_picosecond: float = 10.0
    seed: int = 0
    keep_velocities: bool = False

    def __post_init__(self) -> None:
        known, temperature = get_args(Ensemble), self.temperature_kelvin
        step, friction = self.time_step_femtosecond, self.friction_per_picosecond
        require_option(
            self.ensemble in known, "ensemble", f"one of {', '.join(known)}", self.ensemble
        )
        needed = self.ensemble == "nvt" or not self.keep_velocities
        given = temperature is not None and 0 < temperature < 1e5
        require_option(
            given or (temperature is None and not needed),
            "temperature-kelvin",
            "more than 0 K",
            "nothing" if temperature is None else temperature,
        )
        sane = 0 < step <= _LONGEST_STEP
        require_option(sane, "time-step-femtosecond", f"0 to {_LONGEST_STEP:g} fs", step)
        sane = 0 < friction * step < 1000  # less than once per time step
        require_option(sane, "friction-per-picosecond", "more than 0, less than 1/step", friction)
        require_option(self.seed >= 0, "seed", "0 or more", self.seed)


class DynamicsMotion:
    """Atoms that move by Newton's or Langevin's equations; their centre of mass stays.

    Forces that do not quite sum up to zero, since the grid is fixed, would move it. Where atoms
    are fixed, those stay instead.

    Parameters
    ----------
    atoms
        Atoms with their calculator; two or more.
    settings
        The equations.
    """

    def __init__(self, atoms: Atoms, settings: DynamicsSettings) -> None:
        require_option(len(atoms) > 1, "structure", "two atoms or more", len(atoms))
        self.atoms = atoms
        self._steps, self._settings = 0, settings
        self._generator = np.random.default_rng(settings.seed)
        if not settings.keep_velocities and settings.temperature_kelvin is not None:
            thermalize_momenta(atoms, settings.temperature_kelvin, rng=self._generator)
        if not atoms.constraints:
            # What the file says of the relative motion stays; what is drawn has the temperature.
            Stationary(atoms, preserve_temperature=not settings.keep_velocities)
            atoms.set_constraint(FixCom())
        self._dynamics: Any = self._integrator()  # ASE has few types

    def _integrator(self) -> VelocityVerlet | Langevin:
        time_step = self._settings.time_step_femtosecond * units.fs
        if self._settings.ensemble == "nve":
            return VelocityVerlet(self.atoms, timestep=time_step)
        return Langevin(
            self.atoms,
            timestep=time_step,
            temperature_K=self._settings.temperature_kelvin,
            friction=self._settings.friction_per_picosecond / (1000 * units.fs),
            rng=self._generator,
            fixcm=False,
        )

    def state(self) -> dict[str, Any]:
        """Give positions, momenta, number of steps and the generator of random numbers."""
        return {
            "steps": self._steps,
            "positions": self.atoms.get_positions().tolist(),
            "momenta": self.atoms.get_momenta().tolist(),
            "generator": _texts(self._generator.bit_generator.state),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` has given."""
        self._steps = kept_count(state["steps"])
        positions, momenta = (
            kept_numbers(state[name], (len(self.atoms), 3), largest=FAR_AWAY)
            for name in ("positions", "momenta")
        )
        self.atoms.set_positions(positions, apply_constraint=False)
        self.atoms.set_momenta(momenta, apply_constraint=False)
        self._generator.bit_generator.state = _numbers(state["generator"])

    def step(self) -> None:
        """Move by one time step."""
        self._dynamics.step()
        self._steps += 1

    def row(self) -> Row:
        """Time, energies in eV per cell, temperature and largest force."""
        energy = float(self.atoms.calc.results["energy"])
        kinetic = float(self.atoms.get_kinetic_energy())
        return {
            TIME: self._steps * self._settings.time_step_femtosecond,
            "free_energy_ev": energy,
            "kinetic_energy_ev": kinetic,
            TOTAL_ENERGY: energy + kinetic,
            TEMPERATURE: float(self.atoms.get_temperature()),
            "largest_force_ev_per_angstrom": largest(self.atoms.calc.results["forces"]),
            "free_energy_error_bar_ev": self.atoms.calc.results["free_energy_error_bar"],
        }

    def is_done(self) -> bool:
        """Never: it ends with its last step."""
        return False


def _texts(state: Mapping[str, Any]) -> dict[str, Any]:
    """State of a generator with its integers, of up to 128 bits, as text."""
    return {k: _texts(v) if isinstance(v, Mapping) else str(v) for k, v in state.items()}


def _numbers(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _numbers(value)
        if isinstance(value, Mapping)
        else (int(value) if value.isdigit() else value)
        for key, value in state.items()
    }


def largest(forces: np.ndarray[Any, Any]) -> float:
    """Length of the longest of some vectors, [atom, 3]."""
    return float(np.linalg.norm(forces, axis=1).max())


def statistics(
    time: Sequence[float], total_energy: Sequence[float], temperature: Sequence[float], atoms: int
) -> dict[str, float | None]:
    """Drift and fluctuation of the total energy, and the temperature.

    Parameters
    ----------
    time
        fs, of each line of the log.
    total_energy
        Potential and kinetic energy, eV per cell.
    temperature
        K.
    atoms
        Number of atoms.

    Returns
    -------
    dict
        `drift_mev_per_atom_per_picosecond`, the slope of a straight line through the total energy
        (None of fewer than ten lines), and `fluctuation_mev_per_atom`, the standard deviation
        from that line; mean and standard deviation of the temperature, and the mean over the
        second half.
    """
    energy = 1000 * np.array(total_energy) / atoms
    drift = fluctuation = None
    if len(energy) >= _FEWEST_FOR_A_SLOPE:
        slope, constant = np.polyfit(time, energy, 1)
        drift = 1000 * float(slope)
        fluctuation = float((energy - slope * np.array(time) - constant).std())
    half = temperature[len(temperature) // 2 :]
    return {
        "drift_mev_per_atom_per_picosecond": drift,
        "fluctuation_mev_per_atom": fluctuation,
        "mean_temperature_kelvin": fmean(temperature) if temperature else None,
        "std_temperature_kelvin": stdev(temperature) if len(temperature) > 1 else None,
        "mean_temperature_of_second_half_kelvin": fmean(half) if half else None,
    }
