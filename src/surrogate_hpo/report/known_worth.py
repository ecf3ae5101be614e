"""What the methods of a run were worth on the shipped tables of trained networks.

The numbers are those of docs/concepts/table.md; a test takes Kendall's τ from the tables again.
"""

from surrogate_hpo.scores.architectures.options import ProxyName

MATERIALS = ("AlLi", "Al", "Mg")
# Kendall's τ with the loss of 400 networks of each material, which differ in their training, too.
TAUS: dict[ProxyName, tuple[float, float, float]] = {
    "naswot": (0.25, 0.18, 0.15),
    "naswot_original": (-0.26, -0.18, -0.15),
    "activation_patterns": (-0.26, -0.20, -0.17),
    "zico": (-0.10, -0.07, -0.06),
    "parameters": (-0.24, -0.19, -0.15),
    "readout": (0.14, 0.12, 0.08),
    "short_training": (0.14, 0.14, 0.09),
}
# Whole trainings until a search that begins with known points is within 5 % of the best loss.
KNOWN_POINT_TRAININGS = (2, 13)


def worth_of_score(score: ProxyName, direction: str) -> str:
    """Say how a score has ranked networks for other materials.

    Parameters
    ----------
    score
        Name of the score.
    direction
        ``maximise`` or ``minimise``.

    Returns
    -------
    str
        A sentence.
    """
    agreement = [tau if direction == "minimise" else -tau for tau in TAUS[score]]
    told = ", ".join(f"{tau:+.2f} ({name})" for tau, name in zip(agreement, MATERIALS, strict=True))
    small = "little" if max(agreement) > 0 else "nothing: it prefers the worse ones"
    return (
        "On tables of 400 trained networks each, whose trainings differed as well, Kendall's τ "
        f"between this preference and a low loss was {told}: by itself it says {small}."
    )


def worth_of_known_trials(known: int) -> str:
    """Say what trials that begin with known points have been worth for other materials.

    Parameters
    ----------
    known
        Number of such trials.

    Returns
    -------
    str
        A sentence; empty if there was none.
    """
    if not known:
        return ""
    least, most = KNOWN_POINT_TRAININGS
    first = "The first trial" if known == 1 else f"The first {known} trials"
    return (
        f" {first} took hyperparameters that were the best for other materials; in replays on "
        "tables of three materials, a search of network and training together that began so was "
        f"within 5 % of the lowest loss after {least} to {most} trainings, sooner than any other."
    )
