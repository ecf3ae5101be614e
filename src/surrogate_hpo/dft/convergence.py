"""How far self-consistency goes where a config does not say it."""

_RYDBERG_PER_ATOM = 2.5e-10


def default_threshold(atoms: int) -> float:
    """Threshold of Quantum ESPRESSO's estimate of the error, which it sums over the cell.

    The error of the sum of energy terms goes with the square root of the threshold per atom: it
    was 1 meV/atom of aluminium at 2.5e-6 Ry per atom, so it is 0.01 here, whatever the size.

    Parameters
    ----------
    atoms
        Number of atoms.

    Returns
    -------
    float
        2.5e-10 per atom, in Ry.
    """
    return _RYDBERG_PER_ATOM * atoms
