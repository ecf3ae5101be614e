"""Which structures to compute next: measures of all candidates, a choice, and its reasons."""

import logging
from collections.abc import Mapping, Sequence
from functools import cache
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
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.run.interface import Input, Output, State
from surrogate_hpo.run.provenance import fingerprint, provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.choosing import Choice, choose, measures_of, pool_of
from surrogate_hpo.selection.expected import FEWEST, Expected
from surrogate_hpo.selection.measures import Pool
from surrogate_hpo.stages.potential.inputs import read_snapshots
from surrogate_hpo.stages.select.asking import Answers, ask_potential, ask_surrogate, expected_of
from surrogate_hpo.stages.select.describing import default_descriptor
from surrogate_hpo.stages.select.pool import candidates_of
from surrogate_hpo.stages.select.settings import SelectSettings
from surrogate_hpo.stages.select.tables import candidate_rows, columns_of, space_rows
from surrogate_hpo.stages.select.weeding import HELD_OUT, Barred, Weeded, counted, weed

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
    surrogate: Annotated[
        list[Path] | None, Input("file of the surrogate stage, one, for spreads of its networks")
    ] = None,
    validation_structures: Annotated[
        list[Path] | None, Input("extxyz files of the validation snapshots, with a model; Å")
    ] = None,
    validation_dft: Annotated[
        list[Path] | None, Input("JSON of their DFT runs: energies in eV")
    ] = None,
    held_out_structures: Annotated[
        list[Path] | None,
        Input("extxyz files of the validation and test snapshots, which are not to be chosen; Å"),
    ] = None,
    table: Annotated[Path, Output("CSV: a row per candidate, every measure, choice and reason")],
    space: Annotated[Path, Output("CSV: candidates and training by principal components")],
    choice: Annotated[Path, Output("JSON: what was chosen and why, what was dropped and why")],
    selected: Annotated[Path, Output("extxyz: the chosen structures, in order; Å")],
    state: Annotated[Path, State("folder of the predictions that are finished")],
) -> None:
    """Choose from a pool what to compute next, beside the training snapshots.

    Candidates that no calculation should be made of are dropped, counted and listed. The chosen
    structures are a file that `snapshots` reads.
    """
    candidates = candidates_of(settings, config.snapshots, seed)
    known = [read_structure(path) for path in structures]
    judged, others = (validation_structures or [], validation_dft or []), held_out_structures or []
    inputs = [*structures, *map(Path, settings.own_files), *(potential or []), *(surrogate or [])]
    record = provenance("select", settings, seed, [*inputs, *judged[0], *judged[1], *others])
    model = _model(settings, potential, surrogate)
    descriptor = _descriptor(settings, model, known)
    read = cache(read_structure)  # what a model is judged by is held out, too
    barred = [Barred(path.stem, read(path), HELD_OUT) for path in others]
    held_out = read_snapshots(*judged, read)
    weeded = weed(settings, candidates, known, descriptor, barred)
    weeded, answers = _asked(model, weeded, held_out, state / fingerprint(record))
    made, pool = _chosen(settings, seed, weeded, answers)
    expected = expected_of(answers, held_out, pool, descriptor)
    chosen = {weeded.numbers[place]: order for order, place in enumerate(made.chosen)}
    columns = columns_of(measures_of(pool, answers.rules), expected, answers.error_bars)
    rows = candidate_rows(weeded, columns, chosen, made)
    write_table(table, rows)
    write_table(space, space_rows(weeded, rows))
    write_structures(selected, [candidates[number].atoms for number in chosen], record)
    notes = _notes(weeded, answers, expected)
    _tell(made, weeded.reasons, notes)
    told = _told(weeded, descriptor, chosen, made)
    write_document(choice, told | {"notes": notes, "provenance": record})


def _descriptor(
    settings: SelectSettings, model: Potential | Path | None, known: Sequence[Atoms]
) -> AtomDescriptor:
    """The potential's, since its members are asked of the same features, or that of the config."""
    if isinstance(model, Potential):
        return model.descriptor
    return default_descriptor(known, settings.cutoff_radius_angstrom, settings.twojmax)


