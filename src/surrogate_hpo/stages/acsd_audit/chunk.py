"""One of the jobs of the audit of descriptors: trainings on every n-th candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.run.chunk_results import write_chunk
from surrogate_hpo.run.interface import (
    AcsdChoice,
    AcsdScores,
    CandidateState,
    ChunkNumber,
    ChunkResults,
    LdosStores,
    Structures,
)
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.acsd_audit.candidates import (
    Row,
    chosen_descriptor,
    scored_candidates,
    trained_network,
)
from surrogate_hpo.stages.acsd_audit.points import candidate_data, sample_points
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings
from surrogate_hpo.training.chunks import chunk_of, chunk_state
from surrogate_hpo.training.short_recipe import train_all


@dataclass(frozen=True)
class CandidateInputs:
    """Files that the trainings read.

    Attributes
    ----------
    acsd_scores
        CSV of the acsd stage.
    acsd_choice
        JSON of the acsd stage.
    structures
        Of the training snapshots.
    ldos
        Stores of the same snapshots.
    validation_structures
        Of the validation snapshots.
    validation_ldos
        Stores of the same snapshots.
    """

    acsd_scores: Path
    acsd_choice: Path
    structures: list[Path]
    ldos: list[Path]
    validation_structures: list[Path]
    validation_ldos: list[Path]

    def paths(self) -> list[Path]:
        """All of them."""
        snapshots = [*self.structures, *self.ldos, *self.validation_structures]
        return [self.acsd_scores, self.acsd_choice, *snapshots, *self.validation_ldos]


def train_candidates(
    candidates: Sequence[Row],
    inputs: CandidateInputs,
    finished: EvaluationStore,
    *,
    settings: AcsdAuditSettings,
    seed: int,
    highest: int,
) -> None:
    """Train the network on candidates, except where that has been done before.

    Parameters
    ----------
    candidates
        All of the audit, or a part of them.
    inputs
        The files.
    finished
        Takes the trainings; those of an interrupted run are there already.
    settings
        The section of the config.
    seed
        Root seed of the config.
    highest
        The largest 2 J_max of all candidates: that of the SNAP calculation, whatever part is
        trained.
    """
    recipe, network = settings.training, trained_network(settings)
    data = candidate_data(
        sample_points(inputs.structures, inputs.ldos, recipe.points, seed=seed),
        sample_points(
            inputs.validation_structures,
            inputs.validation_ldos,
            recipe.validation_points,
            seed=seed,
        ),
        [(row["cutoff_radius_angstrom"], row["twojmax"]) for row in candidates],
        chosen_descriptor(inputs.acsd_choice),
        recipe.input_scaling,
        highest=highest,
    )
    train_all(
        {name: (network, scaled) for name, scaled in data.items()},
        recipe,
        finished,
        seed=derive_seed(seed, "acsd_audit", "training"),
    )


def acsd_audit_chunk(
    *,
    settings: AcsdAuditSettings,
    seed: int,
    chunk: ChunkNumber,
    acsd_scores: AcsdScores,
    acsd_choice: AcsdChoice,
    structures: Structures,
    ldos: LdosStores,
    validation_structures: Structures,
    validation_ldos: LdosStores,
    results: ChunkResults,
    state: CandidateState,
) -> None:
    """Train one network briefly on candidate descriptors.

    Descriptors are computed at the training and validation points only. The error is the
    validation loss of the scaled LDOS, which is the same for all candidates. A killed job goes on
    after its last training and ends with the same numbers.
    """
    _, scored = scored_candidates(acsd_scores, acsd_choice, settings)
    candidates = chunk_of(scored, chunk, chunks=settings.chunks)
    inputs = CandidateInputs(
        acsd_scores, acsd_choice, structures, ldos, validation_structures, validation_ldos
    )
    record = provenance("acsd_audit_chunk", settings, seed, inputs.paths())
    finished = EvaluationStore(chunk_state(state, record, chunk, chunks=settings.chunks))
    if candidates:
        train_candidates(
            candidates,
            inputs,
            finished,
            settings=settings,
            seed=seed,
            highest=max(row["twojmax"] for row in scored),
        )
    write_chunk(results, finished, record)
    finished.discard()
