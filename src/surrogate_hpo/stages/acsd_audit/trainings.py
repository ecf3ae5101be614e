"""Candidates of the acsd stage that are audited, and the trainings on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.agreement import MINIMUM_ARCHITECTURES
from surrogate_hpo.scores.architectures.options import Direction
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.acsd_audit.points import candidate_data, sample_points
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings
from surrogate_hpo.training.short_recipe import TrainedError, train_all

Row = dict[str, Any]
# Per objective of the acsd stage: prefix of its columns, name for people, and its reading.
SCORES: dict[str, tuple[str, str, Direction]] = {
    "acsd": ("acsd", "ACSD", "minimise"),
    "kernel-spread": ("kernel_spread", "kernel spread", "maximise"),
}


@dataclass(frozen=True)
class CandidateInputs:
    """Files that the audit reads.

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

    def choice(self) -> dict[str, Any]:
        """What the acsd stage chose, and by which objective."""
        keys = ("objective", "element_weights", "element_radii")
        return read_document(self.acsd_choice, keys=keys)

    def scored(self, settings: AcsdAuditSettings) -> tuple[str, list[Row]]:
        """Objective of the acsd stage, and the scored candidates that the settings name."""
        objective: str = self.choice()["objective"]
        table = read_table(self.acsd_scores)
        return objective, _scored_candidates(table, SCORES[objective][0], settings)


def train_candidates(
    scored: Sequence[Row],
    inputs: CandidateInputs,
    folder: Path,
    *,
    settings: AcsdAuditSettings,
    seed: int,
    trained: Sequence[Row] | None = None,
) -> tuple[Architecture, dict[str, TrainedError]]:
    """Train the network on candidates, except where that has been done before.

    Parameters
    ----------
    scored
        All candidates of the audit: the largest 2 J_max among them is that of the SNAP
        calculation, whatever part is trained.
    inputs
        The files.
    folder
        Of the finished trainings, which other jobs may share.
    settings
        The section of the config.
    seed
        Root seed of the config.
    trained
        Candidates to train on; all by default.

    Returns
    -------
    Architecture, dict of TrainedError
        The network, and its errors by the candidate's name.
    """
    recipe = settings.training
    data = candidate_data(
        sample_points(inputs.structures, inputs.ldos, recipe.points, seed=seed),
        sample_points(
            inputs.validation_structures,
            inputs.validation_ldos,
            recipe.validation_points,
            seed=seed,
        ),
        [
            (row["cutoff_radius_angstrom"], row["twojmax"])
            for row in (scored if trained is None else trained)
        ],
        inputs.choice(),
        recipe.input_scaling,
        highest=max(row["twojmax"] for row in scored),
    )
    architecture = Architecture((settings.width,) * settings.layers, settings.activation)
    errors = train_all(
        {name: (architecture, scaled) for name, scaled in data.items()},
        recipe,
        EvaluationStore(folder / "trainings"),
        seed=derive_seed(seed, "acsd_audit", "training"),
    )
    return architecture, errors


def _scored_candidates(
    table: Sequence[Mapping[str, str]], prefix: str, settings: AcsdAuditSettings
) -> list[Row]:
    """The scored candidates that the settings name."""
    rows = [
        {
            "cutoff_radius_angstrom": float(row["cutoff_radius_angstrom"]),
            "twojmax": int(row["twojmax"]),
            "components": int(row["components"]),
            "score": float(row[f"{prefix}_mean"] or "nan"),
            "score_std": float(row[f"{prefix}_std"] or "nan"),
            "chosen": row["chosen"] == "True",
        }
        for row in table
    ]
    for key in ("cutoff_radii_angstrom", "twojmax"):
        wanted = getattr(settings, key)
        column = key.replace("radii", "radius")
        known = sorted({row[column] for row in rows})
        if wanted is not None and not set(wanted) <= set(known):
            raise ConfigError(
                "The acsd stage has not scored all candidates of the audit.",
                where=f"acsd_audit.{key}",
                expected=f"some of {known}",
                got=str(wanted),
            )
        rows = [row for row in rows if wanted is None or row[column] in wanted]
    if len(rows) < MINIMUM_ARCHITECTURES:
        raise ConfigError(
            "Too few candidates to judge the score by.",
            where="acsd_audit, acsd",
            expected=f"at least {MINIMUM_ARCHITECTURES} pairs of cutoff radius and 2 J_max",
            got=str(len(rows)),
            remedy="score more candidates in the acsd section, or audit more of them",
        )
    return rows
