"""What moves the Fermi energy from cell to cell: linear fits to quantities of the whole cell.

From a finished run: its training snapshots are fitted by least squares, its validation and test
snapshots judged. Energies of a periodic cell count from its mean potential, so the Fermi energy
tells what shifts the LDOS at all points alike.

Prints a table and writes benchmarks/out/cell_means.json.

    python benchmarks/cell_means.py [--run results-flagship]
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from ase import Atoms

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.descriptors.atom_centred import atom_bispectrum
from surrogate_hpo.descriptors.definition import DEFINITION_KEYS, DescriptorDefinition
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.formats.structures.structures import read_structure

OUT = Path("benchmarks/out/cell_means.json")
CUTOFFS, TWOJMAX = (None, 5.5), (2, 4, 6)


def main(run: Path) -> None:
    """All fits, one line each."""
    chosen = DescriptorDefinition.from_document(
        read_document(run / "acsd/choice.json", keys=DEFINITION_KEYS)
    )
    names = sorted(path.stem for path in (run / "dft").glob("*.json"))
    cells = [read_structure(run / f"snapshots/{name}.extxyz") for name in names]
    energies = np.array([read_dft_result(run / f"dft/{n}.json").fermi_energy for n in names])
    training = np.array([name.startswith("training-") for name in names])
    volumes = np.array([[np.log(one.get_volume() / len(one))] for one in cells])
    nothing = np.empty((len(cells), 0))
    known = {"a constant": nothing, "ln of the volume per atom": volumes}
    for cutoff in (one or chosen.cutoff_radius for one in CUTOFFS):
        for twojmax in TWOJMAX:
            label = f"and means over the atoms, {cutoff:g} Å, 2J_max {twojmax}"
            known[label] = np.hstack([volumes, means(cells, chosen, cutoff, twojmax)])
    rows = {}
    for label, values in known.items():
        errors = 1000 * (energies - fitted(values, energies, training))
        known_to, held_out = (
            float(np.sqrt(np.mean(errors[part] ** 2))) for part in (training, ~training)
        )
        rows[label] = {
            "components": values.shape[1],
            "training_mev": known_to,
            "held_out_mev": held_out,
        }
        sys.stdout.write(
            f"{label:50} {values.shape[1]:3} components, RMSE {known_to:6.1f} meV for "
            f"{training.sum()} training cells, {held_out:6.1f} for {(~training).sum()} others\n"
        )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def means(
    cells: list[Atoms], chosen: DescriptorDefinition, cutoff: float, twojmax: int
) -> np.ndarray:
    """Means over the atoms of SNAP at the atoms, a row per cell."""
    found = []
    for one in cells:
        options = chosen.keywords(one.get_chemical_symbols())
        options |= {"cutoff_radius": cutoff, "twojmax": twojmax}
        found.append(atom_bispectrum(one.positions, one.cell[:], **options).mean(0))
    return np.array(found)


def fitted(values: np.ndarray, energies: np.ndarray, training: np.ndarray) -> np.ndarray:
    """By least squares from the training cells, for all cells."""
    mean, width = values[training].mean(0), values[training].std(0)
    scaled = np.hstack([(values - mean) / np.where(width > 0, width, 1), np.ones((len(values), 1))])
    weights, *_ = np.linalg.lstsq(scaled[training], energies[training])
    return np.asarray(scaled @ weights)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--run", type=Path, default=Path("results-flagship"))
    main(arguments.parse_args().run)
