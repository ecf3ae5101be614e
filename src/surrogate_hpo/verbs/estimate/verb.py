"""Jobs, cores, memory and time that a run will ask for, before any of it runs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from surrogate_hpo.config.project import Config
from surrogate_hpo.run.case import Case, case_of, wavefunction_bytes
from surrogate_hpo.run.plan import gpus, large_prediction, rules, snapshots_of
from surrogate_hpo.run.request import request
from surrogate_hpo.stages.predict_large.memory import written_bytes

_COLUMNS = (
    "stage",
    "jobs",
    "cores",
    "GPUs",
    "memory (MiB)",
    "limit (min)",
    "core hours",
    "GPU hours",
)


def estimate(config: Config) -> str:
    """Table of what a run will ask for.

    Parameters
    ----------
    config
        The whole config.

    Returns
    -------
    str
        A line per rule, and the sums. Memory and limit are those of the largest snapshot.
    """
    case = case_of(config)
    rows: list[tuple[object, ...]] = []
    sums = (0.0, 0.0)
    for rule, jobs in (*rules(config), *large_prediction(config)):
        asked, devices = request(rule, case), gpus(rule, config)
        core_hours, hours = _hours(rule, jobs, case)
        gpu_hours = hours * devices
        sums = (sums[0] + core_hours, sums[1] + gpu_hours)
        asks = (asked.threads, devices, asked.memory_mebibytes, asked.minutes)
        rows.append((rule, jobs, *asks, f"{core_hours:.2f}", f"{gpu_hours:.2f}"))
    size = case.size
    grid = "×".join(map(str, size.grid))
    smallest = min((s.atoms for s in case.sizes.values()), default=size.atoms)
    cells = f"cells of {smallest} atoms or more, the largest: " if smallest < size.atoms else ""
    head = (
        f"{cells}{size.atoms} atoms, grid {grid}, {size.k_points} k points, {size.bands} bands, "
        f"{case.components} descriptor components, {case.energies} energies"
    )
    total = ("together", *[""] * 5, *(f"{hours:.2f}" for hours in sums))
    return "\n".join([head, *_disk(case), *_slabs(case), "", *_aligned([_COLUMNS, *rows, total])])


def _disk(case: Case) -> Iterator[str]:
    """What the wavefunctions take: of one snapshot until its LDOS is made, or of all for good."""
    if case.config.snapshots.finished:
        return
    largest, together = (f"{size / 2**20:,.0f} MiB" for size in wavefunction_bytes(case))
    if case.config.dft.keep_wavefunctions:
        yield f"wavefunctions, kept: {together} together, up to {largest} per snapshot"
    else:
        yield (
            f"wavefunctions: up to {largest} per snapshot until its LDOS is made; "
            f"dft.keep_wavefunctions would keep {together}"
        )


def _slabs(case: Case) -> Iterator[str]:
    """What the slabs of the large cell take, and whether this disk has it."""
    if case.large is None:
        return
    derivatives = case.config.predict_large.derivatives
    needed = case.large.grid_points * written_bytes(
        case.config.train.seeds, derivatives=derivatives
    )
    what = "slabs and derivatives" if derivatives else "slabs"
    free = shutil.disk_usage(Path()).free
    short = "" if needed <= free else ": TOO LITTLE, `predict_large_bracket` will refuse it"
    yield (
        f"large cell: {case.large.atoms} atoms, {case.large.grid_points} grid points, about "
        f"{needed / 2**30:.1f} GiB in {what}; {free / 2**30:.1f} GiB are free here{short}"
    )


def _hours(rule: str, jobs: int, case: Case) -> tuple[float, float]:
    """Core hours, and hours one after the other, of all jobs of a rule."""
    names = snapshots_of(rule, case.config)
    each = [case.of(name) for name in names] if names else [case] * jobs
    asked = [request(rule, one) for one in each]
    return (
        sum(job.expected_seconds * job.threads for job in asked) / 3600,
        sum(job.expected_seconds for job in asked) / 3600,
    )


def _aligned(rows: list[tuple[object, ...]]) -> list[str]:
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        )
        for row in texts
    ]
