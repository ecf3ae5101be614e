"""k noise: how far LDOS and energies are from a denser mesh of k points, per size of cell."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from surrogate_hpo.files.tables import write_table
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.knoise.records import read_noise, write_noise_summary
from surrogate_hpo.stages.knoise.settings import KnoiseSettings

logger = logging.getLogger(__name__)


def knoise(
    *,
    settings: KnoiseSettings,
    seed: int,
    records: Annotated[list[Path], Input("JSON of the k noise of one snapshot per size")],
    summary: Annotated[Path, Output("JSON: all of them; meV/atom, shares of the LDOS's variance")],
    table: Annotated[Path, Output("CSV: a row per size of cell; meV/atom, meV, shares")],
) -> None:
    """Gather how far the labels of each size of cell are converged in k points.

    The floor of the evaluation cannot see this noise: there, both sides have the same mesh.
    """
    classes = sorted(map(read_noise, records), key=lambda noise: noise.atoms)
    for noise in classes:
        logger.info(
            "%d atoms, %s against %s: LDOS %.1f %% of its variance, total free energy %+.2f "
            "meV/atom, Fermi energy %+.1f meV",
            noise.atoms,
            noise.mesh,
            noise.denser_mesh,
            100 * noise.ldos_share,
            noise.total_free_energy_mev_per_atom,
            noise.fermi_energy_mev,
        )
    write_table(table, [asdict(noise) for noise in classes])
    write_noise_summary(summary, classes, provenance("knoise", settings, seed, records))
