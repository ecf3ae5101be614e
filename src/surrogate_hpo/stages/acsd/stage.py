"""ACSD: choose the descriptor (cutoff radius, 2 J_max) without training."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ValidationError

from surrogate_hpo.config.base import Section
from surrogate_hpo.descriptors.elements import element_parameters
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.run.interface import Input, Option, Output, Structures
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.scores.descriptors.choice import Choice, choose
from surrogate_hpo.scores.descriptors.guarded_choice import GuardedChoice, choose_guarded
from surrogate_hpo.scores.descriptors.table import ScoreTable
from surrogate_hpo.stages.acsd.points import sample_snapshots
from surrogate_hpo.stages.acsd.scoring import ScoredCandidates, score_all
from surrogate_hpo.stages.acsd.settings import AcsdSettings
from surrogate_hpo.stages.acsd.similarities import write_similarities

AnySection = TypeVar("AnySection", bound=Section)


def replaced(section: AnySection, **changes: object) -> AnySection:
    """Replace settings of a section, checked as those of the config are.

    Parameters
    ----------
    section
        The section as configured.
    **changes
        New values by key.

    Returns
    -------
    Section
        A section with the new values.

    Raises
    ------
    ConfigError
        If the new values make no sense.
    """
    try:
        return type(section).model_validate(section.model_dump() | changes)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'settings'}: "
            + fault["msg"].removeprefix("Value error, ")
            for fault in error.errors(include_url=False)
        ]
        raise ConfigError(
            "an option given instead of a setting of the config makes no sense",
            where=", ".join(changes),
            expected="; ".join(faults),
            got=", ".join(repr(value) for value in changes.values()),
        ) from error


logger = logging.getLogger(__name__)

Row = dict[str, str | int | float | bool | None]


def acsd(
    *,
    settings: AcsdSettings,
    seed: int,
    structures: Structures,
    ldos: Annotated[
        list[Path] | None,
        Input("LDOS stores (*.zarr.zip) of the same snapshots, 1/(eV Å³); none for kernel-spread"),
    ] = None,
    refine: Annotated[
        int | None, Option("rounds of refinement of the cutoff radius, instead of acsd.refine")
    ] = None,
    scores: Annotated[
        Path, Output("CSV: a row per candidate, score and its spreads (dimensionless)")
    ],
    choice: Annotated[Path, Output("JSON: chosen cutoff_radius_angstrom and twojmax, and why")],
    similarities: Annotated[
        Path, Output("store (*.zarr.zip): similarities of the pairs of the first draw")
    ],
) -> None:
    """Score every candidate descriptor without training and choose one.

    Similarities of LDOS vectors and of SNAP vectors are compared for pairs of grid points;
    SNAP is evaluated at these points only, once per cutoff radius at the highest 2 J_max
    (average cosine similarity distance, Fiedler et al. 2022, eq. 16-17). With the objective
    `kernel-spread` the SNAP similarities alone are judged, and no LDOS is read. With
    `acsd.guard` only candidates compete that also predict left-out snapshots well.
    """
    if refine is not None:
        settings = replaced(settings, refine=refine)
    if ldos and not settings.needs_ldos:
        logger.warning("acsd.objective %s needs no LDOS: it is not read", settings.objective)
    labels = (ldos or []) if settings.needs_ldos else []
    snapshots = sample_snapshots(structures, labels, settings, seed=seed)
    weights, radii = element_parameters(
        {symbol for snapshot in snapshots for symbol in snapshot.atoms.symbols},
        settings.element_weights,
        settings.element_radii,
    )
    scored = score_all(snapshots, settings, weights=weights, radii=radii, seed=seed)
    table = scored.table
    guarded = (
        choose_guarded(table, scored.guards, tolerance=settings.guard_tolerance)
        if settings.guard
        else None
    )
    decision = guarded.choice if guarded else choose(table)
    record = provenance("acsd", settings, seed, [*structures, *labels])
    rows = _rows(table, decision)
    if guarded:
        rows = [row | more for row, more in zip(rows, _guards(scored, guarded), strict=True)]
    write_table(scores, rows)
    write_similarities(similarities, scored.clouds, record)
    write_document(
        choice,
        {
            "cutoff_radius_angstrom": decision.cutoff_radius,
            "twojmax": decision.twojmax,
            "element_weights": weights,
            "element_radii": radii,
            "objective": table.objective,
            "constant_descriptor_score": table.constant_mean,
            "decision": asdict(decision),
            **(_guard_document(guarded) if guarded else {}),
            "provenance": record,
        },
    )


def _guard_document(guarded: GuardedChoice) -> dict[str, Any]:
    radius, twojmax = guarded.alone
    return {
        "guard_changed_choice": guarded.changed,
        "choice_without_guard": {"cutoff_radius_angstrom": radius, "twojmax": twojmax},
        "guard_admitted": guarded.admitted,
    }


def _guards(scored: ScoredCandidates, guarded: GuardedChoice) -> list[Row]:
    keys = [(score.cutoff_radius, score.twojmax) for score in scored.table.candidates]
    unknown = {"larger_sum_error"} if not guarded.knows_larger else set()
    return [
        {
            f"guard_{name}": value
            for name, value in asdict(scored.guards[key]).items()
            if name not in unknown
        }
        | {"guard_admitted": key in guarded.admitted}
        for key in keys
    ]


def _rows(table: ScoreTable, decision: Choice) -> list[Row]:
    rejected = {(radius, twojmax): reason for radius, twojmax, reason in decision.rejected}
    name = table.objective.replace("-", "_")
    return [
        {
            "cutoff_radius_angstrom": score.cutoff_radius,
            "twojmax": score.twojmax,
            "components": score.components,
            f"{name}_mean": score.mean,
            f"{name}_std": score.spread,
            f"{name}_std_over_seeds": score.spread_seeds,
            f"{name}_std_over_snapshots": score.spread_snapshots,
            "similarity_std": score.similarity_std,
            "similarity_skewness": score.similarity_skewness,
            "within_spread": (score.cutoff_radius, score.twojmax) in decision.level,
            "chosen": (score.cutoff_radius, score.twojmax)
            == (decision.cutoff_radius, decision.twojmax),
            "rejected": rejected.get((score.cutoff_radius, score.twojmax)),
            "round": score.round_number,
        }
        for score in table.candidates
    ]
