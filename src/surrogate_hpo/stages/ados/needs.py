"""Bytes and CPU seconds of the jobs of the ados stage."""

import math

from surrogate_hpo.config.base import SPLITS, Split
from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import FLOAT64, STARTUP_SECONDS, TORCH_BASE, Need, snap_seconds
from surrogate_hpo.run.needs.networks import READING_RATE, TORCH_STARTUP_SECONDS, network_job

# Of one Gaussian, and its products with the LDOS; measured.
_SECONDS_PER_IMAGE, _SECONDS_PER_SHARE = 8e-9, 4e-10
# A step of so small a network is bound by the calls of the library, not by its operations.
_SECONDS_PER_STEP = 2e-3
# A linear map of a draw of snapshots, and filling the states of one that it leaves out.
_SECONDS_PER_MAP, _MOST_LEFT_OUT = 0.03, 40
# An image counts up to this many widths beyond the nearest atom.
_REACH = 8.0


def _atoms(case: Case, *splits: Split) -> int:
    names = [name for split in splits for name in case.config.names(split)]
    return sum(case.sizes.get(name, case.size).atoms for name in names)


def ados_atoms(case: Case) -> Need:
    """The LDOS of all snapshots, one after the other, and the weights of a block of points."""
    settings, points = case.config.ados, case.points(*SPLITS)
    per_volume = case.size.atoms / case.size.volume
    images = per_volume * 4 / 3 * math.pi * (_REACH * settings.width_angstrom) ** 3
    shares = case.size.atoms * case.energies
    seconds = points * (images * _SECONDS_PER_IMAGE + shares * _SECONDS_PER_SHARE)
    seconds += points * FLOAT32 * case.energies / READING_RATE
    seconds += _atoms(case, *SPLITS) * snap_seconds(case, "native")
    block = settings.block_points * FLOAT64 * (case.size.atoms + case.energies)
    memory = TORCH_BASE + 2 * FLOAT32 * case.grid_points * case.energies + 2 * block
    return Need(memory, TORCH_STARTUP_SECONDS + STARTUP_SECONDS + seconds)


def ados_network(case: Case) -> Need:
    """As many small steps as there are batches of atoms."""
    settings, atoms = case.config.ados, _atoms(case, "training")
    steps = settings.maximum_epochs * max(1, atoms // settings.batch_atoms)
    held = 3 * FLOAT32 * atoms * (case.components + case.energies)
    return network_job(held, 0.0, steps, settings.use_gpu, host_seconds=steps * _SECONDS_PER_STEP)


def ados(case: Case) -> Need:
    """Predictions at a few atoms, and the density of states that they add up to."""
    atoms = _atoms(case, "test") + sum(size.atoms for size in case.transfers)
    known = min(len(case.config.names("training")), _MOST_LEFT_OUT)
    seconds = atoms * snap_seconds(case, "native")
    seconds += case.config.ados.members * known * _SECONDS_PER_MAP
    return Need(TORCH_BASE, 2 * TORCH_STARTUP_SECONDS + seconds)
