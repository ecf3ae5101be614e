"""Models of atoms beside the surrogate of the LDOS: error, training and inference of one run.

1. Densities of states by atom (`snakemake ados`, finished): errors of the band energy on the
   held-out snapshots, as both stages have written them.
2. Training: CPU time of an epoch of each, one thread, on this machine; the network of the LDOS
   with its chosen architecture and recipe, without energies and forces in the loss.
3. Inference: CPU time of predictions of 32 and 256 atoms with all networks of each, from the
   positions to the energies; by atom also to the density of states only, before it is filled.

    python benchmarks/atoms.py [--flagship results-flagship] [--epochs 3]

A part of another model keeps what an earlier run has found.
"""

import argparse
import json
import logging
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from ase import Atoms
from ase.build import bulk

from surrogate_hpo.data.models import read_model
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.predict.contents import Conditions as GridConditions
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.stages.ados.atom_data import atom_vectors, read_atom_data
from surrogate_hpo.stages.ados.judged import Conditions, Predictors
from surrogate_hpo.stages.ados.network import linear_map, new_fit, scaled_atoms
from surrogate_hpo.stages.ados.settings import AdosSettings
from surrogate_hpo.training.fitting import Training, new_training, scalings_of
from surrogate_hpo.training.streaming import read_scaled

OUT = Path("benchmarks/out/atoms.json")
# Valence of the aluminium of both runs.
VALENCE = 3
# Cubic cells along each axis, and how often the surrogate predicts them.
SIZES = {2: 3, 4: 1}


def main(options: argparse.Namespace) -> None:
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    document = json.loads(OUT.read_text()) if OUT.is_file() else {}
    document |= density_of_states(options.flagship, options.epochs)
    # Numbers of the potential of the same run belong here, under keys of their own.
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def density_of_states(run: Path, epochs: int) -> dict[str, Any]:
    """Densities of states by atom beside the LDOS."""
    summary = json.loads((run / "ados/summary.json").read_text())
    settings = AdosSettings(**summary["provenance"]["settings"])
    by_atom, by_point = of_atoms(run, settings), of_points(run)
    epoch = {
        "ados": epoch_seconds(by_atom, 20 * epochs),
        "ldos": epoch_seconds(by_point, epochs),
    }
    sizes = inference(run)
    band = {name: summary[name]["band_energy"] for name in ("networks", "linear", "surrogate")}
    errors = {name: one["ensemble_mae_mev_per_atom"] for name, one in band.items()}
    return {
        "machine": platform.processor() or platform.machine(),
        "ados_training_speedup": epoch["ldos"] / epoch["ados"],
        "ados_inference_speedup": sizes[0]["ldos_seconds"] / sizes[0]["ados_seconds"],
        "ados_band_energy_mae_mev_per_atom": errors["networks"],
        "ados_linear_band_energy_mae_mev_per_atom": errors["linear"],
        "ldos_band_energy_mae_mev_per_atom": errors["surrogate"],
        "seconds_per_epoch": epoch,
        "epochs": {
            "ados": settings.maximum_epochs,
            "ldos": summary["cost"].get("surrogate_epochs_at_most"),
        },
        "training_points": {
            "ados": summary["training_atoms"],
            "ldos": summary["training_grid_points"],
        },
        "ados_inference": sizes,
        "ados_exchange": summary["exchange"],
        "ados_spread": summary["spread"],
    }


def of_atoms(run: Path, settings: AdosSettings) -> Training:
    """The training of `ados_network`."""
    data = read_atom_data(run / "ados/atoms.pt")
    return new_fit(settings, scaled_atoms(settings, data, where=str(run)), seed=0)


def of_points(run: Path) -> Training:
    """The training of `train`, without energies and forces in the loss."""
    chosen = json.loads((run / "search/choice.json").read_text())["hyperparameters"]
    network = json.loads((run / "naswot/choice.json").read_text())["architecture"]
    scaled, _ = read_scaled(
        stores(run, "training"),
        stores(run, "validation"),
        *scalings_of(chosen),
        memory_mebibytes=None,
    )
    return new_training(
        scaled, Architecture.from_dict(network), chosen, maximum_epochs=1000, seed=0, use_gpu=False
    )


def stores(run: Path, split: str) -> tuple[list[Path], list[Path]]:
    """Descriptors and LDOS of a split."""
    descriptors, ldos = (
        sorted((run / kind).glob(f"{split}-*.zarr.zip")) for kind in ("descriptors", "ldos")
    )
    return descriptors, ldos


def epoch_seconds(fit: Training, epochs: int) -> float:
    """Median CPU time of an epoch, validation included, after one that is not counted."""
    fit.trainer.train_epoch()
    return median(seconds(fit.trainer.train_epoch) for _ in range(epochs))


def inference(run: Path) -> list[dict[str, float]]:
    """CPU times of all networks of both models, from the positions on, by number of atoms."""
    data = read_atom_data(run / "ados/atoms.pt")
    models = sorted((run / "ados").glob("*/model.pt"))
    networks = {f"seed-{n}": read_model(path) for n, path in enumerate(models)}
    predictors = Predictors(data, networks, linear_map(data))
    surrogate = read_surrogate(run / "surrogate/surrogate.pt")
    rows: list[dict[str, float]] = []
    for repeats, rounds in SIZES.items():
        atoms = cell(repeats)
        of = Conditions(VALENCE * len(atoms), surrogate.origin.electronic_temperature, None)

        def shares(atoms: Atoms = atoms) -> None:
            predictors.dos(atom_vectors(atoms, data.definition, data.elements, where="atoms"))

        def energies(atoms: Atoms = atoms, of: Conditions = of) -> None:
            predictors.predict("atoms", atoms, of)

        def by_point(atoms: Atoms = atoms) -> None:
            with tempfile.TemporaryDirectory(dir=".") as folder:
                predict_structure(surrogate, atoms, GridConditions(), Path(folder), forces=None)

        if not rows:  # loads compiled code
            energies()
            by_point()
        rows.append(
            {
                "atoms": len(atoms),
                "ados_dos_seconds": median(seconds(shares) for _ in range(5)),
                "ados_seconds": median(seconds(energies) for _ in range(5)),
                "ldos_seconds": median(seconds(by_point) for _ in range(rounds)),
            }
        )
    return rows


def cell(repeats: int) -> Atoms:
    """Cubic cells of aluminium at 298 K."""
    return thermal_displacements(
        bulk("Al", "fcc", a=4.05, cubic=True).repeat(repeats),
        temperature=298.0,
        debye_waller_b=0.86,
        reference_temperature=300.0,
        seed=0,
    )


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--flagship", type=Path, default=Path("results-flagship"))
    parser.add_argument("--epochs", type=int, default=3)
    main(parser.parse_args())
