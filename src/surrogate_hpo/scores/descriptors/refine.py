"""Refinement: further cutoff radii around the best one, until draws cannot tell them apart."""

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.scores.descriptors.choice import best_of, fault_of
from surrogate_hpo.scores.descriptors.table import ScoreTable, is_level

# Å; keeps midpoints readable, and is far below what a cutoff radius is known to.
DIGITS = 6


def finer_radii(table: ScoreTable, admitted: ScoreTable | None = None) -> tuple[float, ...]:
    """Halve the spacing of the cutoff radii around the best candidate.

    Parameters
    ----------
    table
        Scores so far, on at least two draws.
    admitted
        The part of the table that a guard admits, if there is one: only this may be the best.

    Returns
    -------
    tuple of float
        Midpoints between the best cutoff radius and its neighbours, Å; one if it is at the
        end of the list. Empty if the neighbours, at the same 2·J_max, are level with the
        best: a finer list would only sample the scatter of the draws.

    Raises
    ------
    ConfigError
        If there is one cutoff radius, which has no neighbours.
    DataError
        If no candidate can win.
    """
    radii = sorted({score.cutoff_radius for score in table.candidates})
    if len(radii) < 2:
        raise ConfigError(
            "One cutoff radius has no neighbours to refine between.",
            where="refine",
            expected="at least two cutoff radii",
            got=str(radii),
            remedy="give two or more cutoff radii, or refine: 0",
        )
    admitted = admitted or table
    best = best_of(admitted)
    place = radii.index(best.cutoff_radius)
    neighbours = radii[max(0, place - 1) : place] + radii[place + 1 : place + 2]
    rivals = [
        score
        for score in table.candidates
        if score.cutoff_radius in neighbours and score.twojmax == best.twojmax
    ]
    if all(
        rival in admitted.candidates and not fault_of(rival) and is_level(rival, best, table.sign)
        for rival in rivals
    ):
        return ()
    midpoints = [round((best.cutoff_radius + radius) / 2, DIGITS) for radius in neighbours]
    return tuple(radius for radius in midpoints if radius not in radii)
