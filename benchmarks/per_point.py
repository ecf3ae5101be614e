"""Where the microseconds of a point go: descriptors, networks, integrals, before and after.

A cell of displaced aluminium, one thread. Before: SNAP in double precision, the LDOS of each
network after the other, its sums over energy and points. After: one pass of all networks that
gives these sums without the LDOS; and with SNAP and activations in single precision. Times are
CPU time, the parts in turn; medians over some rounds. The total free energy follows from the DOS
and density of all three.

    python benchmarks/per_point.py [results/surrogate/surrogate.pt] [--edge 2] [--points 16384]

Without a surrogate, networks of random weights and the tutorial's size are timed, and no energy
is compared.
"""

import argparse
import json
import math
import platform
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, cast, get_args

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from torch import Tensor

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.descriptors.bispectrum import Bispectrum
from surrogate_hpo.descriptors.cell_components import components_at
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.grid import GridBox, grid_points
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.ensemble.projection import ProjectedEnsemble
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.scaling import AffineScaler, fit_input_scaler
from surrogate_hpo.networks.training_range import RangeMonitor, training_range
from surrogate_hpo.physics.prediction_grid import Grid, prediction_grid
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.total_energy import band_terms, density_terms
from surrogate_hpo.physics.xc.functionals import Functional
from surrogate_hpo.predict.descriptor_engines import grid_engine
from surrogate_hpo.stages.descriptors.settings import DescriptorsSettings, Precision

OUT = Path("benchmarks/out/per_point.json")
SURROGATE = Path("results/surrogate/surrogate.pt")
ROUNDS = 5
NODES = 6
"""Weights per network: as many as a bracket of the Fermi energy takes."""


def main(path: Path | None, edge: int, points: int) -> None:
    torch.set_num_threads(1)
    atoms = thermal_displacements(
        bulk("Al", "fcc", a=4.05, cubic=True) * (edge, edge, edge),
        temperature=298.0,
        debye_waller_b=0.86,
        reference_temperature=300.0,
        seed=0,
    )
    surrogate = None if path is None else read_surrogate(path)
    document: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "model_name": model_name(),
        "torch": torch.__version__,
        "surrogate": "random weights" if path is None else str(path),
    } | costs(surrogate, atoms, points)
    if surrogate is not None:
        document |= energies(surrogate, atoms)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for name, value in document.items():
        print(f"{name:40} {value:.5g}" if isinstance(value, float) else f"{name:40} {value}")


def model_name() -> str:
    cpu = Path("/proc/cpuinfo")
    text = cpu.read_text(encoding="utf-8") if cpu.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else "unknown"


def costs(surrogate: Surrogate | None, atoms: Atoms, points: int) -> dict[str, Any]:
    """µs per point of each part, and the ratio of the sums."""
    definition = (
        DescriptorDefinition(6.5, 10, {"Al": 1.0}, {"Al": 0.5})
        if surrogate is None
        else surrogate.definition
    )
    side = math.ceil(points ** (1 / 3))
    where = grid_points((side,) * 3, atoms.cell[:], indices=np.arange(min(points, side**3)))
    double, single = (
        Bispectrum(
            atoms.positions,
            atoms.cell[:],
            dtype=dtype,
            **definition.keywords(atoms.get_chemical_symbols()),
        )
        for dtype in (np.float64, np.float32)
    )
    symbols = atoms.get_chemical_symbols()
    given = torch.from_numpy(
        components_at(where, definition, atoms.positions, atoms.cell[:], symbols)
    )
    models = random_models(given) if surrogate is None else surrogate.models
    rows = given.to(models[0].precision)
    energies = models[0].output_scaler.features
    weights = torch.rand(NODES, energies, dtype=torch.float64)
    ensemble, rough = (
        ProjectedEnsemble(models, [weights] * len(models), rough=rough) for rough in (False, True)
    )
    monitor = RangeMonitor(training_range([rows]))

    def one_by_one() -> None:
        for model in models:
            ldos = model.predict(rows)
            ldos.sum(dim=0, dtype=torch.float64)
            weights @ ldos.to(torch.float64).T

    parts: dict[str, Callable[[], object]] = {
        "snap_float64": lambda: double(where),
        "networks_one_by_one": one_by_one,
        "snap_float32": lambda: single(where),
        "networks_in_one_pass": lambda: ensemble(rows),
        "networks_in_one_pass_float32": lambda: rough(rows),
        "range": lambda: monitor.watch(rows),
    }
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for part in parts.values():
        part()
    for _ in range(ROUNDS):
        for name, part in parts.items():
            start = time.process_time()
            part()
            seconds[name].append(time.process_time() - start)
    found: dict[str, float] = {
        f"{name}_microseconds": 1e6 * median(times) / len(where) for name, times in seconds.items()
    }
    rounds = [
        dict(zip(seconds, times, strict=True)) for times in zip(*seconds.values(), strict=True)
    ]

    def ratio(before: Sequence[str], after: Sequence[str]) -> float:
        return float(median(sum(r[n] for n in before) / sum(r[n] for n in after) for r in rounds))

    before = ("snap_float64", "networks_one_by_one", "range")
    return found | {
        "networks": len(models),
        "speedup_of_networks": ratio(before[1:2], ("networks_in_one_pass",)),
        "speedup_with_snap_float64": ratio(
            before, ("snap_float64", "networks_in_one_pass", "range")
        ),
        "speedup_per_point": ratio(
            before, ("snap_float32", "networks_in_one_pass_float32", "range")
        ),
    }


