"""Candidates of the acsd stage that are audited."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.agreement import MINIMUM_ARCHITECTURES
from surrogate_hpo.scores.architectures.options import Direction
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings

Row = dict[str, Any]
# Per objective of the acsd stage: prefix of its columns, name for people, and its reading.
SCORES: dict[str, tuple[str, str, Direction]] = {
    "acsd": ("acsd", "ACSD", "minimise"),
    "kernel-spread": ("kernel_spread", "kernel spread", "maximise"),
}


def chosen_descriptor(acsd_choice: Path) -> dict[str, Any]:
    """What the acsd stage chose, and by which objective."""
    return read_document(acsd_choice, keys=("objective", "element_weights", "element_radii"))


def scored_candidates(
    acsd_scores: Path, acsd_choice: Path, settings: AcsdAuditSettings
) -> tuple[str, list[Row]]:
    """Objective of the acsd stage, and the scored candidates that the settings name.

    Parameters
    ----------
    acsd_scores
        CSV of the acsd stage.
    acsd_choice
        JSON of the acsd stage.
    settings
        The section of the config.

    Returns
    -------
    str, list of dict
        One of `SCORES`; one row per candidate, in the order of the table.

    Raises
    ------
    ConfigError
        The acsd stage has not scored what the settings name, or there is too little of it.
    """
    objective: str = chosen_descriptor(acsd_choice)["objective"]
    return objective, _named(read_table(acsd_scores), SCORES[objective][0], settings)


def candidate_name(cutoff_radius: float, twojmax: int) -> str:
    """Name of a candidate of this cutoff radius (Å) and 2 J_max."""
    return f"{cutoff_radius:g}-{twojmax}"


def trained_network(settings: AcsdAuditSettings) -> Architecture:
    """The network that is trained on all candidates."""
    return Architecture((settings.width,) * settings.layers, settings.activation)


def _named(
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
