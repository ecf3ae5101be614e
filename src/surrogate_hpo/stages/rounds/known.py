"""What a round knows: structures to learn from, to be judged by, and not to choose again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.run.left_out import reason_of
from surrogate_hpo.stages.potential.inputs import read_snapshots
from surrogate_hpo.stages.select.weeding import HELD_OUT, TRIED, Barred


@dataclass(frozen=True)
class Known:
    """Structures by what they are for.

    Attributes
    ----------
    data
        Learnt from: training snapshots that are computed.
    held_out
        Validation snapshots that are computed.
    barred
        Not to be chosen, though they are not learnt from: held-out ones, and those whose
        calculation failed.
    """

    data: list[Labelled]
    held_out: list[Labelled]
    barred: list[Barred]


def read_known(
    training: tuple[Sequence[Path], Sequence[Path]],
    validation: tuple[Sequence[Path], Sequence[Path]],
    test: Sequence[Path],
    tried: Sequence[Path],
) -> Known:
    """Read everything, each file once.

    Parameters
    ----------
    training
        Structures of the training snapshots that are computed, and their DFT results.
    validation
        The same of the validation snapshots.
    test
        Structures of the test snapshots.
    tried
        Structures that earlier rounds chose; of empty rounds files that say so.

    Returns
    -------
    Known
        Named as the snapshots are.

    Raises
    ------
    DataError
        If a file is missing or unreadable.
    """
    read = cache(read_structure)
    data = read_snapshots(*training, read)
    learnt = {one.name for one in data}
    failed = [path for path in tried if path.stem not in learnt and reason_of(path) is None]
    barred = [Barred(path.stem, read(path), HELD_OUT) for path in (*validation[0], *test)]
    barred += [Barred(path.stem, read(path), TRIED) for path in failed]
    return Known(data, read_snapshots(*validation, read), barred)
