"""Energies from densities of states by atom, as rows, and how far they are from DFT."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.networks.linear_readout import LinearReadout
from surrogate_hpo.physics.fermi import BOTTOM_TOLERANCE
from surrogate_hpo.physics.total_energy import band_terms
from surrogate_hpo.predict.accuracies import Errors, accuracies
from surrogate_hpo.predict.energies import DFT, QUANTITIES, REFERENCE_LDOS, SnapshotEnergies
from surrogate_hpo.stages.ados.atom_data import AtomData, atom_vectors

FloatArray = NDArray[np.float64]
LINEAR = "linear"
TERMS = ("band_energy", "entropy_term", "fermi_energy")


@dataclass(frozen=True)
class Predictors:
    """Whatever gives the share of each atom from its surroundings, by the name of the source.

    Attributes
    ----------
    data
        What they were trained on.
    networks
        By `seed-N`: what is to be added to the linear map.
    linear
        The linear map, which stands beside them as a source of its own.
    """

    data: AtomData
    networks: Mapping[str, TrainedModel]
    linear: LinearReadout

    def dos(self, vectors: FloatArray) -> dict[str, FloatArray]:
        """Density of states of a cell from each source, 1/eV, `[energy]`."""
        single, linear = torch.from_numpy(vectors.astype(np.float32)), self.linear.predict(vectors)
        found = {
            name: (linear + model.surrogate.predict(single).numpy().astype(np.float64)).sum(axis=0)
            for name, model in self.networks.items()
        }
        return found | {LINEAR: linear.sum(axis=0)}

    def predict(self, name: str, atoms: Atoms, of: "Conditions") -> list[SnapshotEnergies]:
        """Energies of a structure from each source, its descriptors included."""
        vectors = atom_vectors(atoms, self.data.definition, self.data.elements, where=name)
        return [
            energies_of_dos(name, source, dos, len(atoms), self.data.axis, of)
            for source, dos in self.dos(vectors).items()
        ]


@dataclass(frozen=True)
class Conditions:
    """What the states are filled by.

    Attributes
    ----------
    electrons
        Of the cell.
    temperature
        Electronic temperature, K.
    ions
        Temperature of the ions, K; None if it is not known.
    """

    electrons: float
    temperature: float
    ions: float | None

    @classmethod
    def of(cls, result: DftResult, ions: float | None) -> "Conditions":
        """Those of a DFT run."""
        return cls(result.electrons, result.electronic_temperature, ions)


def energies_of_dos(
    snapshot: str, source: str, dos: FloatArray, atoms: int, axis: LdosAxis, of: Conditions
) -> SnapshotEnergies:
    """Fill a density of states: Fermi energy, band energy and entropy term; others are NaN."""
    # The noise of a prediction at the window's bottom is an error to report, not to refuse.
    tolerance = BOTTOM_TOLERANCE if source == REFERENCE_LDOS else float("inf")
    terms = band_terms(
        torch.from_numpy(dos),
        torch.from_numpy(axis.energy),
        of.electrons,
        of.temperature,
        broadening_variance=axis.broadening_variance,
        bottom_tolerance=tolerance,
    )
    found = {name: float(getattr(terms, name)) for name in TERMS}
    return SnapshotEnergies(
        snapshot=snapshot,
        source=source,
        atoms=atoms,
        energies=dict.fromkeys(QUANTITIES, float("nan")) | found,
        energy_axis=axis.energy,
        dos=dos,
        temperature=of.ions,
    )


def timed(
    predictors: Predictors, name: str, atoms: Atoms, of: Conditions
) -> tuple[list[SnapshotEnergies], float]:
    """Predict a structure, and the CPU time that it took, in seconds."""
    started = time.process_time()
    return predictors.predict(name, atoms, of), time.process_time() - started


def term_errors(
    rows: Sequence[SnapshotEnergies], training: Sequence[SnapshotEnergies], sources: Sequence[str]
) -> dict[str, Errors]:
    """Errors of the terms that a density of states gives, see `accuracies`."""
    found = accuracies(rows, training, sources)
    return {name: found[name] for name in TERMS}


def dos_errors(
    rows: Sequence[SnapshotEnergies], data: AtomData, networks: Sequence[str]
) -> dict[str, float]:
    """Root mean square errors of the density of states, 1/eV per atom.

    Parameters
    ----------
    rows
        Of all held-out snapshots from all sources.
    data
        The reference, and the training whose mean is the baseline.
    networks
        What the networks are called; their mean counts.

    Returns
    -------
    dict
        Of the mean of the networks, of the linear map, and of the mean of the training.
    """
    mean = np.concatenate([one.dos for one in data.named("training").values()]).mean(axis=0)
    squares: dict[str, list[float]] = {"networks": [], LINEAR: [], "baseline": []}
    for name in dict.fromkeys(row.snapshot for row in rows):
        own = {row.source: row for row in rows if row.snapshot == name}
        atoms = own[REFERENCE_LDOS].atoms
        truth = own[REFERENCE_LDOS].dos / atoms
        predicted = np.mean([own[source].dos for source in networks], axis=0) / atoms
        found = {"networks": predicted, LINEAR: own[LINEAR].dos / atoms, "baseline": mean}
        for source, dos in found.items():
            squares[source].append(float(np.square(dos - truth).mean()))
    return {
        f"{source}_rmse_per_ev_atom": float(np.sqrt(np.mean(v))) for source, v in squares.items()
    }


def spread_of(rows: Sequence[SnapshotEnergies], networks: Sequence[str]) -> dict[str, Any] | None:
    """Whether the spread of the networks tells their error of the band energy, meV/atom.

    Parameters
    ----------
    rows
        Of all held-out snapshots from all sources.
    networks
        What the networks are called.

    Returns
    -------
    dict or None
        Root mean squares of spread and error, and how often an error lies within one spread;
        None for a single network, or where DFT does not tell.
    """
    errors, spreads = [], []
    for row in (row for row in rows if row.source == DFT):
        own = [r for r in rows if r.snapshot == row.snapshot and r.source in networks]
        values = np.array([1000 * one.comparable("band_energy") for one in own])
        error = values.mean() - 1000 * row.comparable("band_energy")
        if len(values) > 1 and np.isfinite(error):
            errors.append(error)
            spreads.append(values.std(ddof=1))
    if not errors:
        return None
    return {
        "rms_spread_mev_per_atom": float(np.sqrt(np.mean(np.square(spreads)))),
        "rms_error_mev_per_atom": float(np.sqrt(np.mean(np.square(errors)))),
        "within_spread": float(np.mean(np.abs(errors) <= np.array(spreads))),
    }
