"""Energy against volume and elastic constants of fcc aluminium, by surrogates and by pw.x.

Surrogates: those of finished runs, the cubic cell of four atoms on the grid of its lattice
constant, shifted as a whole so that no atom lies on a grid point. pw.x: the primitive cell with the
`dft` section of a config, so the same cutoff, spacing of k points and electronic temperature.

1. Seven volumes; lattice constant and bulk modulus of the five within 2 % (Birch and Murnaghan).
2. Strains along x and yz, plus and minus: C11, C12 and C44 as derivatives of the stress, and as
   second derivatives of the energy per volume. At a pressure P of the unstrained cell they differ:
   C44 from energies is that from stresses plus P/2. C44 and C' = (C11 - C12)/2 from stresses do not
   depend on how the energy changes with the volume.

Interrupted, it goes on when it is called again: DFT runs are kept in benchmarks/out/elastic.

    python benchmarks/elastic.py [--tutorial results] [--flagship results-flagship]
                                 [--config config/config.yaml]
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.eos import EquationOfState
from ase.stress import voigt_6_to_full_3x3_stress
from select_data import pwx_result

from surrogate_hpo import SurrogateCalculator, read_surrogate
from surrogate_hpo.config.load import load_config
from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.physics.prediction_grid import prediction_grid
from surrogate_hpo.units import GIGAPASCAL_PER_EV_PER_CUBIC_ANGSTROM as GIGAPASCAL

OUT = Path("benchmarks/out/elastic.json")
RUNS = Path("benchmarks/out/elastic")
LATTICE_CONSTANT = 4.05
SCALES = (0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03)
NEAR = 0.025
SIZE = 0.01
SHIFT = np.array([0.011, 0.017, 0.023])  # of the cell


@dataclass(frozen=True)
class Found:
    """What is found for a strained cell.

    Attributes
    ----------
    energy
        Total free energy, eV/atom.
    volume
        Å³/atom.
    stress
        eV/Å³, [3, 3], positive under tension.
    outside
        Share of the grid points outside the training range; None of DFT.
    excess
        By how many standard deviations at most; None of DFT.
    """

    energy: float
    volume: float
    stress: np.ndarray
    outside: float | None = None
    excess: float | None = None


Method = Callable[[np.ndarray], Found]

NAMES = ("lattice_constant_angstrom", "bulk_modulus_gigapascal")


def main(options: argparse.Namespace) -> None:
    document: dict[str, Any] = {}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    for name, run in (("tutorial", options.tutorial), ("flagship", options.flagship)):
        file = run / "surrogate/surrogate.pt"
        document[name] = material(by_surrogate(file)) if file.is_file() else None
        OUT.write_text(json.dumps(document, indent=2) + "\n")
    document["dft"] = material(by_dft(options.config))
    OUT.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def material(method: Method) -> dict[str, Any]:
    """All numbers of one method; a strained cell that it refuses is left out, with the reason."""
    curve, rows = [], []
    for scale in SCALES:
        try:
            one = method((scale - 1) * np.eye(3))
        except PhysicsError as error:
            refused = "; ".join(line.strip() for line in str(error).splitlines())
            rows.append({"scale": scale, "refused": refused})
            continue
        if abs(scale - 1) < NEAR:
            curve.append(one)
        found = asdict(one) | {"stress": one.stress.tolist(), "pressure_gigapascal": pressure(one)}
        rows.append({"scale": scale} | found)
    rest = method(np.zeros((3, 3)))
    return {
        "energy_against_volume": rows,
        "pressure_at_rest_gigapascal": pressure(rest),
        **equation_of_state(curve),
        **elastic_constants(method, rest),
    }


def equation_of_state(curve: list[Found]) -> dict[str, Any]:
    """Lattice constant (Å) and bulk modulus (GPa); None where no volume is a minimum."""
    volumes, energies = [one.volume for one in curve], [one.energy for one in curve]
    lowest = int(np.argmin(energies))
    if lowest in (0, len(curve) - 1):
        return dict.fromkeys(NAMES) | {"lowest_energy_at_volume": volumes[lowest]}
    volume, _, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    return dict(zip(NAMES, ((4 * volume) ** (1 / 3), GIGAPASCAL * modulus), strict=True))


def elastic_constants(method: Method, rest: Found) -> dict[str, Any]:
    """C11, C12 and C44 in GPa from stresses; C11 and C44 from energies, too."""
    along, shear = np.zeros((3, 3)), np.zeros((3, 3))
    along[0, 0] = SIZE
    shear[1, 2] = shear[2, 1] = SIZE / 2  # the engineering strain is SIZE
    try:
        minus_x, plus_x, minus_yz, plus_yz = map(method, (-along, along, -shear, shear))
    except PhysicsError as error:
        return {"elastic_constants_refused": str(error).splitlines()[0]}
    slope_x = (plus_x.stress - minus_x.stress) / (2 * SIZE)
    slope_yz = (plus_yz.stress - minus_yz.stress) / (2 * SIZE)

    def curvature(minus: Found, plus: Found) -> float:
        second = (plus.energy - 2 * rest.energy + minus.energy) / SIZE**2
        return GIGAPASCAL * second / rest.volume

    return {
        "c11_gigapascal": GIGAPASCAL * float(slope_x[0, 0]),
        "c12_gigapascal": GIGAPASCAL * float(slope_x[1, 1] + slope_x[2, 2]) / 2,
        "c44_gigapascal": GIGAPASCAL * float(slope_yz[1, 2]),
        "c_prime_gigapascal": GIGAPASCAL
        * float(slope_x[0, 0] - (slope_x[1, 1] + slope_x[2, 2]) / 2)
        / 2,
        "c11_from_energies_gigapascal": curvature(minus_x, plus_x),
        "c44_from_energies_gigapascal": curvature(minus_yz, plus_yz),
    }


def by_surrogate(file: Path) -> Method:
    """The mean over the networks of a surrogate."""
    crystal: Atoms = bulk("Al", "fcc", a=LATTICE_CONSTANT, cubic=True)
    crystal.positions += SHIFT @ crystal.cell[:]
    grid = prediction_grid(crystal.cell[:], read_surrogate(file).origin.grids)
    calculator = SurrogateCalculator(file, grid=grid)

    def found(strain: np.ndarray) -> Found:
        atoms = strained(crystal, strain)
        atoms.calc = calculator
        stress = voigt_6_to_full_3x3_stress(atoms.get_stress())
        results = calculator.results
        return Found(
            results["energy"] / len(atoms),
            atoms.get_volume() / len(atoms),
            stress,
            results["fraction_of_points_outside"],
            results["largest_excess"],
        )

    return found


def by_dft(config: Path) -> Method:
    """pw.x with the settings of a config."""
    loaded = load_config([config])
    primitive: Atoms = bulk("Al", "fcc", a=LATTICE_CONSTANT)

    def found(strain: np.ndarray) -> Found:
        name = "_".join(f"{1e4 * strain[a, b]:+.0f}" for a, b in ((0, 0), (1, 1), (1, 2)))
        atoms = strained(primitive, strain)
        result = pwx_result(loaded, atoms, RUNS / name)
        assert result.total_free_energy is not None  # noqa: S101 - pw.x gives it
        assert result.stress is not None  # noqa: S101
        return Found(result.total_free_energy, atoms.get_volume(), result.stress)

    RUNS.mkdir(parents=True, exist_ok=True)
    return found


def strained(atoms: Atoms, strain: np.ndarray) -> Atoms:
    """Copy with all lengths changed, atoms at their places in the cell."""
    copy: Atoms = atoms.copy()
    copy.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    return copy


def pressure(found: Found) -> float:
    """GPa."""
    return -GIGAPASCAL * float(np.trace(found.stress)) / 3


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tutorial", type=Path, default=Path("results"))
    parser.add_argument("--flagship", type=Path, default=Path("results-flagship"))
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    main(parser.parse_args())
