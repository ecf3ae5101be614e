"""How far energies of the linear map of atoms are expected to be off: bagging, calibrated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.networks.error_bar import ErrorBar, calibrated_error_bar
from surrogate_hpo.networks.linear_readout import LinearReadout, fit_linear_readout
from surrogate_hpo.predict.energies import DFT, SnapshotEnergies
from surrogate_hpo.stages.ados.atom_data import AtomData, SnapshotAtoms
from surrogate_hpo.stages.ados.judged import LINEAR, TERMS, Conditions, energies_of_dos

FloatArray = NDArray[np.float64]
# Training snapshots that are left out in turn, evenly spread over all.
_MOST = 40
_FEWEST = 3


@dataclass(frozen=True)
class Bars:
    """Linear maps of resampled snapshots, and how their spread follows from known errors.

    Attributes
    ----------
    maps
        Fits to as many training snapshots, drawn with replacement.
    of
        The bar of each term, eV/atom; of the Fermi energy eV.
    """

    maps: tuple[LinearReadout, ...]
    of: Mapping[str, ErrorBar]

    def expected(self, vectors: FloatArray, data: AtomData, of: Conditions) -> dict[str, float]:
        """Expected errors (one standard deviation) of a cell.

        Parameters
        ----------
        vectors
            What describes the surroundings of its atoms, [N, components].
        data
            Energies and broadening.
        of
            What the states are filled by.

        Returns
        -------
        dict
            By term: eV/atom; of the Fermi energy eV.
        """
        told = [_terms(one.predict(vectors), data, of) for one in self.maps]
        return {
            name: bar.of([row.comparable(name) for row in told]) for name, bar in self.of.items()
        }


def bagged_bars(
    data: AtomData, conditions: Mapping[str, Conditions], *, penalty: float, members: int, seed: int
) -> Bars | None:
    r"""Fit linear maps to resampled snapshots and calibrate their spread.

    Each training snapshot s is left out of each draw in turn, however often it was drawn, and
    predicted: these errors, against the density of states of the reference LDOS, are those of maps
    that have not seen it. :func:`.error_bar.calibrated_error_bar` finds α and β of
    :math:`\sigma^2 = \alpha^2 s^2 + \beta^2` from them, for every term by itself.

    Parameters
    ----------
    data
        The atoms of all snapshots.
    conditions
        By which the states of each training snapshot are filled.
    penalty
        Of the linear map of all snapshots.
    members
        Number of draws.
    seed
        Of the draws.

    Returns
    -------
    Bars or None
        None without members, or with fewer than three training snapshots.
    """
    known = data.named("training")
    names = [name for name in known if name in conditions]
    if not members or len(names) < _FEWEST:
        return None
    generator = np.random.default_rng(seed)
    draws = [_draw(generator, len(names)) for _ in range(members)]
    judged = np.linspace(0, len(names) - 1, min(_MOST, len(names))).round().astype(int)
    errors: dict[str, list[list[float]]] = {name: [] for name in TERMS}
    for draw in draws:
        of_draw: dict[str, list[float]] = {name: [] for name in TERMS}
        for left_out in judged:
            one, of = known[names[left_out]], conditions[names[left_out]]
            fit = _fit([known[names[i]] for i in draw if i != left_out], penalty)
            found = _terms(fit.predict(one.vectors), data, of)
            truth = _terms(one.dos, data, of)
            for name in TERMS:
                of_draw[name].append(found.comparable(name) - truth.comparable(name))
        for name in TERMS:
            errors[name].append(of_draw[name])
    found_bars = {
        name: calibrated_error_bar(values, np.empty((members, 0)))
        for name, values in errors.items()
    }
    return Bars(
        tuple(_fit([known[names[i]] for i in draw], penalty) for draw in draws),
        {name: bar for name, bar in found_bars.items() if bar is not None},
    )


def bar_summary(
    rows: Sequence[SnapshotEnergies], expected: Mapping[str, Mapping[str, float]], bars: Bars
) -> dict[str, Any]:
    """Whether the bars hold on the held-out snapshots, by term.

    Parameters
    ----------
    rows
        Energies of all held-out snapshots from all sources.
    expected
        Of `Bars.expected`, by snapshot.
    bars
        What they come from.

    Returns
    -------
    dict
        Root mean squares of bar and error in meV/atom (of the Fermi energy meV), how often an error
        lies within one bar, and the calibration.
    """
    return {
        name: {
            **_held(name, list(_pairs(rows, name, expected))),
            "spread_factor": bar.spread_factor,
            "constant_mev": 1000 * bar.constant,
            "left_out_snapshots": bar.left_out_snapshots,
        }
        for name, bar in bars.of.items()
    }


def _held(name: str, pairs: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    unit = "mev" if name == "fermi_energy" else "mev_per_atom"
    if not pairs:
        return {f"rms_bar_{unit}": None, f"rms_error_{unit}": None, "within_bar": None}
    bars, errors = 1000 * np.array(pairs).T
    return {
        f"rms_bar_{unit}": float(np.sqrt(np.mean(bars**2))),
        f"rms_error_{unit}": float(np.sqrt(np.mean(errors**2))),
        "within_bar": float(np.mean(np.abs(errors) <= bars)),
    }


def _pairs(
    rows: Sequence[SnapshotEnergies], name: str, expected: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[float, float]]:
    """Bar and error of the linear map where DFT tells the term, eV."""
    for truth in (row for row in rows if row.source == DFT):
        own = [r for r in rows if r.snapshot == truth.snapshot and r.source == LINEAR]
        for row in own:
            error = row.comparable(name) - truth.comparable(name)
            if np.isfinite(error) and truth.snapshot in expected:
                yield expected[truth.snapshot][name], error


def _draw(generator: np.random.Generator, number: int) -> NDArray[np.intp]:
    """So many of as many, with replacement; without any one of them some are left to fit to."""
    while True:
        drawn = generator.integers(number, size=number)
        if len(set(drawn.tolist())) >= _FEWEST:
            return drawn


def _fit(snapshots: Sequence[SnapshotAtoms], penalty: float) -> LinearReadout:
    vectors = np.concatenate([one.vectors for one in snapshots])
    return fit_linear_readout(
        vectors, np.concatenate([one.dos for one in snapshots]), [], penalties=[penalty]
    )


def _terms(shares: FloatArray, data: AtomData, of: Conditions) -> SnapshotEnergies:
    """Terms of a cell whose atoms have these densities of states."""
    # A map of a draw may be off at the window's bottom, as a prediction.
    return energies_of_dos("", LINEAR, shares.sum(axis=0), len(shares), data.axis, of)
