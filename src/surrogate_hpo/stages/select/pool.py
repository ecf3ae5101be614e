"""Candidates of all groups of the pool: displaced cells, or frames of the user's files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ase import Atoms

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.formats.structures.structures import checked_structure, select_frames
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.select.settings import SelectSettings
from surrogate_hpo.stages.snapshots.settings import SnapshotsSettings
from surrogate_hpo.stages.snapshots.stage import make_snapshot


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
        If a file is missing or unreadable.
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
    generating = [group for group in settings.pool if group.files is None]
    if generating and not snapshots.generated:
        raise ConfigError(
            "the pool is to be generated, and `snapshots` says neither how nor of which cell",
            where="select.pool",
            expected="groups with `files`, or snapshots.method displacements or "
            "molecular_dynamics with snapshots.cell",
            got=f"snapshots.method {snapshots.method}",
        )
    found = list(_made(snapshots.model_copy(update={"training": generating}), seed))
    found += [*_read(settings), *further]
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


def _checked(atoms: Atoms, source: str, where: str) -> Candidate:
    try:
        return Candidate(checked_structure(atoms, where), "", source)
    except DataError as error:
        # One bad frame of a trajectory is no reason to read none of it.
        return Candidate(Atoms(), "", source, str(error).splitlines()[0])
