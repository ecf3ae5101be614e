"""Error that a wide kernel leaves in the free energy of the electrons, from a run's eigenvalues.

For the DFT runs of a finished `make run`: the DOS broadened by Gaussians of several widths is
integrated to E_band - TS at a fixed number of electrons, and compared with the sum over the
levels themselves. Two kinds of weights: corrected to second order alone, and as the package does.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.dft.ldos_axis import kernel, kernel_variance
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.physics.kernel_inversion import Quantity
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

FloatArray = NDArray[np.float64]
Weights = Callable[[FloatArray, float, float, Quantity, float], FloatArray]

WIDTHS = ((0.5, 0.25), (0.8, 0.4), (1.0, 0.5), (1.2, 0.6))
TOP_EV = 13.0
OUT = Path("benchmarks/out/broadening.json")


def package(
    energy: FloatArray, mu: float, kelvin: float, kind: Quantity, variance: float
) -> FloatArray:
    """Weights as the package makes them."""
    weights = occupation_weights(
        torch.from_numpy(energy), mu, kelvin, kind, broadening_variance=variance
    )
    return weights.numpy()


def second_order(
    energy: FloatArray, mu: float, kelvin: float, kind: Quantity, variance: float
) -> FloatArray:
    """Weights of hat functions with a second difference against the broadening."""
    spacing = energy[1] - energy[0]
    steps = np.arange(-2, len(energy) + 2)
    continued = torch.from_numpy(energy[0] + spacing * steps)
    hats = occupation_weights(continued, mu, kelvin, kind).numpy()[1:-1]
    difference = hats[2:] - 2 * hats[1:-1] + hats[:-2]
    return np.asarray(hats[1:-1] - (variance / spacing**2 + 1 / 6) / 2 * difference)


def error(result: DftResult, width: float, spacing: float, weights: Weights) -> float:
    """Error of E_band - TS in meV/atom."""
    bottom = np.floor(result.eigenvalues.min() - 3.5 * width)
    energy = np.arange(bottom, TOP_EV, spacing)
    reduced = (energy[:, None, None] - result.eigenvalues) / width
    dos = (result.k_weights[:, None] * kernel("gaussian", reduced)).sum((1, 2)) / width
    kelvin, variance = result.electronic_temperature, kernel_variance("gaussian", width)

    def integral(mu: float, kind: Quantity) -> float:
        return float(weights(energy, mu, kelvin, kind, variance) @ dos)

    mu = brentq(lambda at: integral(at, "electrons") - result.electrons, 0.0, TOP_EV)
    thermal = BOLTZMANN_EV_PER_KELVIN * kelvin
    free = integral(mu, "band_energy") - thermal * integral(mu, "entropy")
    exact = (result.band_energy or 0.0) + (result.entropy_contribution or 0.0)
    return 1e3 * (free - exact) / len(result.species)


def main() -> None:
    """Print the table and write it."""
    results = [read_dft_result(path) for path in sorted(Path("results/dft").glob("*.json"))]
    table = []
    print(f"{len(results)} DFT runs, E_band - TS, meV/atom: mean ± std (largest)")
    for width, spacing in WIDTHS:
        row: dict[str, float] = {"width_ev": width, "spacing_ev": spacing}
        texts = []
        for name, weights in (("second_order", second_order), ("package", package)):
            errors = np.array([error(result, width, spacing, weights) for result in results])
            row |= {
                f"{name}_mean_mev_per_atom": float(errors.mean()),
                f"{name}_std_mev_per_atom": float(errors.std()),
                f"{name}_largest_mev_per_atom": float(np.abs(errors).max()),
            }
            texts.append(
                f"{name} {errors.mean():6.2f} ± {errors.std():4.2f} ({np.abs(errors).max():4.2f})"
            )
        print(f"width {width} eV, spacing {spacing} eV: " + ", ".join(texts))
        table.append(row)
    OUT.parent.mkdir(exist_ok=True, parents=True)
    OUT.write_text(json.dumps({"runs": len(results), "rows": table}, indent=1))


if __name__ == "__main__":
    main()
