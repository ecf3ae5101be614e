"""The first job of predict_large: a bracket of the Fermi energy, and whether there is room."""

import logging
import math
from pathlib import Path
from typing import Annotated

from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.physics.fermi_bracket import FermiBracket
from surrogate_hpo.predict.fermi_estimate import fermi_brackets
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.predict_large.contents import (
    Task,
    bytes_per_point,
    planes_of,
    task_of,
    write_brackets,
)
from surrogate_hpo.stages.predict_large.memory import (
    check_disk,
    check_memory,
    whole_grid_bytes,
    written_bytes,
)
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings

logger = logging.getLogger(__name__)
# Times the bracket of `predict`, which repairs what has missed: here it would cost all slabs, and
# a wider bracket costs a few bytes per point.
_MARGIN = 2.0


def predict_large_bracket(
    *,
    settings: PredictLargeSettings,
    seed: int,
    threads: int,
    structure: Annotated[Path, Input("file of the structure; Å")],
    surrogate: Annotated[Path, Input("file of a surrogate")],
    bracket: Annotated[
        Path, Output("JSON: grid, and where each network's Fermi energy is looked for; eV")
    ],
) -> None:
    """Find where the Fermi energies will be, before any slab is computed.

    Also refuses a structure that the surrogate does not know, more slabs than planes, and a disk
    or a machine too small for what follows.
    """
    task = task_of(settings, surrogate, threads)
    planes_of(task.grid, settings.slabs, 0)
    points, networks = math.prod(task.grid), len(task.surrogate.models)
    bracket.parent.mkdir(parents=True, exist_ok=True)
    check_memory(points, each=whole_grid_bytes(networks, derivatives=settings.derivatives))
    kept = written_bytes(networks, derivatives=settings.derivatives)
    check_disk(bracket.parent, points, kept, settings.slabs)
    brackets = _brackets(task, settings)
    # Again: a wide bracket has more polynomials.
    per_point = bytes_per_point(task, brackets)
    per_point += kept - written_bytes(networks, derivatives=False)
    check_disk(bracket.parent, points, per_point, settings.slabs)
    logger.info(
        "%d grid points, %d networks: %d bytes per point, %.1f GiB in %d slabs; Fermi energies "
        "within ± %.2f meV of %s eV",
        points,
        networks,
        per_point,
        points * per_point / 2**30,
        settings.slabs,
        1000 * max(one.half_width for one in brackets),
        ", ".join(f"{one.centre:.4f}" for one in brackets),
    )
    record = provenance("predict_large_bracket", settings, seed, [structure, surrogate])
    write_brackets(bracket, task.grid, brackets, record)


def _brackets(task: Task, settings: PredictLargeSettings) -> list[FermiBracket]:
    """A bracket per network, all equally wide."""
    found = fermi_brackets(task.surrogate, task.atoms, task.grid, task.conditions)
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        raise PhysicsError(
            "a coarse grid of the large cell holds no Fermi energy",
            where=f"networks {[n for n, one in enumerate(found) if one is None]}",
            remedy="see what `surrogate-hpo predict` says of a smaller cell of the same kind",
        )
    widest = max(one.half_width for one in known)
    half_width = settings.fermi_half_width_ev or _MARGIN * widest
    return [FermiBracket.around(one.centre, half_width, task.temperature) for one in known]
