"""What a figure's words are, and those of the models of atoms."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FigureText:
    """Words beside a figure.

    Attributes
    ----------
    section
        Section of the report that shows it.
    shown
        What is drawn.
    reading
        How to read it, and what would be a bad sign.
    """

    section: str
    shown: str
    reading: str


OF_ATOMS: dict[str, FigureText] = {
    "ados_band_energy": FigureText(
        "evaluate",
        "Band energy of the held-out snapshots from densities of states that were predicted atom "
        "by atom, against DFT: the mean of the networks with their standard deviation, a linear "
        "map of the same vectors with its expected error, and the density of states of the "
        "reference LDOS (floor).",
        "Points on the line are right. Where the linear map is as good as the networks, these "
        "have too few atoms to learn more from. Points off the line by much more than their bar "
        "say that the spread of the networks is no measure of their error; the bar of the linear "
        "map is scaled to errors of snapshots that were left out.",
    ),
    "ados_dos": FigureText(
        "evaluate",
        "Density of states of the first held-out snapshot as the sum over its atoms, with the "
        "Fermi energies, and its difference from that of the reference LDOS.",
        "The difference should be small and change its sign; what is left of one sign over an "
        "eV or more shifts the band energy.",
    ),
    "potential_energy": FigureText(
        "evaluate",
        "Total free energy of held-out structures from the interatomic potential against DFT, both "
        "relative to the baseline of their class, the mean of its training energies. Bars: "
        "standard deviation over fits to resampled snapshots.",
        "Points on the line are right, points on the dashed line no better than the baseline. A "
        "common shift of a class cancels in energy differences. There is no floor: the potential "
        "knows no LDOS, and what limits it is the k noise of the labels.",
    ),
    "potential_force": FigureText(
        "evaluate",
        "Components of the forces on the atoms of the same structures from the potential against "
        "DFT, where they are known, a colour and a marker per element.",
        "A slope other than one is a wrong stiffness. Compare with the forces of the surrogate: "
        "the potential is fitted to energies and forces alone, and has no electrons to get right.",
    ),
}
"""Figures of the stages ados and potential."""
