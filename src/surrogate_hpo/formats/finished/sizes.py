"""How large finished calculations are, for what their jobs ask for."""

from pathlib import Path

from surrogate_hpo.config.sizes import Size
from surrogate_hpo.formats.espresso.size import espresso_size
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.formats.mala.sidecar import read_sidecar


def size_of_finished(source: Path | str) -> Size:
    """Counts of a finished calculation, from the head of its small file.

    Parameters
    ----------
    source
        As `open_finished` takes it.

    Returns
    -------
    Size
        Of a data set of MALA without k points, bands and plane waves, which it does not tell.

    Raises
    ------
    DataError
        If the calculation is missing or damaged.
    """
    description = open_finished(source).description
    if description.suffix == ".xml":
        return espresso_size(description)
    sidecar = read_sidecar(description)
    atoms, grid = sidecar.structure(), sidecar.grid
    return Size(
        atoms=len(atoms),
        volume=float(atoms.cell.volume),
        grid=grid,
        orbital_grid=grid,
        plane_waves=0,
        density_waves=0,
        k_points=0,
        bands=0,
    )
