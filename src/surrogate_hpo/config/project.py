"""The whole config: one section per stage, and what holds between sections."""

from typing import Any, Self

from pydantic import Field, model_validator

from surrogate_hpo.config.base import SPLITS, Section
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
from surrogate_hpo.stages.report.settings import ReportSettings
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
    select: SelectSettings = SelectSettings()
    select_audit: SelectAuditSettings = SelectAuditSettings()
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

    def job_settings(self, stage: str, snapshot: str | None = None) -> dict[str, Any]:
        """What decides the numbers of one job: Snakemake reruns it when this changes."""
        if stage == "snapshots" and snapshot is not None:
            return self.snapshots.deciding_one(snapshot) | {"seed": self.seed}
        if stage == "select":  # its pool is made as snapshots are
            made = {k: v for k, v in self.snapshots.deciding().items() if k not in SPLITS}
            return self.select.deciding() | {"snapshots": made, "seed": self.seed}
        return self.section(stage).deciding() | {"seed": self.seed}
