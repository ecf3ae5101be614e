"""Jobs, cores, memory and time that a run will ask for, before any of it runs."""

from surrogate_hpo.config.case import Case
from surrogate_hpo.config.estimates import request
from surrogate_hpo.config.project import Config
from surrogate_hpo.config.sizes import size_of
from surrogate_hpo.config.snapshots import SPLITS, file_of
from surrogate_hpo.io.finished.sizes import size_of_finished
from surrogate_hpo.io.structures import first_frame
from surrogate_hpo.stages.plan import gpus, rules
from surrogate_hpo.stages.snapshots import cell_at_rest

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
        With the largest cell, where the files differ.

    Raises
    ------
    ConfigError
        If the cell cannot be built.
    DataError
        If a structure file is missing or unreadable.
    """
    sources = {s for split in SPLITS for s in config.snapshots.sources(split)}
    if config.snapshots.finished:
        sizes = [size_of_finished(source) for source in sorted(sources)]
        return Case(config, max(sizes, key=lambda size: (size.grid_points, size.atoms)))
    if config.snapshots.cell is not None:
        frames = [cell_at_rest(config.snapshots.cell)]
    else:
        frames = [first_frame(source) for source in sorted(map(file_of, sources))]
    sizes = [size_of(len(atoms), atoms.cell[:], config.dft) for atoms in frames]
    return Case(config, max(sizes, key=lambda size: (size.volume, size.atoms)))


def estimate(config: Config) -> str:
    """Table of what a run will ask for.

    Parameters
    ----------
    config
        The whole config.

    Returns
    -------
    str
        A line per rule, and the sums.
    """
    case = case_of(config)
    rows: list[tuple[object, ...]] = []
    sums = (0.0, 0.0)
    for rule, jobs in rules(config):
        asked, devices = request(rule, case), gpus(rule, config)
        hours = jobs * asked.expected_seconds / 3600
        core_hours, gpu_hours = hours * asked.threads, hours * devices
        sums = (sums[0] + core_hours, sums[1] + gpu_hours)
        asks = (asked.threads, devices, asked.memory_mebibytes, asked.minutes)
        rows.append((rule, jobs, *asks, f"{core_hours:.2f}", f"{gpu_hours:.2f}"))
    size = case.size
    grid = "×".join(map(str, size.grid))
    head = (
        f"{size.atoms} atoms, grid {grid}, {size.k_points} k points, {size.bands} bands, "
        f"{case.components} descriptor components, {case.energies} energies"
    )
    total = ("together", *[""] * 5, *(f"{hours:.2f}" for hours in sums))
    return "\n".join([head, "", *_aligned([_COLUMNS, *rows, total])])


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
