"""The size of a run's snapshots, read from where their structures are."""

import math
from dataclasses import replace

from surrogate_hpo.config.frames import file_of
from surrogate_hpo.config.project import Config
from surrogate_hpo.config.sizes import Size, size_of
from surrogate_hpo.formats.finished.sizes import size_of_finished
from surrogate_hpo.formats.structures.labelled import read_labelled
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.rest import structure_at_rest
from surrogate_hpo.stages.snapshots.settings_groups import SnapshotPlan


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
