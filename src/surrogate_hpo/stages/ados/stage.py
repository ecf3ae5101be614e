"""Density of states by atom: errors against DFT, beside the surrogate of the LDOS."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np

from surrogate_hpo.config.project import Config
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.models import TrainedModel, read_model
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.files.tables import Cell, read_table, write_table
from surrogate_hpo.formats.structures.labelled import read_labelled
from surrogate_hpo.formats.structures.structures import read_structure, read_temperature
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.predict.energies import (
    FERMI_ENERGY,
    REFERENCE_LDOS,
    SnapshotEnergies,
    reference_energies,
)
from surrogate_hpo.run.interface import Input, Output, Structures
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.ados.atom_data import AtomData, atom_vectors, read_atom_data
from surrogate_hpo.stages.ados.bars import Bars, bagged_bars, bar_summary
from surrogate_hpo.stages.ados.beside import OwnSurrogate, exchange_errors, exchanged
from surrogate_hpo.stages.ados.judged import (
    LINEAR,
    TERMS,
    Conditions,
    Predictors,
    dos_errors,
    energies_of_dos,
    spread_of,
    term_errors,
    timed,
)
from surrogate_hpo.stages.ados.network import linear_map
from surrogate_hpo.stages.ados.settings import AdosSettings

Files = Sequence[Path]


def ados(
    *,
    settings: AdosSettings,
    config: Config,
    seed: int,
    atoms: Annotated[Path, Input("torch file of `ados_atoms`")],
    models: Annotated[list[Path], Input("torch files of `ados_network`: all initialisations")],
    histories: Annotated[list[Path], Input("CSV of `ados_network`, in the same order")],
    structures: Structures,
    dft: Annotated[list[Path], Input("JSON of the DFT runs of the held-out snapshots")],
    training_structures: Annotated[list[Path], Input("extxyz files of the training snapshots")],
    training_dft: Annotated[list[Path], Input("JSON of their DFT runs: the baseline")],
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    surrogate_energies: Annotated[
        Files, Input("CSV of the evaluate stage, where ados.beside_surrogate is true")
    ] = (),
    surrogate_summary: Annotated[Files, Input("JSON of the evaluate stage, in the same case")] = (),
    surrogate_costs: Annotated[Files, Input("JSON: cost records of the train stage")] = (),
    table: Annotated[Path, Output("CSV: a row per snapshot and source; eV per cell")],
    dos: Annotated[Path, Output("CSV: density of states per snapshot and source, 1/eV")],
    exchange: Annotated[
        Path, Output("CSV: total free energies of the surrogate with these terms, meV/atom")
    ],
    summary: Annotated[Path, Output("JSON: errors in meV/atom, seconds, numbers of points")],
) -> None:
    """Predict the held-out snapshots, and structures beyond the run, atom by atom.

    The networks correct a linear map, which stands beside them; beside both the baseline (a
    constant) and the floor (the density of states of the reference LDOS); where the run has a
    surrogate, its errors, and its total free energies with the band energy and entropy term from
    here.
    """
    predictors = _predictors(atoms, models)
    ions = {path.stem: read_temperature(path) for path in training_structures}
    results = {path.stem: read_dft_result(path) for path in training_dft}
    training = [reference_energies(n, result, ions[n]) for n, result in results.items()]
    bars = bagged_bars(
        predictors.data,
        {name: Conditions.of(result, ions[name]) for name, result in results.items()},
        penalty=predictors.linear.penalty,
        members=settings.members,
        seed=derive_seed(seed, "ados", "members"),
    )
    expected: dict[str, dict[str, float]] = {}
    rows, seconds = _held_out(predictors, structures, dft, bars, expected)
    judged = dict(expected)
    beyond = _beyond(predictors, config, training_dft, pseudopotentials, bars, expected)
    content = _errors(predictors, rows, training)
    content["error_bar"] = None if bars is None else bar_summary(rows, judged, bars)
    content["cost"] = _cost(histories, surrogate_costs, config) | {
        "prediction_cpu_seconds": median(seconds)
    }
    changed: list[dict[str, Cell]] = []
    if surrogate_energies and surrogate_summary:
        own = OwnSurrogate.read(surrogate_energies[0], surrogate_summary[0])
        changed = exchanged(own, [*rows, *beyond], list(predictors.networks))
        content |= {"surrogate": own.terms(), "exchange": exchange_errors(changed)}
    write_table(table, [_row(row, expected) for row in [*rows, *beyond]])
    write_table(dos, [entry for row in rows for entry in row.dos_rows()])
    write_table(exchange, changed, columns=EXCHANGE_COLUMNS)
    inputs = [atoms, *models, *structures, *dft, *training_dft, *training_structures]
    inputs += [*surrogate_energies, *surrogate_summary]
    write_document(summary, content | {"provenance": provenance("ados", settings, seed, inputs)})


EXCHANGE_COLUMNS = (
    *("snapshot", "atoms", "temperature_kelvin", "surrogate_error_mev_per_atom"),
    *("with_networks_error_mev_per_atom", "with_linear_error_mev_per_atom"),
)


def _predictors(atoms: Path, models: Files) -> Predictors:
    data = read_atom_data(atoms)
    trained = [read_model(path) for path in models]
    for path, model in zip(models, trained, strict=True):
        _check_fits(model, data, path)
    networks = {f"seed-{number}": model for number, model in enumerate(trained)}
    return Predictors(data, networks, linear_map(data))


def _errors(
    predictors: Predictors, rows: Sequence[SnapshotEnergies], training: Sequence[SnapshotEnergies]
) -> dict[str, Any]:
    """What the summary says of the held-out snapshots, but for costs and the surrogate."""
    data, linear, networks = predictors.data, predictors.linear, list(predictors.networks)
    known = list(data.named("training").values())
    of_fit = {"penalty": linear.penalty, "left_out_rmse_per_ev": linear.left_out_rmse}
    return {
        "networks": term_errors(rows, training, networks),
        LINEAR: term_errors(rows, training, [LINEAR]) | of_fit,
        "dos": dos_errors(rows, data, networks),
        "spread": spread_of(rows, networks),
        "training_atoms": sum(len(one.dos) for one in known),
        "training_grid_points": sum(one.points for one in known),
        "held_out_snapshots": len({row.snapshot for row in rows}),
        "descriptor": data.definition.as_document(),
    }


def _check_fits(model: TrainedModel, data: AtomData, path: Path) -> None:
    if model.definition != data.definition or not model.axis.agrees(data.axis):
        raise DataError(
            "a network was trained on other atoms",
            where=str(path),
            expected=f"{data.definition}, {data.axis}",
            got=f"{model.definition}, {model.axis}",
            remedy="run `snakemake ados` again: both are then of the same settings",
        )


def _held_out(
    predictors: Predictors,
    structures: Files,
    dft: Files,
    bars: Bars | None,
    expected: dict[str, dict[str, float]],
) -> tuple[list[SnapshotEnergies], list[float]]:
    """Energies of the held-out snapshots from all sources, and seconds per prediction.

    Expected errors are added to the ones given.
    """
    rows: list[SnapshotEnergies] = []
    seconds: list[float] = []
    for structure, path in zip(structures, dft, strict=True):
        name, result, ions = path.stem, read_dft_result(path), read_temperature(structure)
        if name not in predictors.data.snapshots:
            raise DataError(
                "a held-out snapshot has no density of states by atom",
                where=str(structure),
                expected="one of the snapshots whose LDOS was shared among atoms",
                got=name,
                remedy="run `snakemake ados` again",
            )
        one, of = read_structure(structure), Conditions.of(result, ions)
        reference = predictors.data.snapshots[name].dos.sum(axis=0)
        rows += [
            reference_energies(name, result, ions),
            energies_of_dos(name, REFERENCE_LDOS, reference, len(one), predictors.data.axis, of),
        ]
        found, taken = timed(predictors, name, one, of)
        rows, seconds = rows + found, [*seconds, taken]
        if bars is not None:
            vectors = predictors.data.snapshots[name].vectors
            expected[name] = bars.expected(vectors, predictors.data, of)
    return rows, seconds


def _beyond(
    predictors: Predictors,
    config: Config,
    training_dft: Files,
    pseudopotentials: Files,
    bars: Bars | None,
    expected: dict[str, dict[str, float]],
) -> list[SnapshotEnergies]:
    """The same of structures beyond the run, at the electronic temperature of the training."""
    frames = read_labelled(config.transfer.structures)
    if not frames:
        return []
    valence = {p.element: p.z_valence for p in map(read_upf, pseudopotentials)}
    temperature = read_dft_result(training_dft[0]).electronic_temperature
    rows: list[SnapshotEnergies] = []
    for number, frame in enumerate(frames):
        symbols = frame.atoms.get_chemical_symbols()
        electrons = sum(valence.get(symbol, 0.0) for symbol in symbols)
        of = Conditions(electrons, temperature, frame.temperature)
        name, data = f"transfer-{number:04d}", predictors.data
        rows += predictors.predict(name, frame.atoms, of)
        if bars is not None:
            vectors = atom_vectors(frame.atoms, data.definition, data.elements, where=name)
            expected[name] = bars.expected(vectors, data, of)
    return rows


def _row(row: SnapshotEnergies, expected: Mapping[str, Mapping[str, float]]) -> dict[str, Cell]:
    terms: dict[str, Cell] = {f"{name}_ev": row.energies[name] for name in TERMS}
    bars = expected.get(row.snapshot, {}) if row.source == LINEAR else {}
    for name in TERMS:
        per = 1 if name == FERMI_ENERGY else row.atoms
        terms[f"{name}_bar_ev"] = per * bars[name] if name in bars else None
    head: dict[str, Cell] = {
        "snapshot": row.snapshot,
        "source": row.source,
        "atoms": row.atoms,
        "temperature_kelvin": row.temperature,
    }
    return head | terms


def _cost(histories: Files, costs: Files, config: Config) -> dict[str, Any]:
    """CPU seconds per initialisation and epoch of both trainings; None for what is not there."""
    own = [read_table(path, columns=("epoch", "training_cpu_seconds"))[-1] for path in histories]
    seconds = float(np.mean([float(row["training_cpu_seconds"]) for row in own]))
    found: dict[str, Any] = {
        "training_cpu_seconds": seconds,
        "epochs": int(own[0]["epoch"]),
        "training_cpu_seconds_per_epoch": seconds / int(own[0]["epoch"]),
    }
    if costs:
        key = "cpu_seconds"
        spent = [float(read_document(path, keys=(key,))[key]) for path in costs]
        epochs = config.train.maximum_epochs
        found |= {
            "surrogate_training_cpu_seconds": float(np.mean(spent)),
            "surrogate_epochs_at_most": epochs,
            "surrogate_training_cpu_seconds_per_epoch": float(np.mean(spent)) / epochs,
        }
    return found