def random_models(descriptors: Tensor) -> tuple[SurrogateModel, ...]:
    energies = 77
    inputs = fit_input_scaler(descriptors, "standardised")
    identity = torch.eye(energies, dtype=torch.float64)
    outputs = AffineScaler(torch.zeros(energies), identity, identity)
    architecture = Architecture((192, 192, 192), "tanh")
    return tuple(
        SurrogateModel(
            architecture,
            build_network(architecture, inputs=inputs.features, outputs=energies, seed=seed),
            inputs,
            outputs,
        )
        for seed in range(4)
    )


def energies(surrogate: Surrogate, atoms: Atoms) -> dict[str, float]:
    """Largest difference over the networks, meV/atom, of a whole cell."""
    grid = prediction_grid(atoms.cell[:], surrogate.origin.grids)
    rows, precisions = {}, get_args(Precision)
    for name in precisions:
        settings = DescriptorsSettings(precision=name)
        engine = grid_engine(settings, surrogate.definition, atoms, grid, threads=1)
        rows[name] = torch.from_numpy(engine(GridBox((0, 0, 0), grid)))
    found = dict.fromkeys(rows, 0.0)
    for model in surrogate.models:
        ldos = model.predict(rows["float64"].to(model.precision)).to(torch.float64)
        expected = free_energy(surrogate, atoms, grid, ldos.sum(dim=0), partial(torch.matmul, ldos))
        for name, descriptors in rows.items():
            rough = name == "float32"
            sums = ProjectedEnsemble([model], [None], rough=rough)
            sums(descriptors)
            density = partial(projected, model, descriptors, rough)
            energy = free_energy(surrogate, atoms, grid, sums.dos()[0], density)
            found[name] = max(found[name], 1000 * abs(energy - expected) / len(atoms))
    return {
        f"energy_difference_with_snap_{name}_mev_per_atom": value for name, value in found.items()
    }


def projected(model: SurrogateModel, descriptors: Tensor, rough: bool, weights: Tensor) -> Tensor:
    (sums,) = ProjectedEnsemble([model], [weights[None]], rough=rough)(descriptors)
    return cast(Tensor, sums)[0]


def free_energy(
    surrogate: Surrogate, atoms: Atoms, grid: Grid, dos: Tensor, density: Callable[[Tensor], Tensor]
) -> float:
    """Total free energy without what the ions alone give, eV."""
    energy = torch.from_numpy(surrogate.energy)
    electrons = sum(surrogate.ions[symbol].charge for symbol in atoms.get_chemical_symbols())
    temperature = surrogate.origin.electronic_temperature
    variance = surrogate.axis.broadening_variance
    band = band_terms(
        dos * (atoms.get_volume() / math.prod(grid)),
        energy,
        electrons,
        temperature,
        broadening_variance=variance,
        bottom_tolerance=math.inf,
    )
    weights = occupation_weights(
        energy, band.fermi_energy, temperature, "electrons", broadening_variance=variance
    )
    terms = density_terms(
        density(weights).reshape(grid).clamp_min(1e-6),
        torch.tensor(atoms.cell[:]),
        cast(Functional, surrogate.origin.functional),
        density_cutoff=surrogate.origin.density_cutoff,
    )
    return float(
        band.band_energy
        + band.entropy_term
        - terms.hartree_energy
        + terms.exchange_correlation_energy
        - terms.exchange_correlation_potential_energy
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("surrogate", nargs="?", type=Path)
    parser.add_argument("--edge", type=int, default=2)
    parser.add_argument("--points", type=int, default=16384)
    options = parser.parse_args()
    given = options.surrogate or (SURROGATE if SURROGATE.exists() else None)
    main(given, options.edge, options.points)
