"""ACSD: choose the descriptor (cutoff radius, 2 J_max) without training."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
from ase import Atoms

from surrogate_hpo.config.acsd import AcsdSettings
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.descriptors.triples import nested_columns
from surrogate_hpo.io.datasets import flat
from surrogate_hpo.io.documents import write_document
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.ldos_store import LdosData, read_ldos
from surrogate_hpo.io.structures import read_structure
from surrogate_hpo.io.tables import write_table
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.acsd import draw_pairs
from surrogate_hpo.selection.acsd_choice import Choice, choose
from surrogate_hpo.selection.acsd_scores import Draw, ScoreTable, score_candidates
from surrogate_hpo.stages.interface import LdosStores, Output, Structures


def acsd(
    *,
    settings: AcsdSettings,
    seed: int,
    structures: Structures,
    ldos: LdosStores,
    scores: Annotated[
        Path, Output("CSV: a row per candidate, score and its spreads (dimensionless)")
    ],
    choice: Annotated[Path, Output("JSON: chosen cutoff_radius_angstrom and twojmax, and why")],
) -> None:
    """Score every candidate descriptor by average cosine similarity distance and choose one.

    Similarities of LDOS vectors and of SNAP vectors are compared for pairs of grid points;
    SNAP is evaluated at these points only, once per cutoff radius at the highest 2 J_max
    (Fiedler et al. 2022, eq. 16-17).
    """
    highest = max(settings.twojmax)
    draws = [
        draw
        for structure, store in zip(structures, ldos, strict=True)
        for draw in _draws(
            structure.stem, read_structure(structure), read_ldos(store), settings, seed
        )
    ]
    columns = {twojmax: nested_columns(highest, twojmax) for twojmax in settings.twojmax}
    table = score_candidates(draws, columns, definition=settings.definition)
    decision = choose(table)
    write_table(scores, _rows(table, decision))
    record = provenance("acsd", settings, seed, [*structures, *ldos])
    write_document(
        choice,
        {
            "cutoff_radius_angstrom": decision.cutoff_radius,
            "twojmax": decision.twojmax,
            "constant_descriptor_acsd": table.constant_mean,
            "decision": asdict(decision),
            "provenance": record,
        },
    )


def _draws(
    name: str, atoms: Atoms, ldos: LdosData, settings: AcsdSettings, seed: int
) -> Iterator[Draw]:
    """Vectors at the sampled points of one snapshot, for each independent draw."""
    shape = ldos.values.shape[:3]
    for number in range(settings.draws):
        draw_seed = derive_seed(seed, "acsd", name, number)
        sides = draw_pairs(int(np.prod(shape)), settings.points, seed=draw_seed)
        indices = np.concatenate(sides)
        points = grid_points(shape, ldos.cell, indices=indices)
        descriptors = {
            radius: bispectrum(
                points,
                atoms.positions,
                atoms.cell[:],
                cutoff_radius=radius,
                twojmax=max(settings.twojmax),
            ).reshape(2, settings.points, -1)
            for radius in settings.cutoff_radii_angstrom
        }
        vectors = flat(ldos.values)[indices].reshape(2, settings.points, -1)
        yield Draw(snapshot=name, seed=number, descriptors=descriptors, ldos=vectors)


def _rows(table: ScoreTable, decision: Choice) -> list[dict[str, str | int | float | bool | None]]:
    rejected = {(radius, twojmax): reason for radius, twojmax, reason in decision.rejected}
    return [
        {
            "cutoff_radius_angstrom": score.cutoff_radius,
            "twojmax": score.twojmax,
            "components": score.components,
            "acsd_mean": score.mean,
            "acsd_std": score.spread,
            "acsd_std_over_seeds": score.spread_seeds,
            "acsd_std_over_snapshots": score.spread_snapshots,
            "within_spread": (score.cutoff_radius, score.twojmax) in decision.level,
            "chosen": (score.cutoff_radius, score.twojmax)
            == (decision.cutoff_radius, decision.twojmax),
            "rejected": rejected.get((score.cutoff_radius, score.twojmax)),
        }
        for score in table.candidates
    ]
