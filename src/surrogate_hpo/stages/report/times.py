"""How long DFT and the surrogate take for cells of each size, from cost records and predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ase import Atoms

from surrogate_hpo.files.documents import read_document
from surrogate_hpo.predict.transferred import Transferred
from surrogate_hpo.stages.report.figure_time_by_size import DFT, DFT_ELSEWHERE, SURROGATE, SizeTime


def size_times(
    beyond: Sequence[Transferred], structures: Mapping[str, Atoms], costs: Sequence[Path]
) -> list[SizeTime]:
    """CPU seconds by source and number of atoms.

    Parameters
    ----------
    beyond
        Structures of the transfer stage; without any there is nothing to compare.
    structures
        Snapshots of the run by name; none if their DFT was not run here.
    costs
        Cost records of all jobs.

    Returns
    -------
    list of SizeTime
        DFT of the run, DFT of the structures beyond it where the file tells, and the surrogate;
        small cells first.
    """
    if not beyond:
        return []
    found: dict[tuple[str, int], list[float]] = {}
    for path in costs:
        if path.parent.name == "dft" and path.stem in structures:
            seconds = read_document(path, keys=("cpu_seconds",))["cpu_seconds"]
            found.setdefault((DFT, len(structures[path.stem])), []).append(seconds)
    for one in beyond:
        atoms = len(one.species)
        if one.dft_cpu_seconds is not None:
            found.setdefault((DFT_ELSEWHERE, atoms), []).append(one.dft_cpu_seconds)
        found.setdefault((SURROGATE, atoms), []).append(one.prediction_cpu_seconds)
    order = (DFT, DFT_ELSEWHERE, SURROGATE)
    keys = sorted(found, key=lambda key: (order.index(key[0]), key[1]))
    return [SizeTime(atoms, source, found[source, atoms]) for source, atoms in keys]
