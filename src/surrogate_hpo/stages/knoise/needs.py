"""Bytes and CPU seconds of the knoise stage: pw.x and LDOS once more, with a denser mesh."""

import math
from dataclasses import replace

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import NUMPY_BASE, STARTUP_SECONDS, TORCH_BASE, Need
from surrogate_hpo.stages.dft.needs import dft
from surrogate_hpo.stages.ldos.needs import ldos


def knoise_snapshot(case: Case) -> Need:
    """A DFT run and its LDOS with as many k points more as the factor's third power says."""
    k_points = math.ceil(case.size.k_points * case.config.knoise.factor**3)
    denser = replace(case, size=replace(case.size, k_points=k_points))
    run, summed = dft(denser), ldos(denser)
    # pw.x runs beside a process that has imported torch.
    return Need(
        max(TORCH_BASE + run.memory_bytes, summed.memory_bytes),
        run.cpu_seconds + summed.cpu_seconds,
        fewest_threads=run.fewest_threads,
    )


def knoise(_: Case) -> Need:
    """A table of what the jobs found."""
    return Need(NUMPY_BASE, STARTUP_SECONDS)
