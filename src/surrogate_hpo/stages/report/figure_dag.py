"""The stages and what flows between them: boxes in order, one coloured lane per source."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.palette import (
    BLUE,
    GREEN,
    GREY,
    INK,
    OLIVE,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WINE,
)
from surrogate_hpo.report.pictures import PAGE_LAYOUT
from surrogate_hpo.report.style import DrawnFigure, drawn, styled
from surrogate_hpo.report.table import FigureTable, word_column

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, WINE, OLIVE, GREY, INK)
_ROW, _BOX_HEIGHT = 0.72, 0.5  # inches
_WIDTH = PAGE_LAYOUT.arranged_inches
_LEFT, _TOP, _LANE_START, _LANE_END = 0.12, 0.12, 0.3, 0.12  # inches
_BACK = 0.24  # inches, beside the boxes where something leads back


def dag_table(
    *,
    nodes: Sequence[str],
    edges: Sequence[tuple[str, str]],
    descriptions: Mapping[str, str] | None = None,
    returning: Sequence[tuple[str, str]] = (),
) -> FigureTable:
    """Order the stages so that every one comes after what it reads.

    Parameters
    ----------
    nodes
        Names of the stages; where the edges leave a choice, this order is kept.
    edges
        Pairs (source, target): the target reads what the source writes.
    descriptions
        A few words per stage.
    returning
        Pairs (source, target) that lead back: the source asks the target for more.

    Returns
    -------
    FigureTable
        One row per stage: ``stage``, ``description``, ``reads`` (sources, comma separated), and
        where there are such as ``returns`` the stages that it leads back to.

    Raises
    ------
    DataError
        If an edge names an unknown stage, a stage occurs twice, or the stages form a cycle.
    """
    if len(set(nodes)) != len(nodes):
        raise DataError("a stage occurs twice in the graph", got=", ".join(nodes))
    unknown = sorted({name for edge in (*edges, *returning) for name in edge} - set(nodes))
    if unknown:
        raise DataError(
            "an edge names an unknown stage", expected=", ".join(nodes), got=", ".join(unknown)
        )
    ordered = _topological_order(nodes, edges)
    reads = [[s for s in ordered if (s, target) in set(edges)] for target in ordered]
    returns = [[t for s, t in returning if s == stage] for stage in ordered]
    return FigureTable(
        (
            word_column("stage", "stage", ordered),
            word_column(
                "description", "what it does", [(descriptions or {}).get(n, "") for n in ordered]
            ),
            word_column("reads", "reads the results of", [", ".join(sources) for sources in reads]),
            *(
                [word_column("returns", "leads back to", [", ".join(found) for found in returns])]
                if returning
                else []
            ),
        )
    )


def _topological_order(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[str]:
    remaining, ordered = list(nodes), list[str]()
    while remaining:
        waiting = {target for source, target in edges if source in remaining}
        ready = next((name for name in remaining if name not in waiting), None)
        if ready is None:
            raise DataError(
                "the stages form a cycle",
                expected="a graph in which no stage needs its own result",
                got=", ".join(remaining),
            )
        ordered.append(ready)
        remaining.remove(ready)
    return ordered


def _assign_lanes(sources: Mapping[int, list[int]]) -> dict[int, int]:
    """Give each source with distant targets a lane, the longest reach outermost.

    Two sources share a lane when one's last target lies above the other.
    """
    lanes: list[list[tuple[int, int]]] = []
    assigned: dict[int, int] = {}
    for source in sorted(sources, key=lambda s: (max(sources[s]) - s, -s)):
        span = (source, max(sources[source]))
        free = (
            number
            for number, lane in enumerate(lanes)
            if all(span[1] < start or span[0] > end for start, end in lane)
        )
        number = next(free, len(lanes))
        if number == len(lanes):
            lanes.append([])
        lanes[number].append(span)
        assigned[source] = number
    return assigned


@styled
def draw_dag(table: FigureTable) -> Figure:
    """Draw the graph: a stage feeds the next one straight, distant ones through its lane."""
    stages, reads = table.words("stage"), table.words("reads")
    row = {name: index for index, name in enumerate(stages)}
    targets: dict[int, list[int]] = {}
    for target, names in enumerate(reads):
        for source in (row[name] for name in names.split(", ") if name):
            targets.setdefault(source, []).append(target)
    distant = {s: [t for t in reached if t > s + 1] for s, reached in targets.items()}
    distant = {s: reached for s, reached in distant.items() if reached}
    lanes = _assign_lanes(distant)

    height = 2 * _TOP + _ROW * (len(stages) - 1) + _BOX_HEIGHT
    figure = Figure(figsize=(_WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, _WIDTH), ylim=(height, 0), aspect="equal")
    axes.axis("off")
    back = [(row[s], row[t]) for s, t in _returning(table)]
    left = _LEFT + (_BACK if back else 0.0)
    pitch = min(0.26, 1.9 / max(1, len(set(lanes.values()))))
    box_width = _WIDTH - left - _LANE_START - _LANE_END - pitch * max(lanes.values(), default=0)
    ports = _ports(distant, lanes)
    for source, reached in distant.items():
        _draw_lane(
            axes, source, reached, ports, left + box_width, _LANE_START + pitch * lanes[source]
        )
    for source, reached in targets.items():
        if source + 1 in reached:
            _draw_step(axes, source, left + box_width / 2)
    for source, target in back:
        _draw_back(axes, source, target, left)
    for index, (name, text) in enumerate(zip(stages, table.words("description"), strict=True)):
        _draw_box(axes, index, name, text, (left, box_width))
    return figure


def _returning(table: FigureTable) -> list[tuple[str, str]]:
    """Pairs of stages of which the first leads back to the second."""
    if not any(column.name == "returns" for column in table.columns):
        return []
    named = zip(table.words("stage"), table.words("returns"), strict=True)
    return [(stage, target) for stage, names in named for target in names.split(", ") if target]


def _top(row: int) -> float:
    return _TOP + _ROW * row


def _ports(
    distant: Mapping[int, list[int]], lanes: Mapping[int, int]
) -> dict[tuple[int, int], float]:
    """Heights at which lanes leave (source, source) and enter (source, target) the boxes.

    Lines enter above, those of the outermost lane first, and leave below: this way a lane
    that starts at a box never crosses one that ends there.
    """
    ports: dict[tuple[int, int], float] = {}
    for row in {*distant, *(t for reached in distant.values() for t in reached)}:
        entering = [source for source, reached in distant.items() if row in reached]
        entering.sort(key=lambda source: -lanes[source])
        links = [(source, row) for source in entering] + ([(row, row)] if row in distant else [])
        heights = np.linspace(0, _BOX_HEIGHT, len(links) + 2)[1:-1]
        ports.update({link: _top(row) + y for link, y in zip(links, heights, strict=True)})
    return ports


def _colour(row: int) -> str:
    return _COLOURS[row % len(_COLOURS)]


def _draw_lane(
    axes: Axes,
    source: int,
    reached: Sequence[int],
    ports: Mapping[tuple[int, int], float],
    edge: float,
    offset: float,
) -> None:
    lane, colour = edge + offset, _colour(source)
    heights = [ports[source, target] for target in reached]
    start = ports[source, source]
    axes.plot(
        [edge, lane, lane],
        [start, start, max(heights)],
        color=colour,
        lw=1.6,
        solid_joinstyle="round",
    )
    for height in heights:
        axes.annotate(
            "",
            xy=(edge, height),
            xytext=(lane, height),
            arrowprops={
                "arrowstyle": "-|>",
                "color": colour,
                "lw": 1.6,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )


def _draw_step(axes: Axes, source: int, x: float) -> None:
    axes.annotate(
        "",
        xy=(x, _top(source + 1)),
        xytext=(x, _top(source) + _BOX_HEIGHT),
        arrowprops={
            "arrowstyle": "-|>",
            "color": _colour(source),
            "lw": 1.8,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def _draw_back(axes: Axes, source: int, target: int, edge: float) -> None:
    """A dashed line on the other side, from a stage up to one above it."""
    colour, lane = _colour(source), edge - _BACK
    start, end = (_top(place) + _BOX_HEIGHT / 2 for place in (source, target))
    axes.plot([edge, lane, lane], [start, start, end], color=colour, lw=1.6, ls=(0, (3, 2)))
    axes.annotate(
        "",
        xy=(edge, end),
        xytext=(lane, end),
        arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.6, "shrinkA": 0, "shrinkB": 0},
    )


def _draw_box(axes: Axes, row: int, name: str, text: str, place: tuple[float, float]) -> None:
    (left, width), y = place, _top(row)
    axes.add_patch(
        FancyBboxPatch(
            (left, y),
            width,
            _BOX_HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.07",
            fc="#F6F7F9",
            ec="#B8BEC6",
            lw=0.9,
        )
    )
    axes.add_patch(
        Rectangle((left, y + 0.07), 0.07, _BOX_HEIGHT - 0.14, fc=_colour(row), ec="none")
    )
    middle = y + _BOX_HEIGHT / 2
    name_height = middle - 0.09 if text else middle
    axes.text(left + 0.17, name_height, name, weight="bold", size=11.5, va="center", color=INK)
    if text:
        axes.text(left + 0.17, middle + 0.11, text, size=9.5, va="center", color="#555555")


def dag(
    *,
    nodes: Sequence[str],
    edges: Sequence[tuple[str, str]],
    descriptions: Mapping[str, str] | None = None,
    returning: Sequence[tuple[str, str]] = (),
) -> DrawnFigure:
    """Draw the stages of the workflow; parameters as in `dag_table`."""
    table = dag_table(nodes=nodes, edges=edges, descriptions=descriptions, returning=returning)
    return drawn(
        "dag",
        "The stages of the workflow and what flows between them.",
        partial(draw_dag, table),
        table,
    )
