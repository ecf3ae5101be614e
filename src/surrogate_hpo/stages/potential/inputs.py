"""What the potential stage learns from and is judged on: of the run, or of the user's files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ase import Atoms

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.fitted_frames import read_fitted_frames
from surrogate_hpo.formats.structures.labelled import read_labelled
from surrogate_hpo.formats.structures.structures import read_structure, read_temperature
from surrogate_hpo.labels.judged_guards import refuse_known
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.stages.potential.settings import PotentialSettings

# Without test files, so many frames of the user's are for learning for each that is held out.
_EVERY = 5
_MOST_NAMED = 3


@dataclass(frozen=True)
class Material:
    """Structures by what they are for.

    Attributes
    ----------
    training
        To learn from.
    test
        Held out.
    transfer
        Beyond the run.
    """

    training: list[Labelled]
    test: list[Labelled]
    transfer: list[Labelled]


def read_material(
    settings: PotentialSettings,
    training: tuple[Sequence[Path], Sequence[Path]],
    test: tuple[Sequence[Path], Sequence[Path]],
    transfer: Sequence[str],
    atoms: Sequence[Path] = (),
) -> Material:
    """Read everything, and make sure that nothing held out is learnt from.

    Parameters
    ----------
    settings
        Section of the config.
    training
        Structures of the training snapshots, and their DFT results.
    test
        The same of the held-out ones.
    transfer
        Frames beyond the run, as `transfer.structures` names them.
    atoms
        The file of `ados_atoms`, where densities of states by atom are needed.

    Returns
    -------
    Material
        Structures with energies.

    Raises
    ------
    DataError
        If a file is missing or unreadable, an energy is not known, or a structure is both
        learnt from and held out.
    """
    own = read_fitted_frames(settings.files)
    held_out = read_fitted_frames(settings.test_files)
    if own and not held_out:
        held_out, own = (
            own[_EVERY - 1 :: _EVERY],
            [one for number, one in enumerate(own) if number % _EVERY != _EVERY - 1],
        )
    found = Material(
        own or _with_dos(read_snapshots(*training), atoms),
        held_out or ([] if own else read_snapshots(*test)),
        [
            Labelled(
                frame.atoms,
                frame.where,
                frame.total_free_energy,
                frame.forces,
                group=_group(len(frame.atoms), frame.temperature),
            )
            for frame in read_labelled(transfer)
        ],
    )
    _check_apart(found)
    return found


def read_snapshots(
    structures: Sequence[Path],
    dft: Sequence[Path],
    read: Callable[[Path], Atoms] = read_structure,
) -> list[Labelled]:
    """Read snapshots whose energy DFT tells.

    Parameters
    ----------
    structures
        Their structures.
    dft
        Their DFT results, in the same order.
    read
        How a structure is read; one that remembers, where others ask for the same files.

    Returns
    -------
    list of Labelled
        Named as the snapshots are.

    Raises
    ------
    DataError
        If a file is missing or unreadable.
    """
    found = []
    for structure, path in zip(structures, dft, strict=True):
        result = read_dft_result(path)
        if result.total_free_energy is None:
            continue
        atoms = read(structure)
        found.append(
            Labelled(
                atoms,
                path.stem,
                result.total_free_energy,
                result.forces,
                result.stress,
                _group(len(atoms), read_temperature(structure)),
            )
        )
    return found


def _with_dos(snapshots: list[Labelled], atoms: Sequence[Path]) -> list[Labelled]:
    """The snapshots with the density of states of each atom, where a file has them."""
    if not atoms:
        return snapshots
    # It loads torch.
    from surrogate_hpo.stages.ados.atom_data import read_atom_data  # noqa: PLC0415

    known = read_atom_data(atoms[0]).snapshots
    if missing := [one.name for one in snapshots if one.name not in known]:
        raise DataError(
            "a snapshot has no density of states by atom",
            where=str(atoms[0]),
            expected="all training snapshots whose energies are known",
            got=f"none of {', '.join(missing[:_MOST_NAMED])}",
            remedy="run `snakemake potential` again",
        )
    return [replace(one, dos=known[one.name].dos) for one in snapshots]


def _group(atoms: int, temperature: float | None) -> str:
    return f"{atoms} atoms" + ("" if temperature is None else f", {temperature:g} K")


def _check_apart(material: Material) -> None:
    """Raise DataError if a structure that is judged is learnt from, too, whatever it is called."""
    learnt, judged = (
        [(one.name, one.atoms) for one in part]
        for part in (material.training, [*material.test, *material.transfer])
    )
    refuse_known(learnt, judged, "potential")
