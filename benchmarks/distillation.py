"""One network in the place of an ensemble: what a prediction gains in time, and loses in energy.

The student learns the mean LDOS over the networks at points of displaced cells of aluminium, for
which no DFT is needed, with the widths of one of them or others. Its last layer is then fitted to
that mean in closed form. Compared are the energies of cells that it has not seen with those of the
ensemble and, where they are known, of DFT; and µs per point of the pass over points, one thread.

    python benchmarks/distillation.py [results/surrogate/surrogate.pt] [--hidden 96 96]
        [--cells 24] [--epochs 60] [--judged benchmarks/data/aluminium_larger_cells.extxyz]
"""

import argparse
import copy
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import Any, cast

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from per_point import model_name
from torch import Tensor, nn

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.descriptors.grid import GridBox
from surrogate_hpo.dft.strain import randomly_strained
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.formats.structures.labelled import read_labelled
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.batches import TrainingData
from surrogate_hpo.networks.ensemble.projection import ProjectedEnsemble
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.recipe import Recipe
from surrogate_hpo.networks.training import Trainer
from surrogate_hpo.physics.coarse_grid import coarse_shape
from surrogate_hpo.physics.prediction_grid import prediction_grid
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.descriptor_engines import grid_engine
from surrogate_hpo.predict.prediction import predict_structure

OUT = Path("benchmarks/out/distillation.json")
SURROGATE = Path("results/surrogate/surrogate.pt")
JUDGED = Path("benchmarks/data/aluminium_larger_cells.extxyz")
CONDITIONS = Conditions()
LATTICE, ROUNDS, NODES = 4.05, 7, 6
_RIDGE = 1e-8


def main(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    teacher = read_surrogate(options.surrogate)
    start = time.process_time()
    student = distilled(teacher, options)
    document: dict[str, Any] = {
        "processor": model_name(),
        "surrogate": str(options.surrogate),
        "hidden": options.hidden or list(teacher.models[0].architecture.hidden_widths),
        "cells": options.cells,
        "training_cpu_seconds": time.process_time() - start,
        **costs(teacher, student),
        "cells_judged": judged(teacher, student, options.judged),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=2))


def distilled(teacher: Surrogate, options: argparse.Namespace) -> Surrogate:
    """The same surrogate with one network that has learnt the mean of its networks."""
    first = teacher.models[0]
    cells = [displaced(number, strain=teacher.definition.cell_density)
             for number in range(options.cells)]  # fmt: skip
    descriptors = [at_coarse_points(teacher, atoms) for atoms in cells]
    inputs = [first.input_scaler.transform(one) for one in descriptors]
    targets = [first.output_scaler.transform(mean_ldos(teacher, one)) for one in descriptors]
    held_out = max(1, options.cells // 8)
    data = TrainingData(
        *(torch.cat(parts[held_out:]).float() for parts in (inputs, targets)),
        *(torch.cat(parts[:held_out]).float() for parts in (inputs, targets)),
    )
    hidden = tuple(options.hidden) if options.hidden else first.architecture.hidden_widths
    architecture = Architecture(hidden, first.architecture.activation)
    network = build_network(
        architecture, inputs=data.training_inputs.shape[1], outputs=len(teacher.energy), seed=0
    )
    recipe = Recipe(maximum_epochs=options.epochs, learning_rate=4e-3, weight_decay=0.0)
    trainer = Trainer(network, data, recipe, seed=0)
    trainer.run()
    fitted = with_fitted_layer(cast(nn.Sequential, trainer.network), data)
    model = SurrogateModel(architecture, fitted, first.input_scaler, first.output_scaler)
    return replace(teacher, models=(model,), error_bar=None, force_error_bar=None)


def displaced(seed: int, *, strain: bool) -> Atoms:
    """Atoms of 4 to 16, cold or hot."""
    rng = np.random.default_rng(seed)
    repeats = ((1, 1, 1), (2, 1, 1), (2, 2, 1))[seed % 3]
    cell = bulk("Al", "fcc", a=LATTICE, cubic=True) * repeats
    if strain:
        cell = randomly_strained(cell, 1.0, seed=seed)
    return thermal_displacements(
        cell,
        temperature=rng.uniform(200, 1100),
        debye_waller_b=0.86,
        reference_temperature=300.0,
        seed=seed,
    )


def at_coarse_points(surrogate: Surrogate, atoms: Atoms) -> Tensor:
    """Descriptors on half of the points along each axis, [point, component]."""
    shape = coarse_shape(prediction_grid(atoms.cell[:], surrogate.origin.grids))
    engine = grid_engine(CONDITIONS.descriptors, surrogate.definition, atoms, shape, threads=1)
    return torch.from_numpy(engine(GridBox((0, 0, 0), shape)))


def mean_ldos(surrogate: Surrogate, descriptors: Tensor) -> Tensor:
    """Of all networks, 1/(eV Å³), [point, energy]."""
    rows = descriptors.to(surrogate.models[0].precision)
    return torch.stack([model.predict(rows) for model in surrogate.models]).mean(0)


@torch.no_grad()
def with_fitted_layer(network: nn.Sequential, data: TrainingData) -> nn.Sequential:
    """The last layer that has the smallest squared error."""
    fitted = copy.deepcopy(network)
    hidden = network[:-1](data.training_inputs).double()
    hidden = torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)
    gram = hidden.T @ hidden
    gram += _RIDGE * gram.diagonal().mean() * torch.eye(len(gram))
    weights = torch.linalg.solve(gram, hidden.T @ data.training_targets.double())
    layer = cast(nn.Linear, fitted[-1])
    layer.weight.copy_(weights[:-1].T)
    layer.bias.copy_(weights[-1])
    return fitted


