"""One of the jobs of predict_large: how the free energy changes with the LDOS at each point."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.predicted_gradients import write_gradient
from surrogate_hpo.predict.prediction_forces import FreeEnergyGradients
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.run.provenance import checksums, provenance
from surrogate_hpo.stages.predict_large.contents import task_of
from surrogate_hpo.stages.predict_large.gathered import Gathered
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings


def predict_large_gradient(
    *,
    settings: PredictLargeSettings,
    seed: int,
    threads: int,
    structure: Annotated[Path, Input("file of the structure; Å")],
    surrogate: Annotated[Path, Input("file of a surrogate")],
    bracket: Annotated[Path, Input("JSON: where the Fermi energies were looked for; eV")],
    slabs: Annotated[list[Path], Input("stores of the slabs, in their order")],
    gradient: Annotated[
        Path,
        Output(
            "store (*.zarr.zip): of each network, the derivative by the LDOS as two vectors over "
            "energy and a field on the grid, eV, and what does not go through the LDOS, eV/Å"
        ),
    ],
) -> None:
    """Differentiate the free energy of each network by its LDOS; needed for forces and stress.

    Ewald's energy and the core density, which depend on the atoms directly, are differentiated
    here, too.
    """
    task = task_of(settings, surrogate, threads)
    made_from = [structure, surrogate, bracket]
    gathered = Gathered(task, bracket, slabs, checksums(made_from))
    gradients = FreeEnergyGradients(gathered.integrals.structure)
    for network, band in enumerate(gathered.bands):
        with gathered.ensemble.sensible(network):
            gradients.add(
                gathered.dos[network],
                band.fermi_energy,
                gathered.density(network),
                gathered.density_slope(network),
            )
    record = provenance("predict_large_gradient", settings, seed, [*made_from, *slabs])
    write_gradient(gradient, gradients.found, record)
