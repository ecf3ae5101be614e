"""NASWOT beside MALA's: the same batch, the same networks, five initialisations, one thread.

MALA (`materials-learning-algorithms` from PyPI) lives in an environment of its own, which is
made if it is missing. Both draw the networks and score them within the clock. Two sets of
networks: the space that the default config scans, and a sample of unequal widths up to 400, where
matrix products, which nobody can save, take most of the time. Eigenvalue sums
are compared in float64 on weights that are handed over; in float32, MALA's default, rounding
moves vanishing eigenvalues, so its time there is printed only.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mala_environment import mala_python

from surrogate_hpo.networks.architecture import ACTIVATIONS, Architecture, search_space
from surrogate_hpo.scores.architectures.batched_networks import (
    initial_networks,
    initialisation_seeds,
)
from surrogate_hpo.scores.architectures.naswot import Naswot, draw_minibatch
from surrogate_hpo.scores.architectures.proxy import ScoreData

OUT = Path("benchmarks/out/naswot.json")
WORKER = Path(__file__).with_name("mala_naswot_worker.py")
POINTS, COMPONENTS, ENERGIES = 50, 91, 77
INITIALISATIONS, ARCHITECTURES = 5, 100
WIDTHS = [25, 50, 100, 200, 400]
DEFAULT = ([1, 2, 3], [32, 64, 128, 192])  # layers and widths of config/config.yaml


@dataclass
class Mala:
    """MALA's process."""

    process: subprocess.Popen[str]

    def __call__(self, **request: Any) -> Any:  # noqa: ANN401
        """Send one request and wait for its answer."""
        assert self.process.stdin is not None  # noqa: S101 - opened with pipes
        assert self.process.stdout is not None  # noqa: S101
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("MALA's process has ended; see its message above.")
        return json.loads(line)


def compare(
    architecture: Architecture, data: ScoreData, mala: Mala, folder: Path, repetitions: int
) -> dict[str, Any]:
    """Times of both codes and the largest relative difference of their eigenvalue sums."""
    common = {
        "minibatch": str(folder / "minibatch.npy"),
        "hidden_widths": list(architecture.hidden_widths),
        "activation": architecture.activation,
        "outputs": ENERGIES,
        "initialisations": INITIALISATIONS,
        "repetitions": repetitions,
    }
    times = []
    for _ in range(repetitions):
        found = Naswot()(architecture, data, seed=0, initialisations=INITIALISATIONS)
        times.append(found.seconds)
    networks = initial_networks(
        architecture,
        inputs=COMPONENTS,
        outputs=ENERGIES,
        seeds=initialisation_seeds(0, INITIALISATIONS),
        dtype=torch.float64,
    )
    arrays: dict[str, Any] = {}
    for layer, (weight, bias) in enumerate(zip(networks.weights, networks.biases, strict=True)):
        # MALA's modules alternate between linear layers and activations, as ours do.
        arrays[f"layers.{2 * layer}.weight"] = weight.numpy()
        arrays[f"layers.{2 * layer}.bias"] = bias[:, 0].numpy()
    np.savez(folder / "weights.npz", **arrays)
    sums = np.array(mala(**common, dtype="float64", weights=str(folder / "weights.npz")))
    own = np.array(found.values)
    seconds = {name: mala(**common, dtype=name) for name in ("float64", "float32")}
    return {
        "architecture": architecture.label,
        "seconds": min(times),
        "mala_seconds": seconds["float64"],
        "mala_float32_seconds": seconds["float32"],
        "speedup": seconds["float64"] / min(times),
        "largest_relative_difference": float(np.abs(sums / own - 1).max()),
    }


def printed(row: dict[str, Any]) -> dict[str, Any]:
    """The row, as soon as it is there."""
    print(
        f"| {row['architecture']} | {1e3 * row['seconds']:.2f} | {1e3 * row['mala_seconds']:.2f} "
        f"| {1e3 * row['mala_float32_seconds']:.2f} | {row['speedup']:.1f} "
        f"| {row['largest_relative_difference']:.1e} |",
        flush=True,
    )
    return row


def spaces(sample: int) -> dict[str, list[Architecture]]:
    """The default space with all activations, and a sample of a wide one."""
    layers, widths = DEFAULT
    return {
        "default": search_space(layers, widths, ACTIVATIONS),
        "unequal": search_space(
            [1, 2, 3, 4], WIDTHS, ACTIVATIONS, equal_widths=False, sample=sample, seed=0
        ),
    }


def summary(rows: dict[str, list[dict[str, Any]]], seconds_of_all: float) -> dict[str, Any]:
    """The numbers that stand for the tables; without a suffix those of the default space."""
    found: dict[str, Any] = {}
    for space, suffix in (("default", ""), ("unequal", "_unequal")):
        speedups = [row["speedup"] for row in rows[space]]
        own = sum(row["seconds"] for row in rows[space])
        found |= {
            f"speedup_over_mala{suffix}": float(np.median(speedups)),
            f"speedup_smallest{suffix}": min(speedups),
            f"speedup_largest{suffix}": max(speedups),
            f"speedup_of_all_together{suffix}": sum(row["mala_seconds"] for row in rows[space])
            / own,
            f"speedup_over_mala_float32{suffix}": float(
                np.median([row["mala_float32_seconds"] / row["seconds"] for row in rows[space]])
            ),
        }
    return found | {
        "seconds_per_100_architectures": 100 * seconds_of_all / len(rows["unequal"]),
        "largest_relative_difference": max(
            row["largest_relative_difference"] for space in rows.values() for row in space
        ),
    }


def main() -> None:
    """Print a row per architecture and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", type=int, default=ARCHITECTURES)
    parser.add_argument("--repetitions", type=int, default=5, help="of which the shortest counts")
    options = parser.parse_args()
    python = mala_python()
    torch.set_num_threads(1)
    architectures = spaces(options.architectures)
    # Collinear components of the spread that standardised SNAP components have.
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(COMPONENTS, COMPONENTS, generator=generator) / COMPONENTS**0.5
    points = torch.randn(2000, COMPONENTS, generator=generator) @ mixing
    minibatch = draw_minibatch(points, batch_size=POINTS, seed=0)
    # The score looks at the minibatch alone, and at the number of energies.
    labelled = minibatch, torch.zeros(len(minibatch), ENERGIES)
    data = ScoreData(*labelled, *labelled, minibatch)
    start = time.process_time()
    for architecture in architectures["unequal"]:
        Naswot()(architecture, data, seed=0, initialisations=INITIALISATIONS)
    seconds_of_all = time.process_time() - start
    rows: dict[str, list[dict[str, Any]]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [str(python), str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        ) as process,
    ):
        np.save(Path(folder) / "minibatch.npy", minibatch.numpy())
        mala = Mala(process)
        for space, members in architectures.items():
            print(f"\n{space} space\n")
            print(
                "| architecture | ms | MALA ms | MALA float32 ms | speed-up | difference of sums |"
            )
            print("|---|---|---|---|---|---|")
            rows[space] = [
                printed(compare(architecture, data, mala, Path(folder), options.repetitions))
                for architecture in members
            ]
        assert process.stdin is not None  # noqa: S101 - opened with a pipe
        process.stdin.close()
    found = summary(rows, seconds_of_all)
    print("\n" + "\n".join(f"{name}: {value:.3g}" for name, value in found.items()))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found | {"rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