def costs(teacher: Surrogate, student: Surrogate) -> dict[str, float]:
    """CPU µs per point of descriptors and of the pass of both, and the ratio of their sums."""
    atoms = displaced(2, strain=False)
    shape = (26, 26, 26)
    engine = grid_engine(CONDITIONS.descriptors, teacher.definition, atoms, shape, threads=1)
    box = GridBox((0, 0, 0), shape)
    rows = torch.from_numpy(engine(box)).to(teacher.models[0].precision)
    weights = torch.rand(NODES, len(teacher.energy), dtype=torch.float64)
    passes = [
        ProjectedEnsemble(one.models, [weights] * len(one.models)) for one in (teacher, student)
    ]
    seconds: dict[str, list[float]] = defaultdict(list)
    parts: dict[str, Callable[[], object]] = {
        "snap": lambda: engine(box),
        "networks": lambda: passes[0](rows),
        "student": lambda: passes[1](rows),
    }
    for _ in range(ROUNDS):
        for name, part in parts.items():
            begin = time.process_time()
            part()
            seconds[name].append(1e6 * (time.process_time() - begin) / len(rows))
    found = {name: median(values[1:]) for name, values in seconds.items()}
    ratio = (found["snap"] + found["networks"]) / (found["snap"] + found["student"])
    return {f"{name}_microseconds": value for name, value in found.items()} | {"speedup": ratio}


def judged(teacher: Surrogate, student: Surrogate, file: Path) -> list[dict[str, float]]:
    """Per number of atoms and temperature: mean absolute differences, meV/atom and meV."""
    classes: dict[tuple[int, float | None], list[dict[str, float]]] = defaultdict(list)
    for one in read_labelled([str(file)]):
        (known, fermi), (learnt, shifted) = (energies(s, one.atoms) for s in (teacher, student))
        dft = one.total_free_energy / len(one.atoms)
        classes[len(one.atoms), one.temperature].append(
            {
                "student_minus_ensemble_mev_per_atom": 1000 * abs(learnt - known),
                "ensemble_mev_per_atom": 1000 * abs(known - dft),
                "student_mev_per_atom": 1000 * abs(learnt - dft),
                "fermi_energy_mev": 1000 * abs(shifted - fermi),
            }
        )
    return [
        {"atoms": atoms, "temperature_kelvin": temperature or 0.0, "cells": len(rows)}
        | {name: fmean(row[name] for row in rows) for name in rows[0]}
        for (atoms, temperature), rows in sorted(classes.items())
    ]


def energies(surrogate: Surrogate, atoms: Atoms) -> Sequence[float]:
    """Total free energy per atom and Fermi energy, means over the networks, eV."""
    with tempfile.TemporaryDirectory() as folder:
        found = predict_structure(surrogate, atoms, CONDITIONS, Path(folder)).energies
    free = np.mean(found["total_free_energy"]) / len(atoms)
    return float(free), float(np.mean(found["fermi_energy"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("surrogate", nargs="?", type=Path, default=SURROGATE)
    parser.add_argument("--hidden", type=int, nargs="+")
    parser.add_argument("--cells", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--judged", type=Path, default=JUDGED)
    main(parser.parse_args())
