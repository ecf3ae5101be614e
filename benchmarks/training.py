"""One epoch of training beside MALA's trainer: time, and loss after it, in one run.

200 000 points, 91 descriptors, two layers of 400, 201 energies, batches of 1 000, Adam, from
the same weights. A time is the least of several rounds, in which all contenders take turns so that
other work on the machine disturbs all alike: CPU time on one thread, wall time on more. It
holds the training and the validation of the epoch, with shuffling. Losses and weights are
compared in runs of their own, in which MALA gets the points in the order in which this
package draws them, and does not shuffle. MALA runs in an environment of its own.
"""

import argparse
import json
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mala_environment import MALA, mala_python

from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.batches import TrainingData, random_order
from surrogate_hpo.networks.recipe import Recipe
from surrogate_hpo.networks.training import Trainer

OUT = Path("benchmarks/out/training.json")
WORKER = Path(__file__).with_name("mala_training_worker.py")
SIZES = [91, 400, 400, 201]
GRID, VALIDATION_GRID = (40, 50, 100), (10, 10, 10)
RECIPE = Recipe(
    optimiser="adam",
    learning_rate=1e-3,
    batch_size=1000,
    maximum_epochs=1,
    schedule="constant",
    weight_decay=0.0,
)
OURS = "surrogate-hpo"
BFLOAT16 = "surrogate-hpo, products in bfloat16"
PRODUCTS = "matrix products alone"
RIVALS = {
    "MALA, default loader": {"loader": "default", "optimiser": "Adam"},
    "MALA, fast loader": {"loader": "fast", "optimiser": "Adam"},
    "MALA, fast loader, FusedAdam": {"loader": "fast", "optimiser": "FusedAdam"},
}
State = dict[str, torch.Tensor]
Answer = dict[str, float]


def make_data() -> TrainingData:
    """Descriptors of unit variance, and a smooth function of them between 0 and 1."""
    generator = torch.Generator().manual_seed(0)
    points, validation = int(np.prod(GRID)), int(np.prod(VALIDATION_GRID))
    inputs = torch.randn(points + validation, SIZES[0], generator=generator)
    mixing = torch.randn(SIZES[0], SIZES[-1], generator=generator) / SIZES[0] ** 0.5
    targets = torch.sigmoid(inputs @ mixing)
    return TrainingData(inputs[:points], targets[:points], inputs[points:], targets[points:])


def new_network() -> torch.nn.Module:
    """The network, with the weights that all contenders start from."""
    architecture = Architecture(tuple(SIZES[1:-1]), "relu")
    return build_network(architecture, inputs=SIZES[0], outputs=SIZES[-1], seed=0)


def write_for_mala(data: TrainingData, folder: Path) -> None:
    """Snapshots as MALA reads them: as they are, and in this package's order of the first epoch."""
    np.savez(
        folder / "initial.npz", **{k: v.numpy() for k, v in new_network().state_dict().items()}
    )
    order = random_order(int(np.prod(GRID)), 0, 0)
    for name, rows in (("plain", slice(None)), ("ordered", order)):
        for kind, training, validation in (
            ("in", data.training_inputs, data.validation_inputs),
            ("out", data.training_targets, data.validation_targets),
        ):
            np.save(folder / f"tr-{name}-{kind}.npy", training[rows].numpy().reshape(*GRID, -1))
            grid = validation.numpy().reshape(*VALIDATION_GRID, -1)
            np.save(folder / f"va-{name}-{kind}.npy", grid)


def by_this_package(data: TrainingData, recipe: Recipe) -> tuple[Answer, State]:
    """Train for one epoch."""
    trainer = Trainer(new_network(), data, recipe, seed=0)
    wall, cpu = time.perf_counter(), time.process_time()
    row = trainer.train_epoch()
    times = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return times | {"loss": row.validation_loss}, trainer.network.state_dict()


def by_products() -> tuple[Answer, State]:
    """The matrix products of an epoch on one batch's arrays: forwards, weights, backwards."""
    weights = [torch.randn(n, m) for m, n in pairwise(SIZES)]
    values = [torch.randn(RECIPE.batch_size, size) for size in SIZES]
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(int(np.prod(GRID)) // RECIPE.batch_size):
        for layer, weight in enumerate(weights):
            torch.mm(values[layer], weight.T)
            torch.mm(values[layer + 1].T, values[layer])
            if layer:  # nobody asks for the gradient of the descriptors
                torch.mm(values[layer + 1], weight)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}, {}


Ask = Callable[..., tuple[Answer, State]]


