"""Band energy and density of states that were predicted atom by atom, against DFT."""

from collections.abc import Hashable, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from surrogate_hpo.physics.accuracy import class_means
from surrogate_hpo.report.palette import BLUE, GREEN, INK, ORANGE
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column
from surrogate_hpo.stages.evaluate.figure_dos import dos_overlay_table, draw_dos_overlay

FloatArray = NDArray[np.float64]
_UNIT = "meV/atom"


def band_energy_table(
    snapshot: Sequence[str], energies: Mapping[str, FloatArray], kind: Sequence[Hashable]
) -> FigureTable:
    """Band energies relative to the mean of the DFT energies of their class.

    Parameters
    ----------
    snapshot
        Names of the held-out snapshots.
    energies
        eV/atom, [snapshot]: `dft`, `networks` (their mean), `spread` (standard deviation),
        `linear`, its expected error `bar`, and `floor`.
    kind
        Class of each snapshot.

    Returns
    -------
    FigureTable
        Columns ``snapshot``, ``dft_mev_per_atom``, ``networks_mev_per_atom``,
        ``spread_mev_per_atom``, ``linear_mev_per_atom``, ``bar_mev_per_atom`` and
        ``floor_mev_per_atom``.
    """
    centre = class_means(energies["dft"], kind)
    labels = {"dft": "DFT", "networks": "networks", "linear": "linear map", "floor": "floor"}
    relative = {name: 1000 * (energies[name] - centre) for name in labels}
    columns = [
        number_column(f"{name}_mev_per_atom", label, _UNIT, relative[name])
        for name, label in labels.items()
    ]
    spread = number_column(
        "spread_mev_per_atom", "std of networks", _UNIT, 1000 * energies["spread"]
    )
    bar = number_column(
        "bar_mev_per_atom", "expected error of the linear map", _UNIT, 1000 * energies["bar"]
    )
    return FigureTable((word_column("snapshot", "snapshot", snapshot), *columns, spread, bar))


@styled
def draw_band_energy(table: FigureTable) -> Figure:
    """Draw networks, linear map and floor around the line of equality."""
    require_rows(table, "ados_band_energy")
    dft, networks, linear, floor = (
        table.numbers(f"{name}_mev_per_atom") for name in ("dft", "networks", "linear", "floor")
    )
    figure = new_figure(5.0)
    axes = figure.add_subplot()
    everything = np.concatenate([dft, networks, linear, floor])
    everything = everything[np.isfinite(everything)]
    margin = 0.06 * max(float(np.ptp(everything)), 1e-6)
    limits = (everything.min() - margin, everything.max() + margin)
    axes.plot(limits, limits, color=INK, lw=1, zorder=1)
    spread = table.numbers("spread_mev_per_atom")
    axes.errorbar(
        dft,
        networks,
        yerr=spread,
        fmt="o",
        color=BLUE,
        ms=6,
        elinewidth=1.2,
        label="networks ± std",
    )
    bar = np.nan_to_num(table.numbers("bar_mev_per_atom"))
    axes.errorbar(
        dft,
        linear,
        yerr=bar,
        fmt="s",
        color=GREEN,
        mfc="none",
        mew=1.6,
        ms=6,
        elinewidth=1.0,
        label="linear map" + (" ± expected error" if bar.any() else ""),
    )
    axes.plot(
        dft, floor, "D", mfc="none", mec=ORANGE, mew=1.4, ms=7, label="floor (reference LDOS)"
    )
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.set_xlabel("band energy, DFT − mean (meV/atom)")
    axes.set_ylabel("band energy, by atom − mean of DFT (meV/atom)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def band_energy(
    snapshot: Sequence[str], energies: Mapping[str, FloatArray], kind: Sequence[Hashable]
) -> DrawnFigure:
    """Draw the band energies, see `band_energy_table`."""
    table = band_energy_table(snapshot, energies, kind)
    title = f"Band energy of {len(table)} held-out snapshots, predicted atom by atom."
    return drawn("ados_band_energy", title, partial(draw_band_energy, table), table)


def density_of_states(
    snapshot: str,
    energy: FloatArray,
    reference: FloatArray,
    predicted: FloatArray,
    fermi_energies: tuple[float, float],
) -> DrawnFigure:
    """Draw the density of states of one snapshot.

    Parameters
    ----------
    snapshot
        Its name.
    energy
        eV, [energy].
    reference
        1/eV, [energy].
    predicted
        1/eV, [network, energy].
    fermi_energies
        Of DFT and of the mean of the networks, eV.

    Returns
    -------
    DrawnFigure
        The picture and its table.
    """
    table = dos_overlay_table(
        energy_ev=energy, reference_per_ev=reference, predicted_per_ev=predicted
    )
    known, found = fermi_energies
    draw = partial(
        draw_dos_overlay,
        table,
        fermi_energy_reference_ev=known,
        fermi_energy_predicted_ev=found,
    )
    title = f"Density of states of held-out snapshot {snapshot} as the sum over its atoms."
    return drawn("ados_dos", title, draw, table)
