"""Values, words and drawings of a run as the report's page writes them."""

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup, escape

from surrogate_hpo.report.methods import CITATION
from surrogate_hpo.report.style import DrawnFigure
from surrogate_hpo.report.table import Value, format_value


def flatten_settings(settings: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted key, text) of every setting in a nested configuration."""
    for key, value in settings.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flatten_settings(value, f"{path}.")
        else:
            yield path, _setting_text(value)


def _setting_text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(
            f"({_setting_text(item)})" if isinstance(item, list | tuple) else _setting_text(item)
            for item in value
        )
    if isinstance(value, float) and not isinstance(value, bool):
        # A setting is quoted exactly: rounding it would make the run irreproducible.
        return repr(value)
    return format_value(value) if value is None or isinstance(value, bool) else str(value)


def cite(text: str, keys: Sequence[str]) -> Markup:
    """Turn citations into numbers that lead to the list of references; the rest is escaped."""

    def numbers(cited: str) -> Markup:
        links = (
            Markup('<a href="#reference-{0}">{1}</a>').format(key, 1 + keys.index(key))
            for key in cited.replace("@", "").split("; ")
        )
        return Markup("[") + Markup(", ").join(links) + Markup("]")

    # The pattern has one group: words and citations alternate.
    parts = CITATION.split(text)
    return Markup("").join(
        numbers(part) if index % 2 else escape(part.replace("`", ""))
        for index, part in enumerate(parts)
    )


def inline(figure: DrawnFigure) -> Markup:
    """Trust a drawing as markup: matplotlib has escaped every word in it."""
    return Markup(figure.svg)  # noqa: S704


def is_number(value: Value) -> bool:
    """Tell whether a cell holds a number, which is aligned at its end."""
    return isinstance(value, int | float) and not isinstance(value, bool)
