"""Which structures to compute next: measures of all candidates, a choice, and its reasons."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from ase import Atoms

from surrogate_hpo.config.project import Config
from surrogate_hpo.data.potentials import read_potential
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.structures.several import write_structures
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.choosing import Choice, choose, measures_of, pool_of
from surrogate_hpo.selection.features import Features, FloatArray
from surrogate_hpo.selection.options import RULES, WITH_MODEL, RuleName
from surrogate_hpo.stages.select.describing import default_descriptor
from surrogate_hpo.stages.select.members import members_of
from surrogate_hpo.stages.select.pool import Candidate, candidates_of
from surrogate_hpo.stages.select.settings import SelectSettings
from surrogate_hpo.stages.select.tables import candidate_rows, space_rows
from surrogate_hpo.stages.select.weeding import counted, described, refused_of

logger = logging.getLogger(__name__)


def select(
    *,
    settings: SelectSettings,
    seed: int,
    config: Config,
    structures: Annotated[list[Path], Input("extxyz files of the training snapshots; Å")],
    potential: Annotated[
        list[Path] | None, Input("JSON of the potential stage, one, for the rule `spread`")
    ] = None,
    table: Annotated[Path, Output("CSV: a row per candidate, every measure, choice and reason")],
    space: Annotated[Path, Output("CSV: candidates and training by principal components")],
    choice: Annotated[Path, Output("JSON: what was chosen and why, what was dropped and why")],
    selected: Annotated[Path, Output("extxyz: the chosen structures, in order; Å")],
) -> None:
    """Choose from a pool what to compute next, beside the training snapshots.

    Candidates that no calculation should be made of are dropped, counted and listed. The chosen
    structures are a file that `snapshots` reads.
    """
    candidates = candidates_of(settings, config.snapshots, seed)
    known = [read_structure(path) for path in structures]
    model = None if settings.rule != WITH_MODEL else _model(potential)
    descriptor = (
        default_descriptor(known, settings.cutoff_radius_angstrom, settings.twojmax)
        if model is None
        else model.descriptor
    )
    refused = refused_of(settings, candidates, known, descriptor)
    features, kept, dropped = described(settings, candidates, known, descriptor, refused)
    places = [place for place, number in enumerate(kept, start=len(known)) if number not in dropped]
    members = None if model is None else members_of(features, model)
    made, measures = _chosen(settings, seed, features, len(known), places, members)
    chosen = {kept[place - len(known)]: order for order, place in enumerate(made.chosen)}
    reasons = {**refused, **dropped}
    rows = candidate_rows(candidates, kept, measures, chosen, reasons, made)
    read = [*structures, *map(Path, settings.own_files), *(potential or [])]
    record = provenance("select", settings, seed, read)
    write_table(table, rows)
    write_table(space, space_rows(features, known, candidates, kept, rows))
    write_structures(selected, [candidates[number].atoms for number in chosen], record)
    notes = _notes(candidates, kept, known)
    _tell(made, reasons, notes)
    write_document(
        choice,
        {
            "rule": made.rule,
            "training_structures": len(known),
            "candidates": len(candidates),
            "dropped": counted(reasons),
            "descriptor": {
                "cutoff_radius_angstrom": descriptor.cutoff_radius,
                "twojmax": descriptor.twojmax,
            },
            "chosen": _told(candidates, chosen, made),
            "notes": notes,
            "provenance": record,
        },
    )


def _chosen(
    settings: SelectSettings,
    seed: int,
    features: Features,
    known: int,
    places: Sequence[int],
    members: FloatArray | None,
) -> tuple[Choice, dict[RuleName, FloatArray]]:
    """The choice among candidates that are not dropped, and measures of all that are described."""
    own = derive_seed(seed, "select", "rule")
    everything = range(known, len(features))
    made = choose(
        features,
        places,
        range(known),
        rule=settings.rule,
        number=settings.number,
        seed=own,
        members=members,
        components=settings.components,
        sampled=settings.sampled_sites,
    )
    pool = pool_of(
        features,
        everything,
        range(known),
        seed=own,
        members=members,
        components=settings.components,
        sampled=settings.sampled_sites,
    )
    return made, measures_of(
        pool, [rule for rule in RULES if rule != WITH_MODEL or members is not None]
    )


def _told(
    candidates: Sequence[Candidate], chosen: Mapping[int, int], made: Choice
) -> list[dict[str, object]]:
    """What was chosen and why; `chosen` has the turn of each candidate by its number."""
    return [
        {
            "candidate": candidates[number].name,
            "source": candidates[number].source,
            "class": candidates[number].group,
            "measure": made.values[turn],
            "reason": made.reasons[turn],
        }
        for number, turn in chosen.items()
    ]


def _model(paths: Sequence[Path] | None) -> Potential:
    if not paths:
        raise ConfigError(
            "the rule `spread` asks a potential, and none is given",
            where="--potential",
            expected="results/potential/potential.json",
            got="nothing",
        )
    return read_potential(paths[0])


def _notes(
    candidates: Sequence[Candidate], kept: Sequence[int], known: Sequence[Atoms]
) -> list[str]:
    """What a reader should know of the pool."""
    sizes = {len(atoms) for atoms in known}
    other = [number for number in kept if len(candidates[number].atoms) not in sizes]
    if not other:
        return []
    found = sorted({len(candidates[number].atoms) for number in other})
    return [
        f"{len(other)} candidates have numbers of atoms that no training snapshot has "
        f"({', '.join(map(str, found))} instead of {', '.join(map(str, sorted(sizes)))})"
    ]


def _tell(made: Choice, reasons: Mapping[int, str], notes: Sequence[str]) -> None:
    for kind, count in counted(reasons).items():
        logger.info("%d candidates dropped: %s", count, kind)
    for note in notes:
        logger.warning("%s", note)
    logger.info("%d of %d candidates chosen by %s", len(made.chosen), len(made.measure), made.rule)
