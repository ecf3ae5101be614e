"""Which network corrects a linear potential best, told by short trainings or without any."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.networks import ElementNetworks, scaled_components
from surrogate_hpo.potential.options import NetworkScoreName
from surrogate_hpo.scores.architectures.naswot import draw_minibatch
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.scores.architectures.ranking import best_architecture
from surrogate_hpo.seeds import derive_seed

# Of a short training, in steps of a whole one.
SHORT = 0.1
_BATCH, _INITIALISATIONS = 50, 5


def choose_architecture(
    candidates: Sequence[Architecture],
    score: NetworkScoreName,
    data: Sequence[Labelled],
    descriptor: AtomDescriptor,
    fit: Callable[[Architecture, float], ElementNetworks],
    *,
    seed: int,
) -> tuple[Architecture, list[dict[str, float | str]]]:
    """Choose a network for every element.

    `short_training` fits each candidate for a tenth of the steps and takes the smallest loss on the
    validation structures. The other scores look at untrained networks and the surroundings of the
    atoms alone, all elements together, each scaled by its own mean and deviation, as the networks
    see them.

    Parameters
    ----------
    candidates
        Networks, one or more.
    score
        By what.
    data
        Structures of the training.
    descriptor
        What atoms are described by.
    fit
        Trains a network for a share of the steps.
    seed
        Of atoms and initial networks.

    Returns
    -------
    Architecture, list of dict
        The choice; and `network`, `score` of each candidate, NaN where it could not be scored.

    Raises
    ------
    DataError
        If no candidate could be scored, or too few atoms differ.
    """
    if score == "short_training":
        losses = [fit(one, SHORT).validation_loss for one in candidates]
        best = candidates[int(np.nanargmin(losses))]
        return best, _rows(candidates, losses)
    given = score_data(data, descriptor, seed=derive_seed(seed, "atoms"))
    proxy = PROXIES[score]
    scores = [
        proxy(one, given, seed=derive_seed(seed, "scores"), initialisations=_INITIALISATIONS)
        for one in candidates
    ]
    chosen = best_architecture(scores, proxy.direction).architecture
    return chosen, _rows(candidates, [one.score for one in scores])


def score_data(data: Sequence[Labelled], descriptor: AtomDescriptor, *, seed: int) -> ScoreData:
    """Scaled components at all atoms; what they give is not known atom by atom, and is zero.

    Parameters
    ----------
    data
        Structures.
    descriptor
        What atoms are described by.
    seed
        Of the minibatch.

    Returns
    -------
    ScoreData
        For scores that look at no targets.
    """
    inputs = torch.from_numpy(scaled_components(data, descriptor)).float()
    nothing = torch.zeros(len(inputs), 1)
    batch = draw_minibatch(inputs, batch_size=_BATCH, seed=seed)
    return ScoreData(inputs, nothing, inputs, nothing, batch)


def _rows(
    candidates: Sequence[Architecture], scores: Sequence[float]
) -> list[dict[str, float | str]]:
    return [
        {"network": one.label, "score": float(score)}
        for one, score in zip(candidates, scores, strict=True)
    ]
