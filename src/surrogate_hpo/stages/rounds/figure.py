"""What each round chose, and the errors that it began with: one row per round."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from surrogate_hpo.report.palette import BLUE, GREY, INK, ORANGE, SKY, VERMILION
from surrogate_hpo.report.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import (
    FigureTable,
    Value,
    number_column,
    require_rows,
    word_column,
)

_NUMBERS = (
    ("dft_runs", "DFT runs for training", ""),
    ("training_snapshots", "training snapshots", ""),
    ("energy_error_mev_per_atom", "energy error", "meV/atom"),
    ("force_rmse_mev_per_angstrom", "force error, RMS", "meV/Å"),
    ("relaxed_force_ev_per_angstrom", "DFT's largest force where it was relaxed", "eV/Å"),
    ("surrogate_error_mev_per_atom", "energy error of networks", "meV/atom"),
    ("candidates", "candidates", ""),
    ("dropped", "dropped", ""),
    ("chosen", "chosen", ""),
    ("failed", "DFT failed", ""),
    ("dft_cpu_seconds", "DFT, CPU", "s"),
)
_ERRORS = (
    ("energy_error_mev_per_atom", "energy, MAE\n(meV/atom)"),
    ("force_rmse_mev_per_angstrom", "forces, RMS\nerror (meV/Å)"),
    ("relaxed_force_ev_per_angstrom", "relaxed, max.\nforce (eV/Å)"),
    ("surrogate_error_mev_per_atom", "networks, MAE\n(meV/atom)"),
)
_CHOSEN = (
    ("snapshot", "snapshot"),
    ("candidate", "candidate"),
    ("source", "made from"),
    ("reason", "why it was chosen"),
    ("left_out", "why it is left out"),
)


def rounds_table(
    rows: Sequence[Mapping[str, Value]], stop: Mapping[str, float | None] | None = None
) -> FigureTable:
    """Take what the report shows from the rows of the rounds stage.

    Parameters
    ----------
    rows
        As its summary holds them; None is not known.
    stop
        Errors below which rounds are empty, by name; None where none was asked for.

    Returns
    -------
    FigureTable
        Round, state and rule, then numbers; as ``stop_<error>`` the limit of each error that has
        one.
    """
    words = [
        word_column(name, name, [_word(row[name]) for row in rows])
        for name in ("round", "state", "rule")
    ]
    numbers = [
        number_column(name, label, unit, [_number(row[name]) for row in rows])
        for name, label, unit in _NUMBERS
    ]
    limits = [
        number_column(f"stop_{name}", f"limit of the {label}", unit, [limit] * len(rows))
        for name, label, unit in _NUMBERS
        if (limit := (stop or {}).get(name)) is not None
    ]
    return FigureTable((*words, *numbers, *limits))


def chosen_table(chosen: Sequence[Mapping[str, Value]]) -> FigureTable:
    """Take what each round chose from the summary of the rounds stage.

    Parameters
    ----------
    chosen
        As the summary holds it.

    Returns
    -------
    FigureTable
        A row per structure that a round chose: its round, what it was made from, why it was
        chosen, and why it is left out if its calculation failed.
    """
    rounds = number_column("round", "round", "", [_number(one["round"]) for one in chosen])
    words = (word_column(name, label, [_word(o[name]) for o in chosen]) for name, label in _CHOSEN)
    return FigureTable((rounds, *words))


@styled
def draw_rounds(table: FigureTable) -> Figure:
    """Draw the errors against the number of DFT runs, and what each round chose.

    Parameters
    ----------
    table
        As `rounds_table` gives it.

    Returns
    -------
    Figure
        The drawing.
    """
    require_rows(table, "rounds")
    shown = [one for one in _ERRORS if table.has_numbers(one[0])]
    figure = new_figure(2.3 + 1.7 * len(shown))
    panels = np.atleast_1d(figure.subplots(len(shown) + 1, 1))
    for axes, (name, label) in zip(panels, shown, strict=False):
        _draw_error(axes, table, name, label)
        axes.sharex(panels[0])
    if shown:
        panels[len(shown) - 1].set_xlabel("DFT runs for training, failed ones too")
    _draw_chosen(panels[-1], table)
    named = [zip(*axes.get_legend_handles_labels(), strict=True) for axes in panels]
    # Panels of errors have much of their legend in common.
    legend = {label: handle for pairs in named for handle, label in pairs}
    figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=2)
    return figure


def _draw_error(axes: Axes, table: FigureTable, name: str, label: str) -> None:
    runs, errors = table.numbers("dft_runs"), table.numbers(name)
    known = np.isfinite(errors)
    stop = f"stop_{name}"
    limits = table.numbers(stop)[:1].tolist() if table.has_numbers(stop) else []
    axes.set(yscale="log", ylim=log_limits(np.array([*errors, *limits])), ylabel=label)
    axes.plot(runs[known], errors[known], color=BLUE, lw=1.6, zorder=2)
    axes.plot(runs[known], errors[known], "o", color=BLUE, label="error when a round began")
    last = known & (np.array(table.words("round")) == "")
    axes.plot(runs[last], errors[last], "s", color=INK, label="after the last round")
    for limit in limits:
        axes.axhline(limit, color=ORANGE, ls=(0, (5, 3)), lw=1.4, label="rounds.stop")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    set_decades(axes.yaxis)


def _draw_chosen(axes: Axes, table: FigureTable) -> None:
    """Bars of what the rounds chose; rounds that chose nothing have a mark."""
    of_round = np.array(table.words("round")) != ""
    numbers = np.array([float(word) for word in table.words("round") if word])
    failed = table.numbers("failed")[of_round]
    computed = table.numbers("chosen")[of_round] - failed
    empty = numbers[np.array(table.words("state"))[of_round] == "empty"]
    if computed.any():
        axes.bar(numbers, computed, color=SKY, width=0.6, label="chosen, computed")
    if (some := failed > 0).any():
        bars = axes.bar(numbers[some], failed[some], 0.6, computed[some])
        for bar in bars:
            bar.set(facecolor="white", edgecolor=VERMILION, hatch="////")
        bars.set_label("chosen, DFT failed")
    if empty.size:
        (marks,) = axes.plot(empty, np.zeros(len(empty)), "x", color=GREY, label="empty round")
        marks.set(markersize=8, markeredgewidth=2, clip_on=False)
    axes.set(xlabel="round", ylabel="structures", xlim=(numbers[0] - 0.6, numbers[-1] + 0.6))
    axes.set_ylim(0, max(1.0, float(np.max(computed + failed))) * 1.08)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator("auto", integer=True))


def rounds_figure(
    rows: Sequence[Mapping[str, Value]], stop: Mapping[str, float | None]
) -> DrawnFigure:
    """Draw the rounds of a run, see `rounds_table`."""
    table = rounds_table(rows, stop)
    title = "Errors of the potential round after round, and what each round chose."
    return drawn("rounds", title, partial(draw_rounds, table), table)


def _word(value: Value) -> str:
    return "" if value is None else str(value)


def _number(value: Value) -> float:
    return float("nan") if value is None else float(value)
