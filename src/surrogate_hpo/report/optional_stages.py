"""Stages that only some runs have, and which of all the report shows."""

from collections.abc import Collection

from surrogate_hpo.report.explanations import STAGES

# By name: the stage that it is shown in front of, and what it is for.
OPTIONAL_STAGES: dict[str, tuple[str, str]] = {
    "rounds": (
        "ldos",
        "Training snapshots that were chosen round after round: a potential is fitted to all that "
        "is computed, candidates are drawn, a rule chooses among them, and DFT computes the "
        "choice. The errors are those of the potential on the validation snapshots, so they say "
        "whether a round helped the potential, not the networks. Snapshots without a result are "
        "left out of everything below.",
    ),
    "floor": (
        "acsd",
        "Energies of the reference LDOS, before any training: what grid, energy window and "
        "broadening of the finished calculations cost.",
    ),
}


def shown_stages(named: Collection[str]) -> dict[str, str]:
    """Stages that the report has a section for.

    Parameters
    ----------
    named
        Stages that have something to tell.

    Returns
    -------
    dict
        What each is for: those of every run, and those of `OPTIONAL_STAGES` that are named.
    """
    found: dict[str, str] = {}
    for stage, purpose in STAGES.items():
        for name, (place, text) in OPTIONAL_STAGES.items():
            if place == stage and name in named:
                found[name] = text
        found[stage] = purpose
    return found
