"""One search method on these data: its search, then final trainings of what it recommends."""

import logging
import shutil
from pathlib import Path
from typing import Annotated

from surrogate_hpo.contest.memo import Memoised, MemoisedScore, Remember
from surrogate_hpo.contest.methods.base import SearchMethod
from surrogate_hpo.contest.methods.interface import Evaluation, MethodResult, Trial
from surrogate_hpo.data.datasets import read_points
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.run.interface import (
    Argument,
    DescriptorStores,
    Input,
    LdosStores,
    Output,
    State,
    Structures,
)
from surrogate_hpo.run.provenance import fingerprint, provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.contest.final import judge, train_finally
from surrogate_hpo.stages.contest.objective import ScoreObjective, TrainingObjective, warm_up
from surrogate_hpo.stages.contest.settings import ContestSettings
from surrogate_hpo.stages.contest.space import budget_of, contest_space, contestant
from surrogate_hpo.stages.contest.tables import history_rows, result_document, trial_rows

logger = logging.getLogger(__name__)


def contest(
    *,
    settings: ContestSettings,
    seed: int,
    method: Annotated[str, Argument("name of the search method, e.g. tpe")],
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    training_dft: Annotated[
        list[Path], Input("JSON of the training snapshots' DFT runs: the baseline")
    ],
    structures: Structures,
    dft: Annotated[list[Path], Input("JSON of the DFT runs of the held-out snapshots")],
    test_descriptors: DescriptorStores,
    test_ldos: LdosStores,
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    result: Annotated[Path, Output("JSON: what was found, its cost in seconds and its errors")],
    trials: Annotated[Path, Output("CSV: a row per trial, in order, with its cost in seconds")],
    history: Annotated[Path, Output("CSV: losses per epoch of the final trainings")],
    state: Annotated[Path, State("folder of evaluations and checkpoints")],
) -> None:
    """Search with one method, train what it recommends, and predict the held-out snapshots.

    All methods have the same space, trials of the same length and the same final training.
    A killed contest goes on from its evaluations and ends with the same numbers; costs are
    those of the evaluations when they were made.
    """
    stores = [*descriptors, *ldos, *validation_descriptors, *validation_ldos]
    held_out_files = [*structures, *dft, *test_descriptors, *test_ldos, *pseudopotentials]
    record = provenance("contest", settings, seed, [*stores, *training_dft, *held_out_files])
    folder = state / f"{fingerprint(record)}-{method}"
    searcher = contestant(method, settings)
    training = read_points(descriptors, ldos)
    validation = read_points(validation_descriptors, validation_ldos)
    objective = TrainingObjective(training, validation, settings, seed)
    score = ScoreObjective(training, validation, settings, seed)
    warm_up(settings)
    found = _search(searcher, objective, score, settings, seed, folder)
    networks = train_finally(found.best, training, validation, settings, seed=seed, state=folder)
    judged = judge(
        networks,
        training_dft=training_dft,
        held_out=(structures, dft, test_descriptors, test_ldos),
        potentials={p.element: p for p in map(read_upf, pseudopotentials)},
        use_gpu=settings.use_gpu,
    )
    write_table(trials, trial_rows(found, settings))
    write_table(history, history_rows(networks))
    write_document(
        result,
        {
            **result_document(found, networks, settings),
            "label": searcher.label,
            "score": {"name": settings.score.name, "label": score.label}
            | {"direction": score.direction, "used": searcher.needs_score},
            **judged,
            "provenance": record,
        },
    )
    shutil.rmtree(folder)


def _search(
    method: SearchMethod,
    objective: TrainingObjective,
    score: ScoreObjective,
    settings: ContestSettings,
    seed: int,
    folder: Path,
) -> MethodResult:
    def report(trial: Trial) -> None:
        point = ", ".join(f"{key} {value}" for key, value in trial.hyperparameters.items())
        logger.info(
            "%s %d %s %.4e after %.1f s: %s",
            trial.kind,
            trial.number,
            trial.evaluation.state,
            trial.evaluation.value,
            trial.evaluation.seconds,
            point,
        )

    found = method.run(
        Memoised(objective, _remember(folder / "trainings")),
        contest_space(settings),
        budget=budget_of(method, settings),
        seed=derive_seed(seed, "contest", "search"),
        training_free=MemoisedScore(score, _remember(folder / "scores")),
        on_trial=report,
    )
    logger.info("%s: %s", method.label, found.reason)
    return found


def _remember(folder: Path) -> Remember:
    return Memo(Evaluation, EvaluationStore(folder)).remember
