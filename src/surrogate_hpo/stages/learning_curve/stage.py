"""What more training snapshots bring: errors of networks trained with a part of them."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.config.project import Config
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.models import TrainedModel, read_model
from surrogate_hpo.errors import ConfigError, PhysicsError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.structures.structures import read_temperature
from surrogate_hpo.formats.upf.reader import Pseudopotential, read_upf
from surrogate_hpo.predict.accuracies import accuracies
from surrogate_hpo.predict.energies import SnapshotEnergies, reference_energies
from surrogate_hpo.predict.held_out import (
    HeldOut,
    energies_by_source,
    predicted_energies,
    read_held_out,
)
from surrogate_hpo.run.interface import (
    DescriptorStores,
    Input,
    LdosStores,
    Output,
    Structures,
)
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.learning_curve.settings import LearningCurveSettings, spread

logger = logging.getLogger(__name__)
QUANTITY = "total_free_energy"
_ERRORS = (
    "ensemble_mae_mev_per_atom",
    "mae_mev_per_atom",
    "std_over_seeds",
    "skill",
    "correlation",
    "baseline_mev_per_atom",
    "discretisation_error_mev_per_atom",
)


def learning_curve(
    *,
    settings: LearningCurveSettings,
    config: Config,
    seed: int,
    models: Annotated[
        list[Path], Input("trained models (*.pt): all initialisations per number of snapshots")
    ],
    structures: Structures,
    dft: Annotated[list[Path], Input("JSON of the DFT runs of the held-out snapshots")],
    descriptors: DescriptorStores,
    ldos: LdosStores,
    training_structures: Annotated[list[Path], Input("extxyz files of all training snapshots")],
    training_dft: Annotated[list[Path], Input("JSON of their DFT runs: the baseline")],
    training_costs: Annotated[list[Path], Input("JSON: cost records of these runs, in order")],
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    table: Annotated[Path, Output("CSV: a row per number of snapshots; meV/atom, seconds")],
    summary: Annotated[Path, Output("JSON: the same rows")],
) -> None:
    """Predict the held-out snapshots with networks that have seen a part of the training.

    The baseline is the same for all: that of the whole training. A number of snapshots with a
    network whose LDOS does not even hold the electrons has no errors.
    """
    counts = settings.counts(len(training_dft))
    sources = _sources(counts, settings.seeds, models)
    networks = {source: read_model(path) for source, path in zip(sources, models, strict=True)}
    potentials = {p.element: p for p in map(read_upf, pseudopotentials)}
    rows: list[SnapshotEnergies] = []
    useless: set[str] = set()
    snapshots = zip(structures, read_held_out(structures, dft, descriptors, ldos), strict=True)
    for path, snapshot in snapshots:
        rows.append(reference_energies(snapshot.name, snapshot.result, read_temperature(path)))
        found, failed = _predictions(snapshot, networks, potentials, config)
        rows, useless = rows + found, useless | failed
    training = [
        reference_energies(path.stem, read_dft_result(path), read_temperature(structure))
        for structure, path in zip(training_structures, training_dft, strict=True)
    ]
    points = []
    for count in counts:
        own = [source for source in sources if _count_of(source) == count]
        errors = {} if useless & set(own) else accuracies(rows, training, own)[QUANTITY]
        points.append(
            {
                "training_snapshots": count,
                "dft_cpu_seconds": _dft_seconds(spread(training_costs, count)),
                "networks": len(own),
                **{name: errors.get(name) for name in _ERRORS},
            }
        )
    write_table(table, points)
    inputs = [*models, *structures, *dft, *descriptors, *ldos, *training_dft]
    made = provenance("learning_curve", settings, seed, inputs)
    write_document(summary, {"points": points, "provenance": made})


def _dft_seconds(costs: Sequence[Path]) -> float:
    key = "cpu_seconds"
    return round(sum(float(read_document(path, keys=(key,))[key]) for path in costs), 3)


def _sources(counts: Sequence[int], seeds: int, models: Sequence[Path]) -> list[str]:
    """What the networks are called, in the order of their files."""
    if len(models) != len(counts) * seeds:
        raise ConfigError(
            "the networks of the learning curve do not fit its settings",
            where="--models",
            expected=f"{seeds} for each of {', '.join(map(str, counts))} training snapshots",
            got=f"{len(models)} models",
            remedy="name those that learning_curve.fractions and learning_curve.seeds say",
        )
    return [f"{count}-{number}" for count in counts for number in range(seeds)]


def _count_of(source: str) -> int:
    return int(source.partition("-")[0])


def _predictions(
    snapshot: HeldOut,
    networks: Mapping[str, TrainedModel],
    potentials: Mapping[str, Pseudopotential],
    config: Config,
) -> tuple[list[SnapshotEnergies], set[str]]:
    """Energies from the reference LDOS and from each network's, and which have none."""
    options: dict[str, Any] = {
        "block_points": config.evaluate.block_points,
        "use_gpu": config.evaluate.use_gpu,
    }
    rows = [row for row, _ in energies_by_source(snapshot, {}, potentials, **options)]
    useless = set()
    for source, model in networks.items():
        try:
            rows.append(predicted_energies(snapshot, source, model, potentials, **options)[0])
        except PhysicsError as error:
            logger.warning("network %s is of no use: %s", source, error)
            useless.add(source)
    return rows, useless
