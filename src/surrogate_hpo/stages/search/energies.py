"""Errors of the energies of held-out snapshots, as the objective of the search."""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from surrogate_hpo.data.datasets import check_same_cell
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.predict.energies import QUANTITIES, reference_energies
from surrogate_hpo.predict.held_out import HeldOut, predicted_energies, read_snapshot
from surrogate_hpo.stages.search.inputs import JudgedFiles

MEV_PER_EV = 1000.0


class EnergyErrors:
    """Mean absolute errors of energies against DFT.

    Parameters
    ----------
    quantities
        Keys of `QUANTITIES`.
    snapshots
        All snapshots that will be judged.
    pseudopotentials
        UPF files.
    use_gpu
        Predict on CUDA.
    keep
        Hold what was read in memory, where the same snapshots are judged many times.

    Raises
    ------
    DataError
        If a DFT run does not tell the energy.
    """

    def __init__(
        self,
        quantities: Sequence[str],
        snapshots: Iterable[JudgedFiles],
        pseudopotentials: Sequence[Path],
        *,
        use_gpu: bool,
        keep: bool = False,
    ) -> None:
        self._quantities, self._use_gpu = quantities, use_gpu
        self._read = cache(_read_snapshot) if keep else _read_snapshot
        self._potentials = {p.element: p for p in map(read_upf, pseudopotentials)}
        self._references = {files.dft: self._references_of(files) for files in snapshots}

    def means(self, model: TrainedModel, snapshots: Sequence[JudgedFiles]) -> list[float]:
        """Predict the LDOS of some snapshots and compare its energies with DFT's.

        Parameters
        ----------
        model
            The trained model.
        snapshots
            Some of those that were announced.

        Returns
        -------
        list of float
            Per quantity the mean over the snapshots of |E − E_DFT| per atom, meV/atom.
        """
        errors = [self._errors(model, files) for files in snapshots]
        return [float(np.mean(column)) for column in zip(*errors, strict=True)]

    def _errors(self, model: TrainedModel, files: JudgedFiles) -> list[float]:
        snapshot = self._read(files)
        found, _ = predicted_energies(
            snapshot, "trial", model, self._potentials, use_gpu=self._use_gpu
        )
        pairs = zip(self._quantities, self._references[files.dft], strict=True)
        return [MEV_PER_EV * abs(found.comparable(name) - known) for name, known in pairs]

    def _references_of(self, files: JudgedFiles) -> list[float]:
        """DFT's energies, eV per atom."""
        result = read_dft_result(files.dft)
        energies = reference_energies(files.structure.stem, result)
        values = [energies.comparable(name) for name in self._quantities]
        for name, value in zip(self._quantities, values, strict=True):
            if math.isnan(value):
                raise DataError(
                    "the search is to judge by an energy that the DFT run does not tell",
                    where=str(files.dft),
                    expected=QUANTITIES[name],
                    got="not known",
                    remedy="set search.objective: ldos_loss",
                )
        return values


def _read_snapshot(files: JudgedFiles) -> HeldOut:
    snapshot = read_snapshot(files.structure, files.dft, files.descriptors, files.ldos)
    where = f"{files.structure} and {files.ldos}"
    check_same_cell(snapshot.atoms.cell[:], snapshot.ldos.cell, where=where)
    return snapshot
