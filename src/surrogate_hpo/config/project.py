"""The whole config: one section per stage, and what holds between sections."""

from collections.abc import Iterator
from typing import Any, Self

from pydantic import Field, model_validator

from surrogate_hpo.config.base import Section, Split
from surrogate_hpo.stages.acsd.settings import AcsdSettings
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings
from surrogate_hpo.stages.ados.settings import AdosSettings
from surrogate_hpo.stages.archive.settings import ArchiveSettings
from surrogate_hpo.stages.audit.settings import AuditSettings
from surrogate_hpo.stages.compare.settings import CompareSettings
from surrogate_hpo.stages.contest.settings import ContestSettings
from surrogate_hpo.stages.descriptors.settings import DescriptorsSettings
from surrogate_hpo.stages.dft.settings import DftSettings
from surrogate_hpo.stages.evaluate.settings import EvaluateSettings
from surrogate_hpo.stages.floor.settings import FloorSettings
from surrogate_hpo.stages.knoise.settings import KnoiseSettings
from surrogate_hpo.stages.ldos.settings import LdosSettings
from surrogate_hpo.stages.learning_curve.settings import LearningCurveSettings
from surrogate_hpo.stages.naswot.settings import NaswotSettings
from surrogate_hpo.stages.potential.settings import PotentialSettings
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings
from surrogate_hpo.stages.report.settings import ReportSettings
from surrogate_hpo.stages.rounds.settings import RoundsSettings
from surrogate_hpo.stages.search.settings import SearchSettings
from surrogate_hpo.stages.select.settings import SelectSettings
from surrogate_hpo.stages.select_audit.settings import SelectAuditSettings
from surrogate_hpo.stages.snapshots.settings import SnapshotsSettings
from surrogate_hpo.stages.surrogate.settings import SurrogateSettings
from surrogate_hpo.stages.table.settings import TableSettings
from surrogate_hpo.stages.train.settings import TrainSettings
from surrogate_hpo.stages.transfer.settings import TransferSettings

# Of one snapshot the error of an energy is a matter of luck.
MINIMUM_JUDGED = 2
# Of fewer structures none can be told from the others.
MINIMUM_FITTED = 3


