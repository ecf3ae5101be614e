"""Energies, density and forces of a large cell from what other jobs have computed in its slabs."""

import logging
from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.predicted_fields import DensityData, write_density
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.structures.predicted import write_predicted
from surrogate_hpo.predict.documents import dos_rows, in_words, prediction_document
from surrogate_hpo.predict.error_bars import described
from surrogate_hpo.predict.force_tables import Wanted
from surrogate_hpo.predict.prediction_forces import force_warnings, stress_warnings
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.run.provenance import checksums, provenance
from surrogate_hpo.stages.predict_large.contents import task_of
from surrogate_hpo.stages.predict_large.derivatives import derivatives_from
from surrogate_hpo.stages.predict_large.gathered import Gathered
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings

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
    gradient: Annotated[
        Path | None, Input("store: derivatives of the free energy, for forces or stress")
    ] = None,
    pulled: Annotated[
        list[Path] | None, Input("stores of the forces through the slabs, in their order")
    ] = None,
    energies: Annotated[
        Path, Output("JSON: energies and Fermi energy, as `surrogate-hpo predict` gives them; eV")
    ],
    dos: Annotated[Path, Output("CSV: density of states, 1/eV")],
    density: Annotated[Path, Output("store (*.zarr.zip): density and its spread, 1/Å³")],
    forces: Annotated[
        Path | None, Output("extxyz: the structure with forces or stress; eV/Å, eV/Å³")
    ] = None,
) -> None:
    """Gather the slabs of a large cell: DOS, Fermi energies, density, and with them all energies.

    With `gradient`, `pulled` and `forces` also forces and stress, as the config asks for. One
    network's density, or one slab's forces, at a time is held.
    """
    task = task_of(settings, surrogate, threads)
    made_from = [structure, surrogate, bracket]
    gathered = Gathered(task, bracket, slabs, checksums(made_from))
    more = [] if gradient is None else [gradient, *(pulled or [])]
    record = provenance("predict_large", settings, seed, [*made_from, *slabs, *more])
    derivatives, warnings = None, gathered.warnings
    if gradient is not None and pulled:
        derivatives = derivatives_from(task, gradient, pulled, record)
        warnings += force_warnings(task.surrogate) if settings.forces else []
        warnings += stress_warnings(task.surrogate) if settings.stress else []
    for network, band in enumerate(gathered.bands):
        gathered.ensemble.add(network, band, gathered.density(network))
    found = gathered.ensemble.prediction(
        task.surrogate, task.atoms, gathered.dos, gathered.extrapolation, derivatives
    )
    write_table(dos, dos_rows(task.surrogate, found))
    fields = DensityData(found.density, found.density_deviation, task.atoms.cell[:])
    write_density(density, fields, record)
    document = prediction_document(task.atoms, found)
    document["error_bar_calibration"] = described(task.surrogate.error_bar)
    if forces is not None and derivatives is not None:
        wanted = Wanted(settings.forces, settings.stress)
        write_predicted(forces, [wanted.structure(task.atoms, found)])
        document |= wanted.summary(found)
        document["force_error_bar_calibration"] = described(task.surrogate.force_error_bar)
    write_document(energies, document | {"provenance": record})
    logger.info(in_words(task.atoms, found))
