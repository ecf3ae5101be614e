"""Scores of architectures, resumable after each of them."""

import logging
from collections.abc import Sequence
from functools import partial

from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.architectures.options import ProxyName
from surrogate_hpo.scores.architectures.proxy import Proxy, ScoreData
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.seeds import derive_seed

logger = logging.getLogger(__name__)


def score_key(name: ProxyName, architecture: Architecture) -> str:
    """Names a score of an architecture."""
    return f"{name} {architecture.label}"


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
        Takes each `ArchitectureScore` by its `score_key`; those of an interrupted run are there
        already.
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
    memo, found = Memo(ArchitectureScore, finished), []
    for number, architecture in enumerate(architectures, start=1):
        key, own = score_key(proxy.name, architecture), derive_seed(seed, stage, architecture.label)
        make = partial(proxy, architecture, data, seed=own, initialisations=initialisations)
        found.append(memo.remember(key, make))
        logger.info("%d/%d %s %s", number, len(architectures), key, found[-1].status)
    return found
