"""Which descriptor and weight a potential gets by several selections, at which cost and error.

Every cutoff radius, 2 J_max and weight of the forces of a fine list is fitted once to the training
snapshots of a finished run (`snakemake potential`), with its error on left-out snapshots, E + F/30,
and on those held out, and the CPU time of descriptors and of the fit. On this list are replayed

* `grid`: the candidates of the stage by the error;
* `kernel_spread` and, where `snakemake ados` has been run, `acsd`: the same candidates, the
  descriptor beforehand, the weight by the error;
* search methods of `contest/methods` on the whole list: particle swarm in one stage and in two
  (the first by kernel spread), random search, Optuna, direct search.

    python benchmarks/atom_hyperparameters.py [--run results-flagship] [--seeds 10] [--trials 64]

It adds `potential_hyperparameters` to what benchmarks/out/atoms.json holds.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.contest.methods.interface import Budget, Evaluation, Hyperparameters, Method
from surrogate_hpo.contest.methods.registry import METHODS
from surrogate_hpo.contest.methods.swarm_two_stage import SwarmTwoStage
from surrogate_hpo.potential.choice import design_of
from surrogate_hpo.potential.features import AtomDescriptor, elements_of
from surrogate_hpo.potential.fitting import prior_of, targets_of
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.linear_snap import LinearFit, fit_linear_snap
from surrogate_hpo.potential.options import FitOptions, SelectionOptions
from surrogate_hpo.potential.priors import Prior
from surrogate_hpo.potential.selection import score_descriptors
from surrogate_hpo.search.options import MethodName
from surrogate_hpo.search.space import Interval, SearchSpace
from surrogate_hpo.stages.potential.inputs import read_material
from surrogate_hpo.stages.potential.settings import PotentialSettings

OUT = Path("benchmarks/out/atoms.json")
LARGER = ("aluminium_larger_cells.extxyz@0:12", "aluminium_32_atoms_forces.extxyz")
# In radii of the sphere that holds one atom; the stage has 2.5, 3 and 3.5.
FACTORS = tuple(round(float(f), 3) for f in np.arange(2.0, 4.01, 0.25))
COARSE = (2.5, 3.0, 3.5)
TWOJMAX, COARSE_TWOJMAX = (2, 4, 6, 8), (4, 6, 8)
WEIGHTS, COARSE_WEIGHTS = tuple(10.0 ** np.arange(-3, 1.01, 0.5)), (0.01, 0.1, 1.0)
SHARE = 1 / 30
METHOD_NAMES: tuple[MethodName, ...] = ("swarm", "random", "tpe_default", "direct")
FloatArray = NDArray[np.float64]
Key = tuple[float, int]


@dataclass(frozen=True)
class Entry:
    """One descriptor: what it costs, its kernel, and its fits by the number of the weight."""

    spread: float
    acsd: float | None
    score_seconds: float
    design_seconds: float
    fit_seconds: float
    left_out: tuple[float, ...]
    held_out: tuple[dict[str, float], ...]


class Listed:
    """The list as an objective and as a score; each search pays for a descriptor once."""

    def __init__(self, entries: dict[Key, Entry]) -> None:
        self.entries = entries
        self._described: set[Key] = set()
        self._scored: set[Key] = set()

    def __call__(
        self, hyperparameters: Hyperparameters, *, initialisations: int, fidelity: float = 1.0
    ) -> Evaluation:
        """The error on left-out snapshots of the nearest entry."""
        key, weight = nearest(hyperparameters)
        entry = self.entries[key]
        seconds = entry.fit_seconds + (0 if key in self._described else entry.design_seconds)
        self._described.add(key)
        value = entry.left_out[weight]
        return Evaluation(value, (value,) * initialisations, seconds, fidelity * initialisations)

    def score(self, hyperparameters: Hyperparameters) -> Evaluation:
        """Minus the kernel spread of the nearest entry."""
        key, _ = nearest(hyperparameters)
        entry = self.entries[key]
        seconds = 0.0 if key in self._scored else entry.score_seconds
        self._scored.add(key)
        return Evaluation(-entry.spread, (-entry.spread,), seconds, 0.0)

    @cached_property
    def best(self) -> float:
        """The smallest error of the list."""
        return min(min(entry.left_out) for entry in self.entries.values())


def nearest(hyperparameters: Hyperparameters) -> tuple[Key, int]:
    """The entry of the list that is nearest, and the number of its weight."""
    factor = min(FACTORS, key=lambda f: abs(f - float(hyperparameters["cutoff_factor"])))
    twojmax = min(TWOJMAX, key=lambda t: abs(t - float(hyperparameters["twojmax"])))
    wanted = np.log(float(hyperparameters["force_weight"]))
    return (factor, twojmax), int(np.argmin(np.abs(np.log(WEIGHTS) - wanted)))


SPACE: SearchSpace = {
    "cutoff_factor": Interval(FACTORS[0], FACTORS[-1]),
    # An order that choices would not have; rounded to the nearest even number.
    "twojmax": Interval(TWOJMAX[0], TWOJMAX[-1]),
    "force_weight": Interval(WEIGHTS[0], WEIGHTS[-1], logarithmic=True),
}


def main(options: argparse.Namespace) -> None:
    settings = PotentialSettings(files=options.files, test_files=options.test_files)
    shares = options.run / "ados/atoms.pt"
    material = read_material(
        settings,
        files_of(options.run, "training"),
        files_of(options.run, "test"),
        [f"{options.data}/{name}" for name in LARGER] if options.data else [],
        [shares] if shares.is_file() and not options.files else [],
    )
    held_out = {"test": material.test, "larger": material.transfer}
    entries = listed(material.training, held_out, replace(settings.options(), force_share=SHARE))
    rows = [
        selected(entries, "grid", lambda _: 0.0),
        selected(entries, "kernel_spread", lambda entry: -entry.spread),
    ]
    if all(entry.acsd is not None for entry in entries.values()):
        rows.append(selected(entries, "acsd", lambda entry: entry.acsd or 0.0))
    two_stages = SwarmTwoStage(scores=options.trials, scored_keys=("cutoff_factor", "twojmax"))
    methods: list[Method] = [*(METHODS[name] for name in METHOD_NAMES), two_stages]
    rows += [searched(entries, method, options.trials, options.seeds) for method in methods]
    best = Listed(entries).best
    found = {
        "descriptors": len(entries),
        "evaluations_of_the_whole_list": len(entries) * len(WEIGHTS),
        "smallest_left_out_error_mev": 1000 * best,
        "trials": options.trials,
        "seeds": options.seeds,
        "rows": rows,
    }
    document = json.loads(OUT.read_text()) if OUT.is_file() else {}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document | {"potential_hyperparameters": found}, indent=2) + "\n")
    sys.stdout.write(table(rows))


def files_of(run: Path, split: str) -> tuple[list[Path], list[Path]]:
    """Structures and DFT results of a split."""
    results = sorted((run / "dft").glob(f"{split}-*.json"))
    return [run / "snapshots" / f"{path.stem}.extxyz" for path in results], results


def listed(
    data: Sequence[Labelled], held_out: dict[str, list[Labelled]], options: FitOptions
) -> dict[Key, Entry]:
    """Fit everything once."""
    structures = [one.atoms for one in data]
    elements = elements_of(structures)
    volume = np.mean([one.get_volume() / len(one) for one in structures])
    radius = float(np.cbrt(3 * volume / (4 * np.pi)))
    dos = [one.dos for one in data if one.dos is not None]
    warm = AtomDescriptor(2 * radius, 2, elements)
    design_of(structures[:1], warm, [np.zeros((len(structures[0]), 3))], None)  # compiled code
    found = {}
    for factor in FACTORS:
        for twojmax in TWOJMAX:
            descriptor = AtomDescriptor(round(factor * radius, 2), twojmax, elements)
            found[factor, twojmax] = entry_of(descriptor, data, dos, held_out, options)
    return found


def entry_of(
    descriptor: AtomDescriptor,
    data: Sequence[Labelled],
    dos: list[FloatArray],
    held_out: dict[str, list[Labelled]],
    options: FitOptions,
) -> Entry:
    """Kernel, fits and errors of one descriptor."""
    structures, elements = [one.atoms for one in data], descriptor.elements
    started = time.process_time()
    (spread,) = score_descriptors(
        structures, [descriptor], SelectionOptions("kernel_spread"), seed=0
    )
    scored = time.process_time() - started
    distance = None
    if dos:
        (one,) = score_descriptors(
            structures, [descriptor], SelectionOptions("acsd"), seed=0, dos=dos
        )
        distance = one.score
    prior = prior_of(data, options, elements, descriptor.cutoff_radius)
    targets = targets_of(data, options, prior, descriptor)
    started = time.process_time()
    design = design_of(structures, descriptor, targets.forces, None)
    described = time.process_time() - started
    started = time.process_time()
    fits = [
        fit_linear_snap(
            targets.energies,
            design.features,
            counts=descriptor.counts,
            forces=targets.forces,
            force_rows=design.force_rows,
            force_weight=weight,
            force_share=options.force_share,
        )
        for weight in WEIGHTS
    ]
    fitted = (time.process_time() - started) / len(WEIGHTS)
    left_out = tuple(fit.score(options.force_share) for fit in fits)
    judged: list[dict[str, float]] = [{} for _ in fits]
    for name, of in held_out.items():
        found = errors_of(of, fits, descriptor, prior, options)
        for errors, told in zip(judged, found, strict=True):
            errors |= {f"{name}_{key}": value for key, value in told.items()}
    return Entry(spread.score, distance, scored, described, fitted, left_out, tuple(judged))


def errors_of(
    data: Sequence[Labelled],
    fits: Sequence[LinearFit],
    descriptor: AtomDescriptor,
    prior: Prior | None,
    options: FitOptions,
) -> list[dict[str, float]]:
    """Errors of every fit on structures that are held out; forces where they are known."""
    if not data:
        return [{} for _ in fits]
    pulled = [one for one in data if one.forces is not None]
    energies = targets_of(data, replace(options, force_weights=()), prior, descriptor).energies
    features = design_of([one.atoms for one in data], descriptor, None, None).features
    forces = targets_of(pulled, options, prior, descriptor).forces or []
    rows = design_of([one.atoms for one in pulled], descriptor, forces, None).force_rows or []
    sizes = np.array([len(one.atoms) for one in data])
    found = []
    for fit in fits:
        wrong = (np.array(features) @ fit.coefficients - np.array(energies)) / sizes
        errors = {
            "energy_mae_mev_per_atom": 1000 * float(np.abs(wrong).mean()),
            "energy_mean_error_mev_per_atom": 1000 * float(wrong.mean()),
        }
        if pulled:
            pulls = [
                block @ fit.coefficients - of.ravel()
                for block, of in zip(rows, forces, strict=True)
            ]
            rmse = float(np.sqrt(np.mean(np.concatenate(pulls) ** 2)))
            errors["force_rmse_mev_per_angstrom"] = 1000 * rmse
        found.append(errors)
    return found


def selected(
    entries: dict[Key, Entry], name: str, score: Callable[[Entry], float]
) -> dict[str, Any]:
    """The candidates of the stage; of equal scores all take part in the choice by the error."""
    candidates = {
        key: entry
        for key, entry in entries.items()
        if key[0] in COARSE and key[1] in COARSE_TWOJMAX
    }
    least = min(map(score, candidates.values()))
    kept = {key: entry for key, entry in candidates.items() if score(entry) == least}
    weights = [WEIGHTS.index(min(WEIGHTS, key=lambda w: abs(w - c))) for c in COARSE_WEIGHTS]
    choices = [(entry.left_out[w], key, w) for key, entry in kept.items() for w in weights]
    _, key, weight = min(choices)
    seconds = sum(e.design_seconds + len(weights) * e.fit_seconds for e in kept.values())
    if len(kept) < len(candidates):
        seconds += sum(entry.score_seconds for entry in candidates.values())
    return row_of(name, [(key, weight)], entries, [seconds], len(choices))


def searched(entries: dict[Key, Entry], method: Method, trials: int, seeds: int) -> dict[str, Any]:
    """A method on the whole list, from several seeds."""
    found, seconds, fits = [], [], []
    for seed in range(seeds):
        objective = Listed(entries)
        result = method.run(
            objective,
            SPACE,
            budget=Budget(trials, 1),
            seed=seed,
            training_free=objective.score,
        )
        found.append(nearest(result.best))
        seconds.append(result.seconds)
        fits.append(result.trainings)
    return row_of(method.name, found, entries, seconds, float(np.mean(fits)))


def row_of(
    name: str,
    found: Sequence[tuple[Key, int]],
    entries: dict[Key, Entry],
    seconds: Sequence[float],
    fits: float,
) -> dict[str, Any]:
    """Means over the seeds, and the standard deviation of what was minimised."""
    errors = np.array([1000 * entries[key].left_out[weight] for key, weight in found])
    held_out = [entries[key].held_out[weight] for key, weight in found]
    return {
        "selection": name,
        "cpu_seconds": float(np.mean(seconds)),
        "fits": fits,
        "left_out_error_mev": float(errors.mean()),
        "left_out_error_std_mev": float(errors.std()),
        **{key: float(np.mean([one[key] for one in held_out])) for key in held_out[0]},
        "choices": [
            {"cutoff_factor": key[0], "twojmax": key[1], "force_weight": WEIGHTS[weight]}
            for key, weight in found[:3]
        ],
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    columns = [key for key in rows[0] if key != "choices"]
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        told = [row[key] if isinstance(row[key], str) else f"{row[key]:.3g}" for key in columns]
        lines.append("| " + " | ".join(told) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", type=Path, default=Path("results-flagship"))
    parser.add_argument(
        "--data", default="benchmarks/data", help="of larger cells of the run's DFT; '' for none"
    )
    parser.add_argument("--files", nargs="*", default=[], help="structures instead of the run's")
    parser.add_argument("--test-files", nargs="*", default=[], help="to judge those on")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=64)
    main(parser.parse_args())
