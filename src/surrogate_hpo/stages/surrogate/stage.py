"""The trained networks with all that a prediction needs, as one file that can be handed on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch

from surrogate_hpo.data.descriptor_store import read_descriptors
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.models import TrainedModel, read_model
from surrogate_hpo.data.surrogate_contents import Ion, Origin, Surrogate
from surrogate_hpo.data.surrogates import write_surrogate
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.zarr_zip import chunk_shape, grid_of
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.networks.training_range import training_range
from surrogate_hpo.physics.prediction_grid import KnownGrid
from surrogate_hpo.predict.error_bars import write_error_bars
from surrogate_hpo.run.interface import DescriptorStores, Input, Output
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.surrogate.error_bar import calibrate, judge
from surrogate_hpo.stages.surrogate.settings import SurrogateSettings

# eV and K: sums of the same numbers in another order differ by less.
_TOLERANCE = 1e-6


def surrogate(
    *,
    settings: SurrogateSettings,
    seed: int,
    models: Annotated[list[Path], Input("trained models (*.pt), one per initialisation")],
    dft: Annotated[list[Path], Input("JSON of the training snapshots' DFT runs")],
    descriptors: DescriptorStores,
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    validation_structures: Annotated[
        list[Path], Input("extxyz files of the validation snapshots; Å")
    ],
    validation_dft: Annotated[list[Path], Input("JSON of their DFT runs; eV")],
    surrogate: Annotated[
        Path,
        Output("torch file: networks, scalers, ions, ranges; `surrogate-hpo predict` reads it"),
    ],
    error_bar: Annotated[Path, Output("JSON: how expected errors are calibrated; eV/atom, eV/Å")],
) -> None:
    """Gather the networks of all initialisations and what they were trained on.

    The file holds weights and scalers, the definition of the descriptor, the energy axis with
    kernel and width, charges and core densities of the ions, functional, cutoff and electronic
    temperature, cells and grids of the training, the range of its descriptors, and how far
    predicted free energies and forces are expected to be off, see `networks.error_bar`.
    """
    trained = [read_model(path) for path in models]
    _check_alike(trained, models)
    first = trained[0]
    results = [read_dft_result(path) for path in dft]
    read = [*models, *dft, *descriptors, *pseudopotentials, *validation_structures]
    made = Surrogate(
        models=tuple(model.surrogate for model in trained),
        definition=first.definition,
        axis=first.axis,
        ions=_ions(pseudopotentials, {symbol for r in results for symbol in r.species}),
        origin=_origin(results, dft),
        known=training_range(_Parts(descriptors, first)),
        description=settings.description,
        provenance=provenance("surrogate", settings, seed, [*read, *validation_dft]),
    )
    judged = judge(
        made, validation_structures, validation_dft, surrogate.parent, with_forces=settings.forces
    )
    bars = calibrate(trained, judged)
    write_surrogate(surrogate, replace(made, error_bar=bars.energy, force_error_bar=bars.forces))
    write_error_bars(error_bar, bars, made.provenance)


def _check_alike(trained: Sequence[TrainedModel], paths: Sequence[Path]) -> None:
    first = trained[0]
    for model, path in zip(trained, paths, strict=True):
        if model.definition != first.definition or not model.axis.agrees(first.axis):
            raise DataError(
                "the models were trained on different data",
                where=f"{paths[0]} and {path}",
                expected="the same descriptor, energy axis, kernel and width",
                remedy="run the workflow again, so that all come from the same settings",
            )


def _ions(pseudopotentials: Sequence[Path], seen: set[str]) -> dict[str, Ion]:
    """Ions of the elements that the training has seen."""
    ions = {}
    for path in pseudopotentials:
        potential = read_upf(path)
        if potential.element not in seen:
            continue
        kept = slice(None) if potential.core_correction else slice(0)
        ions[potential.element] = Ion(
            charge=potential.z_valence,
            core_correction=potential.core_correction,
            radial_grid=potential.radial_grid[kept],
            radial_weights=potential.radial_weights[kept],
            core_density=potential.core_density[kept],
        )
    return ions


def _origin(results: Sequence[DftResult], paths: Sequence[Path]) -> Origin:
    first = results[0]
    for result, path in zip(results, paths, strict=True):
        numbers = (result.density_cutoff, result.electronic_temperature)
        expected = (first.density_cutoff, first.electronic_temperature)
        alike = np.allclose(numbers, expected, rtol=_TOLERANCE, atol=_TOLERANCE)
        if not alike or result.functional != first.functional:
            raise DataError(
                "the DFT runs were made with different settings "
                "(functional, cutoff of the density in eV, electronic temperature in K)",
                where=f"{paths[0]} and {path}",
                expected=f"{first.functional}, {expected}",
                got=f"{result.functional}, {numbers}",
                remedy="train on calculations of the same settings",
            )
    grids: list[KnownGrid] = []
    for result in results:
        if not any(
            known.grid == result.fft_grid and np.allclose(known.cell, result.cell, atol=1e-8)
            for known in grids
        ):
            grids.append(KnownGrid(result.cell, result.fft_grid))
    return Origin(
        functional=first.functional,
        density_cutoff=first.density_cutoff,
        electronic_temperature=first.electronic_temperature,
        grids=tuple(grids),
        snapshots=len(results),
    )


@dataclass(frozen=True)
class _Parts:
    """Descriptors of the training points, read slab by slab as often as they are gone through."""

    paths: Sequence[Path]
    model: TrainedModel

    def __iter__(self) -> Iterator[torch.Tensor]:
        components = self.model.surrogate.input_scaler.features
        for path in self.paths:
            shape = grid_of(path, "descriptors")
            planes = chunk_shape((*shape, components))[0]
            for begin in range(0, shape[0], planes):
                data = read_descriptors(path, slice(begin, begin + planes))
                if data.definition != self.model.definition:
                    raise DataError(
                        "the models were trained on other descriptors",
                        where=str(path),
                        expected=str(self.model.definition.as_document()),
                        got=str(data.definition.as_document()),
                        remedy="run the workflow again",
                    )
                yield torch.from_numpy(data.values.reshape(-1, components))
