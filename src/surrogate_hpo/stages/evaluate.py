"""Energies of the held-out snapshots from the predicted LDOS, against DFT."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.config.evaluate import EvaluateSettings
from surrogate_hpo.io.cost import total_cost
from surrogate_hpo.io.dft_results import read_dft_result
from surrogate_hpo.io.documents import write_document
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.tables import write_table
from surrogate_hpo.stages.accuracies import accuracies
from surrogate_hpo.stages.energies import (
    FERMI_ENERGY,
    REFERENCES,
    mean_energies,
    reference_energies,
)
from surrogate_hpo.stages.evaluated import common_inputs, read_evaluated
from surrogate_hpo.stages.interface import Input, Output
from surrogate_hpo.stages.ldos_samples import sample_rows


def evaluate(
    *,
    settings: EvaluateSettings,
    seed: int,
    snapshots: Annotated[
        list[Path], Input("JSON of `evaluate_snapshot`: energies of the held-out snapshots, eV")
    ],
    training_dft: Annotated[
        list[Path], Input("JSON of the training snapshots' DFT runs: the baseline")
    ],
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
    """Compare the energies of the held-out snapshots, see `evaluate_snapshot`, with DFT.

    The integral of the *reference* LDOS gives the floor, the training mean the baseline: so a
    reader can tell the surrogate's error from the discretisation's.
    """
    parts = {path: read_evaluated(path) for path in snapshots}
    inputs = common_inputs(parts)
    training = [reference_energies(p.stem, read_dft_result(p)) for p in training_dft]
    first, *_ = parts.values()
    initialisations = [source for source in first.sources if source not in REFERENCES]
    rows = [row for part in parts.values() for row in part.energies]
    quantities = accuracies(rows, training, initialisations)

    write_table(energies, [row.as_row() for row in [*rows, mean_energies(training)]])
    write_table(dos, [entry for row in rows for entry in row.dos_rows()])
    axis = first.energies[-1].energy_axis
    write_table(ldos_samples, list(sample_rows(first.name, axis, first.samples)))
    # The Fermi energy's error is per electron, not per atom: it stands in the JSON only.
    energetic = {name: values for name, values in quantities.items() if name != FERMI_ENERGY}
    write_table(errors, [{"quantity": name, **values} for name, values in energetic.items()])
    made = provenance("evaluate", settings, seed, training_dft)
    write_document(
        summary,
        {
            **quantities,
            "cost": total_cost(costs),
            "held_out_snapshots": len(parts),
            "training_snapshots": len(training),
            "initialisations": len(initialisations),
            # What the energies follow from, as if all of it had been read here.
            "provenance": made | {"inputs": inputs | made["inputs"]},
        },
    )