@contextmanager
def mala(folder: Path, threads: int) -> Iterator[Ask]:
    """MALA in a process of its own; yields a function that lets it train for one epoch."""
    command = [str(part) for part in (mala_python(), WORKER, folder, threads)]
    with (
        (folder / "mala.log").open("a") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):

        def ask(rival: str, *, shuffled: bool) -> tuple[Answer, State]:
            request = RIVALS[rival] | {
                "shuffled": shuffled,
                "order": "plain" if shuffled else "ordered",
                "layer_sizes": SIZES,
                "batch_size": RECIPE.batch_size,
                "learning_rate": RECIPE.learning_rate,
                "initial": str(folder / "initial.npz"),
                "trained": str(folder / "trained.npz"),
            }
            assert process.stdin is not None  # noqa: S101 - a pipe, as asked for
            assert process.stdout is not None  # noqa: S101
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise SystemExit("MALA has failed:\n" + (folder / "mala.log").read_text()[-3000:])
            with np.load(folder / "trained.npz") as state:
                return json.loads(line), {k: torch.from_numpy(state[k]) for k in state}

        yield ask


def race(data: TrainingData, ask: Ask, threads: int, rounds: int) -> dict[str, float]:
    """Seconds of an epoch of each contender: the least of several rounds."""
    runs: dict[str, Callable[[], tuple[Answer, State]]] = {
        OURS: partial(by_this_package, data, RECIPE),
        BFLOAT16: partial(by_this_package, data, replace(RECIPE, mixed_precision=True)),
        PRODUCTS: by_products,
    }
    runs |= {rival: partial(ask, rival, shuffled=True) for rival in RIVALS}
    clock = "cpu" if threads == 1 else "wall"
    seconds: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            found = run()[0][clock]
            seconds[name] = min(found, seconds.get(name, found))
    return seconds


def compare(data: TrainingData, ask: Ask) -> dict[str, dict[str, float]]:
    """Loss after one epoch in the same order, and distance of the weights from this package's."""
    answer, state = by_this_package(data, RECIPE)
    start = new_network().state_dict()
    found = {OURS: {"loss": answer["loss"], "difference": 0.0}}
    mixed = partial(by_this_package, data, replace(RECIPE, mixed_precision=True))
    others: dict[str, Callable[[], tuple[Answer, State]]] = {BFLOAT16: mixed}
    others |= {rival: partial(ask, rival, shuffled=False) for rival in RIVALS}
    way = sum(float((state[k] - start[k]).square().sum()) for k in state) ** 0.5
    for name, run in others.items():
        answer, other = run()
        apart = sum(float((state[k] - other[k]).square().sum()) for k in state) ** 0.5
        found[name] = {"loss": answer["loss"], "difference": apart / way}
    return found


def print_table(seconds: dict[str, float], losses: dict[str, dict[str, float]]) -> None:
    print("| | seconds | relative | loss after one epoch | weights differ by |")
    print("|---|---|---|---|---|")
    for name, found in seconds.items():
        relative = f"{found / seconds[OURS]:.2f}"
        cells = [name, f"{found:.2f}", relative, "", ""]
        if name in losses:
            cells[3:] = [f"{losses[name]['loss']:.7e}", f"{losses[name]['difference']:.0e}"]
        print(f"| {' | '.join(cells)} |")
    print(flush=True)


def main() -> None:
    """Run, print the tables, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    data = make_data()
    all_seconds: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_for_mala(data, folder)
        with mala(folder, 1) as ask:
            torch.set_num_threads(1)
            losses = compare(data, ask)
        for threads in options.threads:
            torch.set_num_threads(threads)
            with mala(folder, threads) as ask:
                all_seconds[threads] = race(data, ask, threads, options.rounds)
            print(f"{threads} thread(s), {'CPU' if threads == 1 else 'wall'} time\n")
            print_table(all_seconds[threads], losses)
    seconds = all_seconds[options.threads[0]]
    default, fast, fused = (seconds[rival] / seconds[OURS] for rival in RIVALS)
    report: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "mala": MALA,
        "threads": options.threads[0],
        "speedup_over_mala_default": default,
        "speedup_over_mala_fast": fast,
        "speedup_over_mala_fast_fused": fused,
        "speedup_over_mala_fast_in_bfloat16": seconds["MALA, fast loader"] / seconds[BFLOAT16],
        "share_of_matrix_products": seconds[PRODUCTS] / seconds[OURS],
        "largest_possible_speedup_over_mala_fast": seconds["MALA, fast loader"] / seconds[PRODUCTS],
        "seconds": all_seconds,
        "losses": losses,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
