"""Energies of the held-out snapshots from the predicted LDOS, against DFT."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.config.evaluate import EvaluateSettings
from surrogate_hpo.errors import DataError
from surrogate_hpo.io.cost import total_cost
from surrogate_hpo.io.datasets import flat, read_pair
from surrogate_hpo.io.descriptor_store import DescriptorData
from surrogate_hpo.io.dft_results import read_dft_result
from surrogate_hpo.io.documents import write_document
from surrogate_hpo.io.ldos_store import LdosData
from surrogate_hpo.io.models import TrainedModel, read_model
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.structures import read_structure
from surrogate_hpo.io.tables import Cell, write_table
from surrogate_hpo.io.upf import read_upf
from surrogate_hpo.physics.accuracy import accuracy
from surrogate_hpo.stages.energies import (
    FERMI_ENERGY,
    QUANTITIES,
    REFERENCE_LDOS,
    SnapshotEnergies,
    energies_of,
    mean_energies,
    reference_energies,
)
from surrogate_hpo.stages.interface import DescriptorStores, Input, LdosStores, Output, Structures
from surrogate_hpo.stages.ldos_samples import sample_rows


def evaluate(
    *,
    settings: EvaluateSettings,
    seed: int,
    models: Annotated[list[Path], Input("trained models (*.pt), one per initialisation")],
    training_dft: Annotated[
        list[Path], Input("JSON of the training snapshots' DFT runs: the baseline")
    ],
    structures: Structures,
    dft: Annotated[list[Path], Input("JSON of the DFT runs of the same snapshots")],
    descriptors: DescriptorStores,
    ldos: LdosStores,
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    costs: Annotated[list[Path], Input("JSON: cost records of all earlier jobs, in seconds")],
    energies: Annotated[
        Path, Output("CSV: a row per snapshot and source, energies in eV per cell")
    ],
    errors: Annotated[Path, Output("CSV: a row per quantity, errors in meV/atom")],
    dos: Annotated[Path, Output("CSV: density of states per snapshot and source, 1/eV")],
    ldos_samples: Annotated[
        Path, Output("CSV: LDOS of the first snapshot at three grid points, 1/(eV Å³)")
    ],
    summary: Annotated[Path, Output("JSON: errors in meV/atom, floor, baseline, cost in seconds")],
) -> None:
    """Predict the LDOS of held-out snapshots and integrate it to total free energies.

    The same integration of the *reference* LDOS gives the floor, the training mean the
    baseline: so a reader can tell the surrogate's error from the discretisation's.
    """
    trained = [read_model(path) for path in models]
    potentials = {p.element: p for p in map(read_upf, pseudopotentials)}
    rows: list[SnapshotEnergies] = []
    samples: list[dict[str, Cell]] = []
    for structure, dft_path, d_path, s_path in zip(structures, dft, descriptors, ldos, strict=True):
        name, result = structure.stem, read_dft_result(dft_path)
        atoms = read_structure(structure)
        d, s = read_pair(d_path, s_path)
        rows.append(reference_energies(name, result))
        for source, values in _all_ldos(settings, models, trained, d, s, d_path):
            rows.append(energies_of(name, source, s, values, atoms, result, potentials))
            if structure is structures[0]:
                samples.extend(sample_rows(name, source, s, values))
    training = [reference_energies(p.stem, read_dft_result(p)) for p in training_dft]
    write_table(energies, [row.as_row() for row in [*rows, mean_energies(training)]])
    write_table(dos, [entry for row in rows for entry in row.dos_rows()])
    write_table(ldos_samples, samples)
    quantities = _accuracies(rows, training, len(trained))
    # The Fermi energy's error is per electron, not per atom: it stands in the JSON only.
    energetic = {name: values for name, values in quantities.items() if name != FERMI_ENERGY}
    write_table(errors, [{"quantity": name, **values} for name, values in energetic.items()])
    inputs = [*models, *training_dft, *structures, *dft, *descriptors, *ldos, *pseudopotentials]
    write_document(
        summary,
        {
            **quantities,
            "cost": total_cost(costs),
            "held_out_snapshots": len(structures),
            "training_snapshots": len(training),
            "initialisations": len(trained),
            "provenance": provenance("evaluate", settings, seed, inputs),
        },
    )


def _all_ldos(
    settings: EvaluateSettings,
    paths: Sequence[Path],
    models: Sequence[TrainedModel],
    descriptors: DescriptorData,
    reference: LdosData,
    where: Path,
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The reference LDOS and each model's, one at a time."""
    yield REFERENCE_LDOS, reference.values
    for number, model in enumerate(models):
        check_model_fits(model, descriptors, reference, where=f"{paths[number]} and {where}")
        predicted = _predict(model, flat(descriptors.values), settings)
        yield f"seed-{number}", predicted.reshape(reference.values.shape)


def _predict(
    model: TrainedModel, values: NDArray[np.float32], settings: EvaluateSettings
) -> NDArray[np.float32]:
    predicted: NDArray[np.float32] = model.surrogate.predict(
        torch.from_numpy(values),
        points_per_chunk=settings.block_points,
        device="cuda" if settings.use_gpu else "cpu",
    ).numpy()
    return predicted


def _accuracies(
    rows: list[SnapshotEnergies], training: list[SnapshotEnergies], seeds: int
) -> dict[str, dict[str, float]]:
    """Errors per quantity; energies in meV/atom, the Fermi energy in meV."""

    def values(source: str, quantity: str) -> list[float]:
        return [1000 * r.comparable(quantity) for r in rows if r.source == source]

    result = {}
    for quantity in QUANTITIES:
        found = accuracy(
            [values(f"seed-{number}", quantity) for number in range(seeds)],
            values("dft", quantity),
            values(REFERENCE_LDOS, quantity),
            [1000 * row.comparable(quantity) for row in training],
        )
        unit = "mev" if quantity == FERMI_ENERGY else "mev_per_atom"
        result[quantity] = {
            (key if key == "std_over_seeds" else f"{key}_{unit}"): value
            for key, value in asdict(found).items()
        }
    return result


def check_model_fits(
    model: TrainedModel, descriptors: DescriptorData, ldos: LdosData, *, where: str
) -> None:
    """A model must be fed the descriptors, and compared on the axis, that it was trained on.

    Parameters
    ----------
    model
        The trained model.
    descriptors
        What it is to be fed.
    ldos
        What its prediction is compared with.
    where
        File to name in the message.

    Raises
    ------
    DataError
        If descriptor settings, energy axis or kernel differ.
    """
    trained = (model.definition, model.kernel, model.width, len(model.energy))
    given = (descriptors.definition, ldos.kernel, ldos.width, len(ldos.energy))
    if trained != given or not np.allclose(model.energy, ldos.energy):
        names = "descriptor, kernel, width (eV), number of energies"
        raise DataError(
            f"the model was trained on other data ({names})",
            where=where,
            expected=str(trained),
            got=str(given),
            remedy="run the workflow again, so that model and data come from the same settings",
        )
