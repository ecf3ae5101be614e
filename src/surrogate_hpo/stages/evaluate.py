"""Energies of the held-out snapshots from the predicted LDOS, against DFT."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from surrogate_hpo.config.evaluate import EvaluateSettings
from surrogate_hpo.io.cost import total_cost
from surrogate_hpo.io.dft_results import read_dft_result
from surrogate_hpo.io.documents import write_document
from surrogate_hpo.io.models import TrainedModel, read_model
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.tables import Cell, write_table
from surrogate_hpo.io.upf import Pseudopotential, read_upf
from surrogate_hpo.stages.energies import (
    FERMI_ENERGY,
    SnapshotEnergies,
    mean_energies,
    reference_energies,
)
from surrogate_hpo.stages.held_out import (
    HeldOut,
    accuracies,
    energies_by_source,
    read_held_out,
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
    trained = {f"seed-{number}": read_model(path) for number, path in enumerate(models)}
    potentials = {p.element: p for p in map(read_upf, pseudopotentials)}
    training = [reference_energies(p.stem, read_dft_result(p)) for p in training_dft]
    held_out = read_held_out(structures, dft, descriptors, ldos)

    rows, samples = _integrate(held_out, trained, potentials, settings)
    quantities = accuracies(rows, training, list(trained))

    write_table(energies, [row.as_row() for row in [*rows, mean_energies(training)]])
    write_table(dos, [entry for row in rows for entry in row.dos_rows()])
    write_table(ldos_samples, samples)
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


def _integrate(
    snapshots: Iterable[HeldOut],
    models: Mapping[str, TrainedModel],
    potentials: Mapping[str, Pseudopotential],
    settings: EvaluateSettings,
) -> tuple[list[SnapshotEnergies], list[dict[str, Cell]]]:
    """Energies of all snapshots from all sources, and samples of the first one's LDOS."""
    rows: list[SnapshotEnergies] = []
    samples: list[dict[str, Cell]] = []
    for number, snapshot in enumerate(snapshots):
        rows.append(reference_energies(snapshot.name, snapshot.result))
        for found, values in energies_by_source(
            snapshot,
            models,
            potentials,
            block_points=settings.block_points,
            use_gpu=settings.use_gpu,
        ):
            rows.append(found)
            if number == 0:
                samples.extend(sample_rows(snapshot.name, found.source, snapshot.ldos, values))
    return rows, samples