class Config(Section):
    """Settings of all stages, and the one seed from which every other is derived."""

    seed: int = Field(..., ge=0, le=2**63 - 1, description="root of all random numbers of the run")
    snapshots: SnapshotsSettings
    dft: DftSettings
    ldos: LdosSettings
    acsd: AcsdSettings
    descriptors: DescriptorsSettings = DescriptorsSettings()
    naswot: NaswotSettings
    search: SearchSettings
    train: TrainSettings
    surrogate: SurrogateSettings = SurrogateSettings()
    transfer: TransferSettings = TransferSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    report: ReportSettings = ReportSettings()
    audit: AuditSettings = AuditSettings()
    acsd_audit: AcsdAuditSettings = AcsdAuditSettings()
    contest: ContestSettings = ContestSettings()
    compare: CompareSettings = CompareSettings()
    table: TableSettings = TableSettings()
    knoise: KnoiseSettings = KnoiseSettings()
    learning_curve: LearningCurveSettings = LearningCurveSettings()
    floor: FloorSettings = FloorSettings()
    ados: AdosSettings = AdosSettings()
    potential: PotentialSettings = PotentialSettings()
    predict_large: PredictLargeSettings = PredictLargeSettings()
    select: SelectSettings = SelectSettings()
    select_audit: SelectAuditSettings = SelectAuditSettings()
    rounds: RoundsSettings = RoundsSettings()
    archive: ArchiveSettings = ArchiveSettings()

    @model_validator(mode="after")
    def _elements_have_potentials(self) -> Self:
        cells = [self.snapshots.cell, *(plan.cell for plan in self.snapshots.plans.values())]
        for symbol in {cell.symbol for cell in cells if cell is not None and cell.symbol}:
            if symbol not in self.dft.pseudopotentials:
                msg = f"dft.pseudopotentials has no entry for {symbol} of snapshots.cell"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _dft_is_run_or_finished(self) -> Self:
        if self.snapshots.finished:
            if idle := self.dft.idle_without_run():
                msg = (
                    f"method `finished` of snapshots runs no DFT, so these keys of dft would be "
                    f"ignored: {', '.join(idle)}; leave them out"
                )
                raise ValueError(msg)
            return self
        if missing := self.dft.missing_to_run():
            msg = "; ".join(f"dft.{key}: this key is required" for key in missing)
            raise ValueError(msg)
        if self.dft.functional is not None:
            msg = "dft.functional is for finished calculations; pw.x takes the potentials' own"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _the_noise_can_be_measured(self) -> Self:
        if self.report.kpoint_noise and self.snapshots.finished:
            msg = (
                "report.kpoint_noise is true, but finished calculations cannot be run again with "
                "a denser mesh: set it to false"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _the_audit_knows_the_score(self) -> Self:
        if self.naswot.direction == "audit" and self.naswot.score not in self.audit.scores:
            msg = (
                f"naswot.direction is `audit`, but audit.scores lacks {self.naswot.score}: "
                "add it there"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _the_search_has_snapshots_to_hold_out(self) -> Self:
        search = self.search
        held_out = sum(len(self.snapshots.names(split)) for split in search.judged_splits)
        if search.folds > held_out:
            msg = (
                f"search.folds is {search.folds}, but there are {held_out} training and validation "
                "snapshots to deal to them: ask for fewer folds"
            )
            raise ValueError(msg)
        if search.needs_energies and held_out < MINIMUM_JUDGED:
            msg = (
                f"search.objective is `{search.objective}`, an error over the validation "
                f"snapshots, and there is {held_out}: give snapshots.validation "
                f"{MINIMUM_JUDGED} or more, or set search.folds to 2 or more"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _rounds_can_be_run(self) -> Self:
        if problems := list(self._problems_of_rounds()):
            raise ValueError("; ".join(problems))
        return self

    def _problems_of_rounds(self) -> Iterator[str]:
        if not self.rounds.number:
            return
        if self.snapshots.finished:
            yield (
                "rounds.number is more than 0, but a round computes what it has chosen, and of "
                "finished calculations there is no DFT to run: set it to 0, or let the workflow "
                "run pw.x (snapshots.method: files takes their structures)"
            )
        elif not self.select.pool:
            yield "rounds choose among select.pool, which is empty: give groups of candidates"
        elif self.rounds.per_round > (size := self.select.pool_size):
            yield (
                f"rounds.per_round is {self.rounds.per_round}, but select.pool has {size:g} "
                "candidates: ask for fewer, or for a larger pool"
            )
        elif self.select.generates and not self.snapshots.generated:
            yield (
                f"select.pool has a group with a `number`, but snapshots.method "
                f"`{self.snapshots.method}` generates nothing: give `files` in each group of it"
            )
        elif self.rounds.relaxation is not None and not self.dft.forces_and_stress:
            yield (
                "rounds.relaxation asks for forces of DFT, and dft.forces_and_stress is false: set "
                "it to true, or rounds.relaxation to null"
            )
        elif self.rounds.potential.force_weights and not self.dft.forces_and_stress:
            yield (
                "rounds.potential is fitted to forces, and dft.forces_and_stress is false: set it "
                "to true, or rounds.potential.force_weights to []"
            )
        if (known := len(self.snapshots.names("training"))) < MINIMUM_FITTED:
            yield (
                f"rounds begin with a potential that is fitted to snapshots.training, {known} of "
                f"them: give {MINIMUM_FITTED} or more"
            )

    def names(self, split: Split) -> list[str]:
        """Names of the snapshots of a split, in order; behind the training those of the rounds.

        `snapshots.names` has the config's own alone: those are there whatever comes of the rounds.
        """
        own = self.snapshots.names(split)
        return [*own, *self.rounds.names()] if split == "training" else own

    def all_names(self) -> list[str]:
        """Names of all snapshots: training, validation, test, rounds."""
        return [*self.snapshots.all_names(), *self.rounds.names()]

    def section(self, stage: str) -> Section:
        """The section of a stage."""
        section: Section = getattr(self, stage)
        return section

    def gpus(self, stage: str) -> int:
        """How many GPUs a job of the stage uses: one per process if its section says so."""
        section = self.section(stage)
        parts = [section, *(part for _, part in section if isinstance(part, Section))]
        used = any(getattr(part, "use_gpu", False) for part in parts)
        return int(used) * getattr(section, "processes", 1)

    def job_settings(self, stage: str, item: str | None = None) -> dict[str, Any]:
        """What decides the numbers of one job: Snakemake reruns it when this changes.

        Parameters
        ----------
        stage
            Name of the stage.
        item
            Name of the job's snapshot, or number of its round; None if it has neither.

        Returns
        -------
        dict
            Plain JSON values.
        """
        if stage == "snapshots" and item is not None:
            return self.snapshots.deciding_one(item) | {"seed": self.seed}
        # Candidates are made as snapshots are.
        made = {"snapshots": self.snapshots.deciding_cells(), "seed": self.seed}
        if stage == "select":
            return self.select.deciding() | made
        if stage == "rounds" and item is not None:
            pool = {"select": self.select.deciding_pool()}
            return self.rounds.deciding_one(int(item)) | pool | made
        return self.section(stage).deciding() | {"seed": self.seed}
