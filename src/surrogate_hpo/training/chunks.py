"""Parts of a list of things to do, each of which is a job."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.run.provenance import fingerprint

Item = TypeVar("Item")


def chunk_of(
    items: Sequence[Item],
    chunk: int,
    *,
    chunks: int,
) -> list[Item]:
    """Every n-th architecture or candidate: neighbours in the list cost alike, so chunks do too.

    Parameters
    ----------
    items
        All of them.
    chunk
        Which chunk, from 0.
    chunks
        Number of chunks.

    Returns
    -------
    list
        None is in two chunks, and none is in no chunk.

    Raises
    ------
    ConfigError
        There is no such chunk.
    """
    if not 0 <= chunk < chunks:
        raise ConfigError(
            "There is no such chunk.",
            where="--chunk",
            expected=f"0 to {chunks - 1}, as `chunks` is {chunks}",
            got=str(chunk),
        )
    return list(items[chunk::chunks])


def chunk_state(state: Path, record: dict[str, Any], chunk: int, *, chunks: int) -> Path:
    """Folder of what a job has finished before it was stopped, which no other job shares.

    Parameters
    ----------
    state
        Where the stage keeps such.
    record
        Provenance of the job.
    chunk
        Which chunk, from 0.
    chunks
        Number of chunks.

    Returns
    -------
    Path
        Taken up again only with the same code, settings, seed, inputs and number of chunks.
    """
    return state / f"{fingerprint(record)}-{chunk}-of-{chunks}"
