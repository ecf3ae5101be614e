"""Parts of a list of things to do, and scores that are kept when finished."""

import logging
import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.architectures.proxy import Proxy, ScoreData
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.seeds import derive_seed

logger = logging.getLogger(__name__)
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


def score_all(
    architectures: Sequence[Architecture],
    proxy: Proxy,
    data: ScoreData,
    finished: EvaluationStore,
    *,
    stage: str,
    seed: int,
    initialisations: int,
) -> list[ArchitectureScore]:
    """Score architectures, except those whose score is there already.

    Parameters
    ----------
    architectures
        What to score.
    proxy
        The score.
    data
        What the score sees.
    finished
        Scores of this run, an interrupted one, or one beside it.
    stage
        Name of the stage, from which and the root seed the seeds follow.
    seed
        Root seed.
    initialisations
        Of each network.

    Returns
    -------
    list of ArchitectureScore
        In the order of the architectures.
    """
    found = []
    for number, architecture in enumerate(architectures, start=1):
        key = f"{proxy.name} {architecture.label}"
        if key not in finished:
            score = proxy(
                architecture,
                data,
                seed=derive_seed(seed, stage, architecture.label),
                initialisations=initialisations,
            )
            finished[key] = _record(score)
            logger.info("%d/%d %s %s", number, len(architectures), key, score.status)
        found.append(_score(architecture, finished[key]))
    return found


def _record(score: ArchitectureScore) -> dict[str, Any]:
    """All but the architecture; NaN, which equals nothing and cannot be stored, as null."""
    names = [field.name for field in fields(score) if field.name != "architecture"]
    record = {name: _null_for_nan(getattr(score, name)) for name in names}
    return record | {"values": [_null_for_nan(value) for value in score.values]}


def _score(architecture: Architecture, record: dict[str, Any]) -> ArchitectureScore:
    content = {name: math.nan if value is None else value for name, value in record.items()}
    values = tuple(math.nan if value is None else value for value in record["values"])
    return ArchitectureScore(architecture, **content | {"values": values})


def _null_for_nan(value: Any) -> Any:  # noqa: ANN401 (any field of a score)
    return None if isinstance(value, float) and math.isnan(value) else value
