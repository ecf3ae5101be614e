"""Scores of the architectures that the naswot stage chooses from."""

from dataclasses import dataclass, replace
from pathlib import Path

from surrogate_hpo.data.datasets import PointData, read_points
from surrogate_hpo.data.stored_points import stored_descriptors
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.architectures.naswot import Naswot, OriginalNaswot
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.scores.architectures.proxy import Proxy, ScoreData
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.naswot.settings import NaswotSettings
from surrogate_hpo.training.architecture_scores import score_all
from surrogate_hpo.training.score_data import halves, make_score_data


@dataclass(frozen=True)
class ScanInputs:
    """Stores that the scan reads, the same for all jobs that do part of it.

    Attributes
    ----------
    descriptors
        Descriptor stores of the training snapshots.
    ldos
        LDOS stores of the first of these.
    validation_descriptors
        Descriptor stores of held-out snapshots, for scores that learn.
    validation_ldos
        LDOS stores of the same held-out snapshots.
    """

    descriptors: list[Path]
    ldos: list[Path]
    validation_descriptors: list[Path] | None
    validation_ldos: list[Path] | None

    def paths(self) -> list[Path]:
        """All of them."""
        held_out = [*(self.validation_descriptors or []), *(self.validation_ldos or [])]
        return [*self.descriptors, *self.ldos, *held_out]


def proxy_of(settings: NaswotSettings) -> Proxy:
    """The score of the settings."""
    known = PROXIES[settings.score]
    if isinstance(known, Naswot | OriginalNaswot):
        return replace(known, k=settings.regularisation)
    return known


def scan(
    architectures: list[Architecture],
    inputs: ScanInputs,
    finished: EvaluationStore,
    *,
    settings: NaswotSettings,
    seed: int,
) -> int:
    """Score architectures, except those whose score is there already.

    Parameters
    ----------
    architectures
        All that can be chosen, or a part of them.
    inputs
        Where the points come from.
    finished
        Takes the scores; those of an interrupted run are there already.
    settings
        The section of the config.
    seed
        Root seed of the config.

    Returns
    -------
    int
        The number of points in the minibatch.
    """
    data = _score_data(inputs, settings, seed)
    score_all(
        architectures,
        proxy_of(settings),
        data,
        finished,
        stage="naswot",
        seed=seed,
        initialisations=settings.initialisations,
    )
    return len(data.minibatch)


def _score_data(inputs: ScanInputs, settings: NaswotSettings, seed: int) -> ScoreData:
    labelled, held_out = _labelled(inputs, settings, seed)
    return make_score_data(
        stored_descriptors(inputs.descriptors),
        labelled,
        held_out,
        settings,
        stage="naswot",
        seed=seed,
    )


def _labelled(
    inputs: ScanInputs, settings: NaswotSettings, seed: int
) -> tuple[PointData, PointData]:
    """Points with an LDOS, and others that are held out."""
    descriptors, ldos = inputs.descriptors, inputs.ldos
    if not settings.needs_ldos:
        # The score looks at the length of an LDOS only.
        one = read_points(descriptors[:1], ldos[:1])
        return halves(one, seed=derive_seed(seed, "naswot", "held_out"))
    if inputs.validation_ldos:
        held_out = read_points(inputs.validation_descriptors or [], inputs.validation_ldos)
        return read_points(descriptors[: len(ldos)], ldos), held_out
    if len(ldos) < 2:
        raise DataError(
            f"The score {settings.score} learns from the LDOS and is judged on other snapshots.",
            where="--ldos, --validation-ldos",
            expected="LDOS of two training snapshots or more, or of validation snapshots",
            got=f"{len(ldos)} training and no validation snapshots",
            remedy="give them, or choose a score that needs no LDOS",
        )
    paths = descriptors[: len(ldos)]
    return read_points(paths[:-1], ldos[:-1]), read_points(paths[-1:], ldos[-1:])
