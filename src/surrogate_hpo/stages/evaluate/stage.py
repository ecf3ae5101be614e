"""Energies of the held-out snapshots from the predicted LDOS, against DFT."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.structures.structures import read_structure, read_temperature
from surrogate_hpo.predict.accuracies import accuracies, class_accuracies, class_rows
from surrogate_hpo.predict.energies import (
    FERMI_ENERGY,
    REFERENCES,
    baseline_energies,
    reference_energies,
)
from surrogate_hpo.predict.error_bars import described, read_error_bar, with_error_bars
from surrogate_hpo.predict.transferred import Transferred, read_transferred
from surrogate_hpo.run.cost import total_cost
from surrogate_hpo.run.interface import Input, Output, Structures
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.evaluate.control import Labelled, control
from surrogate_hpo.stages.evaluate.evaluated import common_inputs, read_evaluated
from surrogate_hpo.stages.evaluate.label_noise import with_kpoint_noise
from surrogate_hpo.stages.evaluate.ldos_samples import sample_rows
from surrogate_hpo.stages.evaluate.settings import EvaluateSettings


def evaluate(
    *,
    settings: EvaluateSettings,
    seed: int,
    snapshots: Annotated[
        list[Path], Input("JSON of `evaluate_snapshot`: energies of the held-out snapshots, eV")
    ],
    structures: Structures,
    training_dft: Annotated[
        list[Path], Input("JSON of the training snapshots' DFT runs: baseline and control")
    ],
    training_structures: Annotated[
        list[Path], Input("extxyz files of the training snapshots, in the same order; Å")
    ],
    kpoint_noise: Annotated[
        list[Path] | None, Input("JSON of the knoise stage, where report.kpoint_noise is true")
    ] = None,
    transfer: Annotated[
        list[Path] | None, Input("JSON of the transfer stage, where it is part of the run; eV")
    ] = None,
    error_bar: Annotated[
        Path, Input("JSON of the surrogate stage: how expected errors are calibrated")
    ],
    costs: Annotated[list[Path], Input("JSON: cost records of all earlier jobs, in seconds")],
    energies: Annotated[
        Path, Output("CSV: a row per snapshot and source, energies in eV per cell")
    ],
    errors: Annotated[Path, Output("CSV: a row per quantity, errors in meV/atom")],
    classes: Annotated[
        Path, Output("CSV: a row per size, temperature and quantity, errors in meV/atom")
    ],
    dos: Annotated[Path, Output("CSV: density of states per snapshot and source, 1/eV")],
    ldos_samples: Annotated[
        Path, Output("CSV: LDOS of the first snapshot at three grid points, 1/(eV Å³)")
    ],
    summary: Annotated[Path, Output("JSON: errors in meV/atom, floor, baseline, cost in seconds")],
) -> None:
    """Compare the energies of the held-out snapshots, see `evaluate_snapshot`, with DFT.

    The integral of the *reference* LDOS gives the floor, a constant the baseline, and a linear
    potential fitted to the training energies and forces the control: so a reader can tell the
    surrogate's error from the discretisation's, and whether it has learnt more than others would.
    Structures of the transfer stage count as held-out snapshots, with what is known of them.
    """
    parts = {path: read_evaluated(path) for path in snapshots}
    inputs = common_inputs(parts)
    training = _training(training_structures, training_dft)
    known = [one.energies for one in training]
    first, *_ = parts.values()
    initialisations = [source for source in first.sources if source not in REFERENCES]
    beyond = _beyond(transfer or [], first.sources)
    by_snapshot = [part.energies for part in parts.values()] + [one.rows() for one in beyond]
    rows = [row for energies_of_one in by_snapshot for row in energies_of_one]
    reference = [energies_of_one[0] for energies_of_one in by_snapshot]
    bar = read_error_bar(error_bar)
    quantities = with_error_bars(accuracies(rows, known, initialisations), rows, bar)
    by_class = with_kpoint_noise(
        class_accuracies(rows, known, initialisations, bar), kpoint_noise or []
    )
    atoms = [*map(read_structure, structures), *(one.atoms for one in beyond)]
    held_out = [Labelled(one, row) for one, row in zip(atoms, reference, strict=True)]

    baseline, _ = baseline_energies(reference, known)
    write_table(energies, [row.as_row() for row in [*rows, *baseline]])
    write_table(classes, list(class_rows(by_class)))
    write_table(dos, [entry for row in rows for entry in row.dos_rows()])
    axis = first.energies[-1].energy_axis
    write_table(ldos_samples, list(sample_rows(first.name, axis, first.samples)))
    # The Fermi energy's error is per electron, not per atom: it stands in the JSON only.
    energetic = {name: values for name, values in quantities.items() if name != FERMI_ENERGY}
    write_table(errors, [{"quantity": name, **values} for name, values in energetic.items()])
    read = [*training_dft, *training_structures, *(kpoint_noise or []), *(transfer or [])]
    read.append(error_bar)
    made = provenance("evaluate", settings, seed, read)
    write_document(
        summary,
        {
            **quantities,
            "classes": by_class,
            **control(training, held_out),
            "error_bar": described(bar),
            "cost": total_cost(costs),
            "held_out_snapshots": len(reference),
            "transfer_snapshots": len(beyond),
            "transfer_snapshots_with_warnings": sum(bool(one.warnings) for one in beyond),
            "training_snapshots": len(training),
            "initialisations": len(initialisations),
            # What the energies follow from, as if all of it had been read here.
            "provenance": made | {"inputs": inputs | made["inputs"]},
        },
    )


def _beyond(files: Sequence[Path], sources: Sequence[str]) -> list[Transferred]:
    """Structures beyond the run, predicted by as many networks as the held-out snapshots."""
    found = [(path, one) for path in files for one in read_transferred(path)]
    for path, one in found:
        predicted = [row.source for row in one.rows()]
        if predicted != list(sources):
            raise DataError(
                "structures beyond the run were predicted with other networks than the snapshots",
                where=str(path),
                expected=", ".join(sources),
                got=", ".join(predicted),
                remedy="delete it and run the workflow again; it is remade",
            )
    return [one for _, one in found]


def _training(structures: Sequence[Path], dft: Sequence[Path]) -> list[Labelled]:
    """Structures, energies and forces of the training snapshots."""
    found = []
    for structure, path in zip(structures, dft, strict=True):
        result = read_dft_result(path)
        energies = reference_energies(path.stem, result, read_temperature(structure))
        found.append(Labelled(read_structure(structure), energies, result.forces))
    return found
