"""Jobs, cores, memory and time that a run will ask for, before any of it runs."""

import math
from collections.abc import Iterator
from dataclasses import replace

from ase import Atoms

from surrogate_hpo.config.frames import file_of
from surrogate_hpo.config.project import Config
from surrogate_hpo.config.sizes import Size, size_of
from surrogate_hpo.formats.finished.sizes import size_of_finished
from surrogate_hpo.formats.structures.frames import first_frame
from surrogate_hpo.formats.structures.labelled import read_labelled
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.plan import gpus, rules, snapshots_of
from surrogate_hpo.run.request import request
from surrogate_hpo.stages.snapshots.settings_groups import SnapshotPlan
from surrogate_hpo.stages.snapshots.stage import rest_structure

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


def case_of(config: Config) -> Case:
    """Size of the snapshots of a config: of its cell, its structure files or finished calculations.

    Parameters
    ----------
    config
        The whole config.

    Returns
    -------
    Case
        With the size of each snapshot, and the largest; of own files the first frame counts.

    Raises
    ------
    ConfigError
        If a cell cannot be built.
    DataError
        If a structure file is missing or unreadable.
    """
    plans = config.snapshots.plans
    known: dict[str, Size] = {}
    for plan in plans.values():
        if (key := _key(plan)) not in known:
            known[key] = _size(config, plan)
    sizes = {name: known[_key(plan)] for name, plan in plans.items()}
    largest = max(known.values(), key=lambda size: (size.grid_points, size.volume, size.atoms))
    return Case(config, largest, sizes, _transfers(config, largest))


def _transfers(config: Config, known: Size) -> list[Size]:
    """Sizes of the structures beyond the run: grid points in proportion to the volume."""
    found = []
    for frame in read_labelled(config.transfer.structures):
        ratio = float(frame.atoms.get_volume()) / known.volume
        points = math.ceil(known.grid_points * ratio)
        size = replace(known, atoms=len(frame.atoms), volume=ratio * known.volume)
        found.append(replace(size, grid=(points, 1, 1)))
    return found


def _key(plan: SnapshotPlan) -> str:
    """What the size of a snapshot depends on."""
    if plan.cell is None:
        return file_of(plan.source)
    return str(replace(plan, temperature_kelvin=None, grouped=False))


def _size(config: Config, plan: SnapshotPlan) -> Size:
    if config.snapshots.finished:
        return size_of_finished(plan.source)
    atoms = structure_at_rest(plan)
    return size_of(len(atoms), atoms.cell[:], config.dft)


def structure_at_rest(plan: SnapshotPlan) -> Atoms:
    """The cell of a snapshot that is not finished, before it is displaced.

    Parameters
    ----------
    plan
        What makes the snapshot.

    Returns
    -------
    ase.Atoms
        Its cell at rest; of own files the first frame.
    """
    return first_frame(file_of(plan.source)) if plan.cell is None else rest_structure(plan)


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
    for rule, jobs in rules(config):
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
    return "\n".join([head, *_disk(case), "", *_aligned([_COLUMNS, *rows, total])])


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


def wavefunction_bytes(case: Case) -> tuple[int, int]:
    """Bytes of the wavefunctions of a run.

    Parameters
    ----------
    case
        The case.

    Returns
    -------
    tuple of int
        Of the largest snapshot, and of all together.
    """
    each = [case.of(name).size.wavefunction_bytes for name in case.config.snapshots.all_names()]
    return max(each), sum(each)


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
