"""Energies and density of a large cell from the slabs that other jobs have computed."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch

from surrogate_hpo.data.predicted_fields import DensityData, write_density
from surrogate_hpo.data.predicted_slabs import StoredSlab
from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.networks.training_range import combined
from surrogate_hpo.physics.density_expansion import combination
from surrogate_hpo.physics.fermi_bracket import FermiBracket
from surrogate_hpo.physics.prediction_grid import Grid
from surrogate_hpo.predict.contents import warnings_of
from surrogate_hpo.predict.documents import dos_rows, in_words, prediction_document
from surrogate_hpo.predict.error_bars import described
from surrogate_hpo.predict.prediction_energies import Ensemble, NetworkIntegrals
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.run.provenance import checksums, provenance
from surrogate_hpo.stages.predict_large.contents import read_brackets, task_of
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings
from surrogate_hpo.stages.predict_large.slabs import open_slabs

logger = logging.getLogger(__name__)


def predict_large(
    *,
    settings: PredictLargeSettings,
    seed: int,
    threads: int,
    structure: Annotated[Path, Input("file of the structure; Å")],
    surrogate: Annotated[Path, Input("file of a surrogate")],
    bracket: Annotated[Path, Input("JSON: where the Fermi energies were looked for; eV")],
    slabs: Annotated[list[Path], Input("stores of the slabs, in their order")],
    energies: Annotated[
        Path, Output("JSON: energies and Fermi energy, as `surrogate-hpo predict` gives them; eV")
    ],
    dos: Annotated[Path, Output("CSV: density of states, 1/eV")],
    density: Annotated[Path, Output("store (*.zarr.zip): density and its spread, 1/Å³")],
) -> None:
    """Gather the slabs of a large cell: DOS, Fermi energies, density, and with them all energies.

    One network's density at a time is put together from the slabs, so that memory does not grow
    with their number or that of the networks.
    """
    task = task_of(settings, surrogate, threads)
    brackets = read_brackets(bracket, task.grid)
    stored = open_slabs(slabs, task.grid, checksums([structure, surrogate, bracket]))
    states = torch.stack([slab.dos for slab in stored]).sum(0)
    seen = [(math.prod(slab.shape), slab.extrapolation) for slab in stored]
    extrapolation = combined(seen)
    warnings = warnings_of(task.surrogate, task.atoms, task.grid, task.conditions, extrapolation)
    for warning in warnings:
        logger.warning(warning)
    integrals = NetworkIntegrals(task.surrogate, task.atoms, task.grid, task.conditions)
    ensemble = Ensemble(integrals, task.grid, warnings)
    bands = ensemble.bands(states)
    fermi_energies = [float(band.fermi_energy) for band in bands]
    _check_brackets(brackets, fermi_energies)
    for number, (band, one) in enumerate(zip(bands, brackets, strict=True)):
        ensemble.add(
            number,
            band,
            _density(stored, number, task.grid, one.polynomials(fermi_energies[number])),
        )
    found = ensemble.prediction(task.surrogate, task.atoms, states, extrapolation)
    inputs = [structure, surrogate, bracket, *slabs]
    record = provenance("predict_large", settings, seed, inputs)
    write_table(dos, dos_rows(task.surrogate, found))
    fields = DensityData(found.density, found.density_deviation, task.atoms.cell[:])
    write_density(density, fields, record)
    calibration = {"error_bar_calibration": described(task.surrogate.error_bar)}
    document = prediction_document(task.atoms, found) | calibration | {"provenance": record}
    write_document(energies, document)
    logger.info(in_words(task.atoms, found))


def _check_brackets(brackets: Sequence[FermiBracket], fermi_energies: Sequence[float]) -> None:
    """Refuse Fermi energies of which the slabs know no density."""
    pairs = enumerate(zip(fermi_energies, brackets, strict=True))
    missed = {n: abs(mu - one.centre) for n, (mu, one) in pairs if not one.holds(mu)}
    if missed:
        wider = 1.5 * max(missed.values())
        raise PhysicsError(
            "Fermi energies are not where the coarse grid has them, and the slabs know the density "
            "only there",
            where=f"networks {list(missed)}",
            expected=", ".join(
                f"{brackets[n].centre:.4f} ± {brackets[n].half_width:.4f} eV" for n in missed
            ),
            got=", ".join(f"{fermi_energies[n]:.4f} eV" for n in missed),
            remedy=f"set predict_large.fermi_half_width_ev: {wider:.2g} and run again: all "
            "slabs are computed anew",
        )


def _density(
    slabs: Sequence[StoredSlab], network: int, grid: Grid, factors: torch.Tensor
) -> torch.Tensor:
    """Density of one network, put together slab by slab, 1/Å³, [x, y, z]."""
    density = torch.empty(grid, dtype=torch.float64)
    for slab in slabs:
        planes = slice(slab.begin, slab.begin + slab.shape[0])
        density[planes] = combination(factors, *slab.sums(network))
    return density