def _asked(
    model: Potential | Path | None, weeded: Weeded, held_out: Sequence[Labelled], state: Path
) -> tuple[Weeded, Answers]:
    """What the model says, and the pool without what it says nonsense of."""
    if model is None:
        return weeded, Answers()
    if isinstance(model, Potential):
        return weeded, ask_potential(model, weeded.features, held_out)
    answers = ask_surrogate(model, weeded.left(), len(weeded.features), held_out, state)
    return weeded.without(answers.refused), answers


def _chosen(
    settings: SelectSettings, seed: int, weeded: Weeded, answers: Answers
) -> tuple[Choice, Pool]:
    """The choice among candidates that are not dropped, and all that are described."""
    own, known = derive_seed(seed, "select", "rule"), range(len(weeded.known))
    made = choose(
        weeded.features,
        [*weeded.left()],
        known,
        rule=settings.rule,
        number=settings.number,
        seed=own,
        members=answers.members,
        components=settings.components,
        sampled=settings.sampled_sites,
    )
    return made, pool_of(
        weeded.features,
        range(len(weeded.known), len(weeded.features)),
        known,
        seed=own,
        members=answers.members,
        components=settings.components,
        sampled=settings.sampled_sites,
    )


def _told(
    weeded: Weeded, descriptor: AtomDescriptor, chosen: Mapping[int, int], made: Choice
) -> dict[str, object]:
    """What was chosen and why; `chosen` has the turn of each candidate by its number."""
    return {
        "rule": made.rule,
        "training_structures": len(weeded.known),
        "candidates": len(weeded.candidates),
        "dropped": counted(weeded.reasons),
        "descriptor": {
            "cutoff_radius_angstrom": descriptor.cutoff_radius,
            "twojmax": descriptor.twojmax,
        },
        "chosen": [
            {
                "candidate": weeded.candidates[number].name,
                "source": weeded.candidates[number].source,
                "class": weeded.candidates[number].group,
                "measure": made.values[turn],
                "reason": made.reasons[turn],
            }
            for number, turn in chosen.items()
        ],
    }


def _model(
    settings: SelectSettings, potential: Sequence[Path] | None, surrogate: Sequence[Path] | None
) -> Potential | Path | None:
    """The potential or the file of the surrogate that the rule asks; None if it asks none."""
    if settings.asks_potential:
        return read_potential(_given(settings, potential, "potential", "potential.json"))
    if settings.asks_networks:
        return _given(settings, surrogate, "surrogate", "surrogate.pt")
    return None


def _given(settings: SelectSettings, paths: Sequence[Path] | None, stage: str, name: str) -> Path:
    if not paths:
        raise ConfigError(
            f"the rule `{settings.rule}` asks a {stage}, and none is given",
            where=f"--{stage}",
            expected=f"results/{stage}/{name}",
            got="nothing",
        )
    return paths[0]


def _notes(weeded: Weeded, answers: Answers, expected: Expected | None) -> list[str]:
    """What a reader should know of the pool, and of the errors to be expected."""
    notes = []
    sizes = {len(atoms) for atoms in weeded.known}
    atoms = [len(weeded.candidates[number].atoms) for number in weeded.kept]
    if others := [number for number in atoms if number not in sizes]:
        notes.append(
            f"{len(others)} candidates have numbers of atoms that no training snapshot has "
            f"({', '.join(map(str, sorted(set(others))))} instead of "
            f"{', '.join(map(str, sorted(sizes)))})"
        )
    if expected is not None:
        notes.append(
            f"expected errors follow from {len(expected.calibration.distances)} validation "
            f"snapshots; {int(expected.beyond.sum())} of {len(expected.beyond)} candidates are "
            "farther out than all of these"
        )
    elif answers.members:
        notes.append(
            f"no expected errors: they take {FEWEST} or more validation snapshots with energies, "
            f"and there are {len(answers.held_out_errors)}"
        )
    return notes


def _tell(made: Choice, reasons: Mapping[int, str], notes: Sequence[str]) -> None:
    for kind, count in counted(reasons).items():
        logger.info("%d candidates dropped: %s", count, kind)
    for note in notes:
        logger.warning("%s", note)
    logger.info("%d of %d candidates chosen by %s", len(made.chosen), len(made.measure), made.rule)
