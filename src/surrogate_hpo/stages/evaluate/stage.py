"""Energies and forces of the held-out snapshots from the predicted LDOS, against DFT."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.predict.accuracies import Errors, accuracies, class_accuracies, class_rows
from surrogate_hpo.predict.energies import FERMI_ENERGY, baseline_energies
from surrogate_hpo.predict.error_bars import described, read_error_bars, with_error_bars
from surrogate_hpo.run.cost import total_cost
from surrogate_hpo.run.interface import Input, Output, Structures
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.evaluate.control import control
from surrogate_hpo.stages.evaluate.force_errors import COLUMNS, JudgedForces
from surrogate_hpo.stages.evaluate.inputs import check_apart, read_judged, read_training
from surrogate_hpo.stages.evaluate.settings import EvaluateSettings
from surrogate_hpo.stages.knoise.records import read_noise_summary

logger = logging.getLogger(__name__)


def with_kpoint_noise(classes: Sequence[Errors], summaries: Sequence[Path]) -> list[Errors]:
    """Put the k noise of its number of atoms into each class.

    Parameters
    ----------
    classes
        As `class_accuracies` gives them.
    summaries
        JSON of the knoise stage; none where nobody has asked for it.

    Returns
    -------
    list of dict
        The classes with `kpoint_noise`: the numbers of one snapshot of this size, None if there
        are none.
    """
    noise = {entry.atoms: entry for path in summaries for entry in read_noise_summary(path)}
    if missing := sorted({entry["atoms"] for entry in classes} - noise.keys()):
        logger.warning(
            "k noise not known for cells of %s atoms: an error against DFT may be smaller than "
            "that of the labels",
            ", ".join(map(str, missing)),
        )
    return [
        entry | {"kpoint_noise": asdict(noise[entry["atoms"]]) if entry["atoms"] in noise else None}
        for entry in classes
    ]


Snapshots = Annotated[
    list[Path], Input("JSON of `evaluate_snapshot`: energies and forces of the held-out snapshots")
]
TrainingDft = Annotated[
    list[Path], Input("JSON of the training snapshots' DFT runs: baseline and control")
]
TrainingStructures = Annotated[
    list[Path], Input("extxyz files of the training snapshots, in the same order; Å")
]
KpointNoise = Annotated[
    list[Path] | None, Input("JSON of the knoise stage, where report.kpoint_noise is true")
]
Transfer = Annotated[
    list[Path] | None, Input("JSON of the transfer stage, where it is part of the run; eV")
]
ErrorBarFile = Annotated[
    Path, Input("JSON of the surrogate stage: how expected errors are calibrated")
]
Costs = Annotated[list[Path], Input("JSON: cost records of all earlier jobs, in seconds")]
EnergyTable = Annotated[Path, Output("CSV: a row per snapshot and source, energies in eV per cell")]
ErrorTable = Annotated[Path, Output("CSV: a row per quantity, errors in meV/atom")]
ClassTable = Annotated[
    Path, Output("CSV: a row per size, temperature and quantity, errors in meV/atom")
]
DosTable = Annotated[Path, Output("CSV: density of states per snapshot and source, 1/eV")]
SampleTable = Annotated[
    Path, Output("CSV: LDOS of the first snapshot at three grid points, 1/(eV Å³)")
]
ForceTable = Annotated[
    Path, Output("CSV: a row per snapshot, atom and axis, forces in eV/Å; may have none")
]
Summary = Annotated[
    Path, Output("JSON: errors in meV/atom, meV/Å and GPa, floor, baseline, cost in seconds")
]


def evaluate(
    *,
    settings: EvaluateSettings,
    seed: int,
    snapshots: Snapshots,
    structures: Structures,
    training_dft: TrainingDft,
    training_structures: TrainingStructures,
    kpoint_noise: KpointNoise = None,
    transfer: Transfer = None,
    error_bar: ErrorBarFile,
    costs: Costs,
    energies: EnergyTable,
    errors: ErrorTable,
    classes: ClassTable,
    dos: DosTable,
    ldos_samples: SampleTable,
    forces: ForceTable,
    summary: Summary,
) -> None:
    """Compare energies and forces of the held-out snapshots, see `evaluate_snapshot`, with DFT.

    The integral of the *reference* LDOS gives the floor, a constant the baseline, and a linear
    potential fitted to the training energies and forces the control: so a reader can tell the
    surrogate's error from the discretisation's, and whether it has learnt more than others would.
    Structures of the transfer stage count as held-out snapshots, with what is known of them.
    """
    judged = read_judged(snapshots, structures, transfer or [])
    training, results = read_training(training_structures, training_dft)
    check_apart(training, judged)
    known, rows, networks = [one.energies for one in training], judged.rows, judged.networks
    bars = read_error_bars(error_bar)
    quantities = with_error_bars(accuracies(rows, known, networks), rows, bars.energy)
    of_forces = JudgedForces(judged, results, bars.forces, wanted=settings.forces)
    by_class = with_kpoint_noise(
        class_accuracies(rows, known, networks, bars.energy), kpoint_noise or []
    )

    baseline, _ = baseline_energies(judged.reference, known)
    write_table(energies, [row.as_row() for row in [*rows, *baseline]])
    write_table(classes, list(class_rows(by_class)))
    write_table(dos, [entry for row in rows for entry in row.dos_rows()])
    write_table(ldos_samples, judged.parts[0].sample_rows())
    write_table(forces, of_forces.rows(), columns=COLUMNS)
    # The Fermi energy's error is per electron, not per atom: it stands in the JSON only.
    energetic = {name: values for name, values in quantities.items() if name != FERMI_ENERGY}
    write_table(errors, [{"quantity": name, **values} for name, values in energetic.items()])
    read = [*training_dft, *training_structures, *(kpoint_noise or []), *(transfer or [])]
    made = provenance("evaluate", settings, seed, [*read, error_bar])
    content = {
        **quantities,
        **of_forces.summary(),
        "classes": of_forces.with_classes(by_class),
        **control(training, judged.labelled),
        "error_bar": described(bars.energy),
        "force_error_bar": described(bars.forces),
        "cost": total_cost(costs),
        **judged.counts,
        "training_snapshots": len(training),
        # What the energies follow from, as if all of it had been read here.
        "provenance": made | {"inputs": judged.inputs | made["inputs"]},
    }
    write_document(summary, content)
