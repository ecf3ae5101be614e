"""How the recipe of the training decides the error of the total free energy.

Needs a finished run of the default config (`make run`). Trains one initialisation per
recipe on its descriptors and LDOS, one thread each, and prints a table.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from surrogate_hpo.data.datasets import read_pair, read_points
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.dft.result import known
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.options import Activation
from surrogate_hpo.predict.ldos_energies import energies_of
from surrogate_hpo.training.fitting import OUTPUT_SCALING_KEY, Training, new_training, scale

RESULTS = Path("results")
OUT = Path("benchmarks/out/recipes.json")
SOAP = {"optimiser": "soap", "learning_rate": 3e-3, "batch_size": 2000, "schedule": "cosine"}
ADAM = {"optimiser": "adam", "learning_rate": 2e-3, "batch_size": 1000, "schedule": "cosine"}
RECIPES: list[tuple[str, Activation, str, int, dict[str, Any]]] = [
    ("SOAP, annealed", "tanh", "whitened", 10, SOAP),
    ("SOAP, annealed", "tanh", "standardised", 10, SOAP),
    ("SOAP, annealed", "relu", "whitened", 10, SOAP),
    ("SOAP, early stopping", "tanh", "whitened", 10, SOAP | {"schedule": "constant"}),
    ("SOAP, early stopping", "relu", "whitened", 10, SOAP | {"schedule": "constant"}),
    ("SOAP, plateau", "tanh", "standardised", 10, SOAP | {"schedule": "plateau", "patience": 1}),
    ("SOAP, annealed, DOS weight 10", "tanh", "standardised", 10, SOAP | {"dos_weight": 10.0}),
    (
        "SOAP, annealed, each energy by its maximum",
        "tanh",
        "standardised",
        10,
        SOAP | {OUTPUT_SCALING_KEY: "feature_maximum"},
    ),
    ("Adam, annealed", "tanh", "whitened", 20, ADAM | {"weight_decay": 0.0}),
    ("Adam, annealed", "tanh", "standardised", 20, ADAM | {"weight_decay": 0.0}),
]


def names(split: str) -> list[str]:
    """Names of a split's snapshots in the finished run."""
    return sorted(path.stem for path in (RESULTS / "dft").glob(f"{split}-*.json"))


def stores(kind: str, split: str) -> list[Path]:
    """Stores of a split's snapshots."""
    return [RESULTS / kind / f"{name}.zarr.zip" for name in names(split)]


def errors(fit: Training, pseudopotential: Path) -> np.ndarray:
    """Errors of the total free energy of the held-out snapshots, meV/atom."""
    potential = read_upf(pseudopotential)
    found = []
    for name in names("test"):
        descriptors, ldos = read_pair(
            RESULTS / f"descriptors/{name}.zarr.zip", RESULTS / f"ldos/{name}.zarr.zip"
        )
        atoms = read_structure(RESULTS / f"snapshots/{name}.extxyz")
        result = read_dft_result(RESULTS / f"dft/{name}.json")
        points = descriptors.values.reshape(-1, descriptors.values.shape[-1])
        values = fit.model.predict(torch.from_numpy(points)).numpy().reshape(ldos.values.shape)
        terms = energies_of(
            name, "seed-0", ldos, values, atoms, result, {potential.element: potential}
        )
        difference = terms.energies["total_free_energy"] - known(result.total_free_energy)
        found.append(1000 * difference / len(atoms))
    return np.array(found)


def main() -> None:
    """Train with each recipe and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--pseudopotential", type=Path, default=Path("pseudopotentials/Al.hgh-lda.UPF")
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    training = read_points(stores("descriptors", "training"), stores("ldos", "training"))
    validation = read_points(stores("descriptors", "validation"), stores("ldos", "validation"))
    rows = []
    print("| recipe | activation | inputs | epochs | CPU s | loss | MAE meV/atom | mean meV/atom |")
    print("|---|---|---|---|---|---|---|---|")
    for label, activation, scaling, epochs, hyperparameters in RECIPES:
        start = time.process_time()
        fit = new_training(
            scale(
                training,
                validation,
                scaling,
                hyperparameters.get(OUTPUT_SCALING_KEY, "maximum"),
            ),
            Architecture((options.width,) * 3, activation),
            hyperparameters,
            maximum_epochs=epochs,
            seed=options.seed,
            use_gpu=False,
        )
        used = fit.run(lambda _: None)
        seconds = time.process_time() - start
        wrong = errors(fit, options.pseudopotential)
        row = {
            "recipe": label,
            "activation": activation,
            "input_scaling": scaling,
            "epochs": len(fit.trainer.history),
            "cpu_seconds": round(seconds, 1),
            "validation_loss": used.validation_loss,
            "mae_mev_per_atom": float(np.abs(wrong).mean()),
            "mean_error_mev_per_atom": float(wrong.mean()),
        }
        rows.append(row)
        print(
            f"| {label} | {activation} | {scaling} | {row['epochs']} | {seconds:.0f} "
            f"| {used.validation_loss:.2e} | {np.abs(wrong).mean():.2f} | {wrong.mean():+.2f} |",
            flush=True,
        )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
