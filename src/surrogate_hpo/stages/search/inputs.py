"""Files that the search reads, and which of them a training of a trial is held out from."""

from dataclasses import dataclass
from pathlib import Path

from surrogate_hpo.data.datasets import check_paired
from surrogate_hpo.errors import DataError
from surrogate_hpo.search.folds import left_out
from surrogate_hpo.stages.search.settings import SearchSettings

PairedFiles = tuple[list[Path], list[Path]]


@dataclass(frozen=True)
class JudgedFiles:
    """What the energies of a held-out snapshot are made of and compared with.

    Attributes
    ----------
    structure
        Its structure.
    dft
        Its DFT run.
    descriptors
        Its descriptor store.
    ldos
        Its LDOS store.
    """

    structure: Path
    dft: Path
    descriptors: Path
    ldos: Path


@dataclass(frozen=True)
class Fold:
    """Snapshots to train on and others to judge by.

    Attributes
    ----------
    training
        Descriptor and LDOS stores of those to train on.
    held_out
        Descriptor and LDOS stores of the others.
    judged
        Files behind the energies of the others; none if no energies are judged.
    share
        The part of all held-out snapshots that this fold holds out.
    """

    training: PairedFiles
    held_out: PairedFiles
    judged: list[JudgedFiles]
    share: float


@dataclass(frozen=True)
class StudyInputs:
    """Files that the study reads, the same for all that take part in it.

    Attributes
    ----------
    naswot
        Choice of the naswot stage.
    training
        Descriptor and LDOS stores of the training snapshots.
    validation
        Descriptor and LDOS stores of the validation snapshots.
    judged
        Structures and DFT runs of the snapshots whose energies are judged: those of validation,
        or, for several folds, those of training and then those of validation. None for the loss
        of the LDOS.
    pseudopotentials
        UPF files.
    """

    naswot: Path
    training: PairedFiles
    validation: PairedFiles
    judged: PairedFiles
    pseudopotentials: list[Path]

    def paths(self) -> list[Path]:
        """All of them."""
        paired = (*self.training, *self.validation, *self.judged)
        return [self.naswot, *(path for paths in paired for path in paths), *self.pseudopotentials]

    def folds(self, settings: SearchSettings) -> list[Fold]:
        """Say what each training of a trial learns from and is judged by.

        Parameters
        ----------
        settings
            The section of the config.

        Returns
        -------
        list of Fold
            One that holds out the validation snapshots, or several that hold out each training
            and validation snapshot once.

        Raises
        ------
        DataError
            If stores do not pair up, or files behind the energies are missing.
        ConfigError
            If there are more folds than snapshots.
        """
        for pair in (self.training, self.validation):
            check_paired(*pair)
        stores = [
            files for pair in (self.training, self.validation) for files in zip(*pair, strict=True)
        ]
        first = len(self.training[0]) if settings.folds == 1 else 0
        judged = self._judged(settings, stores[first:], first)
        groups = (
            [list(range(first, len(stores)))]
            if settings.folds == 1
            else left_out(len(stores), settings.folds)
        )
        total = len(stores) - first
        return [
            Fold(
                training=_columns([s for i, s in enumerate(stores) if i not in group]),
                held_out=_columns([stores[i] for i in group]),
                judged=[judged[i] for i in group if i in judged],
                share=len(group) / total,
            )
            for group in groups
        ]

    def _judged(
        self, settings: SearchSettings, stores: list[tuple[Path, Path]], first: int
    ) -> dict[int, JudgedFiles]:
        """Files behind the energies, by the number of the snapshot among all."""
        if not settings.needs_energies:
            return {}
        structures, runs = self.judged
        if not len(structures) == len(runs) == len(stores) or not self.pseudopotentials:
            raise DataError(
                f"The objective {settings.objective} needs all that energies are made of.",
                where="--structures, --dft, --pseudopotentials",
                expected=f"{len(stores)} structures and DFT runs, of the "
                f"{' and '.join(settings.judged_splits)} snapshots, and UPF files",
                got=f"{len(structures)} structures, {len(runs)} DFT runs, "
                f"{len(self.pseudopotentials)} UPF files",
                remedy="give them, or set search.objective: ldos_loss, which needs none",
            )
        files = zip(structures, runs, stores, strict=True)
        return {
            number: JudgedFiles(structure, dft, *pair)
            for number, (structure, dft, pair) in enumerate(files, start=first)
        }


def _columns(pairs: list[tuple[Path, Path]]) -> PairedFiles:
    return [one for one, _ in pairs], [other for _, other in pairs]
