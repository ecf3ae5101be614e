"""Which way a score is read: as the settings say, or as an audit has found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.scores.architectures.options import Direction
from surrogate_hpo.scores.architectures.proxy import Proxy
from surrogate_hpo.stages.naswot.settings import NaswotSettings


@dataclass(frozen=True)
class Reading:
    """How a score is read, and why.

    Attributes
    ----------
    direction
        ``maximise`` or ``minimise``.
    source
        Where the direction comes from: ``settings``, ``audit`` or ``publication``.
    reason
        In words.
    warning
        What the reader must know before trusting it; empty if nothing.
    """

    direction: Direction
    source: str
    reason: str
    warning: str = ""


def reading(settings: NaswotSettings, proxy: Proxy, verdicts: Sequence[Path]) -> Reading:
    """Decide which way the score is read.

    Parameters
    ----------
    settings
        Section of the config.
    proxy
        The score.
    verdicts
        The audit's verdict, if there is one.

    Returns
    -------
    Reading
        With `audit`: the direction that trained networks support; the publication's where
        they do not support any, with a warning.

    Raises
    ------
    DataError
        The settings ask for the audit, and there is no verdict about this score.
    """
    extreme = {"maximise": "largest", "minimise": "smallest"}
    if settings.direction is None:
        rule = f"the {extreme[proxy.direction]} score wins, as in its publication"
        return Reading(proxy.direction, "publication", rule)
    if settings.direction != "audit":
        same = "as in" if settings.direction == proxy.direction else "against"
        rule = f"the {extreme[settings.direction]} score wins by the settings"
        return Reading(settings.direction, "settings", f"{rule}, {same} its publication")
    found = _judgement(proxy, verdicts)
    tau = f"τ {_signed(found['tau'])} [{_signed(found['tau_low'])}, {_signed(found['tau_high'])}]"
    evidence = f"{found['verdict']}; {tau} over {found['architectures']} trained architectures"
    if found["direction"] is None:
        rule = f"the {extreme[proxy.direction]} score wins as in its publication"
        return Reading(
            proxy.direction,
            "publication",
            f"{rule}, because the audit supports neither direction ({evidence})",
            f"The audit cannot tell {proxy.label} from chance on this data ({tau}): the chosen "
            "architecture is as good as one drawn at random. See results/audit/verdict.json "
            "for a score that ranks better.",
        )
    direction = cast(Direction, found["direction"])
    same = "as in" if direction == proxy.direction else "against"
    rule = f"the {extreme[direction]} score wins by the audit, {same} its publication"
    return Reading(direction, "audit", f"{rule} ({evidence})")


def _judgement(proxy: Proxy, verdicts: Sequence[Path]) -> dict[str, object]:
    if len(verdicts) != 1:
        raise DataError(
            "naswot.direction is `audit`, and there is no verdict of the audit stage.",
            where="--verdicts",
            expected="one file, results/audit/verdict.json",
            got=str(len(verdicts)),
            remedy="let Snakemake make it: snakemake audit",
        )
    scores: dict[str, dict[str, object]] = read_document(verdicts[0], keys=("scores",))["scores"]
    if proxy.name not in scores:
        raise DataError(
            "The audit did not look at the score that ranks the architectures.",
            where=str(verdicts[0]),
            expected=proxy.name,
            got=", ".join(scores),
            remedy=f"add {proxy.name} to audit.scores and run the audit again",
        )
    return scores[proxy.name]


def _signed(value: object) -> str:
    return f"{value:+.2f}" if isinstance(value, float) else "undefined"
