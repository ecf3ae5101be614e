"""Candidates of all groups of the pool: displaced cells, frames of files, images of bands."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ase import Atoms

from surrogate_hpo.dft.band import doubted_order, interpolated_band, pulled_tight
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.formats.structures.structures import (
    checked_structure,
    read_structure,
    select_frames,
)
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.select.driving import Driver, read_forces
from surrogate_hpo.stages.select.settings import SelectSettings
from surrogate_hpo.stages.select.settings_pool import NebSettings
from surrogate_hpo.stages.snapshots.settings import SnapshotsSettings
from surrogate_hpo.stages.snapshots.stage import make_snapshot

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """A structure that might be computed.

    Attributes
    ----------
    atoms
        Periodic structure, Å; empty if it is refused.
    name
        What it is called in tables: its place in the pool.
    source
        Where it is from.
    refused
        Why no DFT run can be made of it; empty if one can.
    """

    atoms: Atoms
    name: str
    source: str
    refused: str = ""

    @property
    def group(self) -> str:
        """Its class: number of atoms, and temperature where it is known; empty if refused."""
        return "" if self.refused else class_of(self.atoms)


def class_of(atoms: Atoms) -> str:
    """Number of atoms, and temperature where it is known."""
    temperature = atoms.info.get("temperature_kelvin")
    return f"{len(atoms)} atoms" + ("" if temperature is None else f", {temperature:g} K")


def candidates_of(
    settings: SelectSettings,
    snapshots: SnapshotsSettings,
    seed: int,
    further: Sequence[Candidate] = (),
) -> list[Candidate]:
    """Make or read all candidates.

    Parameters
    ----------
    settings
        Section `select`.
    snapshots
        Section `snapshots`: the cell and how it is displaced.
    seed
        Root seed of the config; those of the snapshots are others.
    further
        Unnamed candidates from elsewhere, behind those of the groups.

    Returns
    -------
    list of Candidate
        In the order of the groups.

    Raises
    ------
    ConfigError
        If the pool is empty, or is to be generated where `snapshots` has no cell.
    DataError
        If a file is missing or unreadable, or no path leads from one end of a band to the other.
    """
    if not settings.pool:
        raise ConfigError(
            "there is no pool to choose from",
            where="select.pool",
            expected="groups of candidates",
            got="none",
            remedy="give some, such as {number: 500, temperature_kelvin: {minimum: 200, maximum: "
            "900}}, or {files: [trajectory.extxyz]}",
        )
    generating = [group for group in settings.pool if group.number is not None]
    if generating and not snapshots.generated:
        raise ConfigError(
            "the pool is to be generated, and `snapshots` says neither how nor of which cell",
            where="select.pool",
            expected="groups with `files` or `neb`, or snapshots.method displacements or "
            "molecular_dynamics with snapshots.cell",
            got=f"snapshots.method {snapshots.method}",
        )
    found = list(_made(snapshots.model_copy(update={"training": generating}), seed))
    found += [*_read(settings), *_bands(settings), *further]
    return [replace(one, name=f"pool-{number:04d}") for number, one in enumerate(found)]


def _made(snapshots: SnapshotsSettings, seed: int) -> Iterator[Candidate]:
    own = derive_seed(seed, "select")
    for name in snapshots.names("training") if snapshots.training else ():
        atoms = make_snapshot(snapshots, name, seed=own)
        yield _checked(atoms, snapshots.method, f"{snapshots.method}, {atoms.symbols}")


def _read(settings: SelectSettings) -> Iterator[Candidate]:
    for group in settings.pool:
        for source in group.files or ():
            for frame, where in select_frames(source, all_of_them=True):
                if group.label is not None:
                    frame.info["temperature_kelvin"] = group.label
                yield _checked(frame, where, where)


def _bands(settings: SelectSettings) -> Iterator[Candidate]:
    for neb in settings.bands:
        where = " to ".join(neb.ends)
        begin, end = (read_structure(source) for source in neb.ends)
        band = interpolated_band(begin, end, neb.images, neb.interpolation, where=where)
        if reason := doubted_order(begin, end):
            logger.warning("band from %s: %s", where, reason)
        if neb.model is not None:
            with TemporaryDirectory() as scratch:
                _pull(band, neb, neb.model, Path(scratch), where)
        for number, image in enumerate(band):
            source = f"band from {where}, image {number} of 0 to {neb.images + 1}"
            yield _checked(image, source, source)


def _pull(band: Sequence[Atoms], neb: NebSettings, model: str, scratch: Path, where: str) -> None:
    forces = read_forces(Path(model), scratch)
    tight = pulled_tight(
        band,
        [Driver(forces) for _ in band],
        force_threshold=neb.force_threshold_ev_per_angstrom,
        steps=neb.steps,
    )
    if not tight:
        logger.warning(
            "band from %s: forces are still above %g eV/Å after %d steps; its images are "
            "candidates as they are",
            where,
            neb.force_threshold_ev_per_angstrom,
            neb.steps,
        )


def _checked(atoms: Atoms, source: str, where: str) -> Candidate:
    try:
        return Candidate(checked_structure(atoms, where), "", source)
    except DataError as error:
        # One bad frame of a trajectory is no reason to read none of it.
        return Candidate(Atoms(), "", source, str(error).splitlines()[0])
