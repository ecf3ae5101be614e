"""Whether an analytic pseudopotential is one: its numbers on the radial grid of its file."""

import numpy as np
from scipy.integrate import simpson

from surrogate_hpo.dft.hgh import HghParameters, radial_potential
from surrogate_hpo.errors import ConfigError

# Of the shipped rows 1e-14 of both, and 1e-6 would be seen in an energy.
_LARGEST_ERROR = 1e-6
_REMEDY = "compare with the published table; its radii are in bohr, its strengths in hartree"


def check_on_grid(parameters: HghParameters, *, where: str) -> None:
    r"""Refuse a row that the radial grid of a pseudopotential file cannot hold.

    Projectors must be normalised there, :math:`\int r^2 p(r)^2\,\mathrm{d}r = 1` to 1e-6, and the
    local part be :math:`-Z/r` at the end of the grid, to 1e-6 hartree: radii far from those of
    atoms break one or the other.

    Parameters
    ----------
    parameters
        The row.
    where
        File that holds it, for the message.

    Raises
    ------
    ConfigError
        Naming the radius.
    """
    potential = radial_potential(parameters)
    norms = simpson(potential.projectors**2, x=potential.radius) if parameters.channels else ()
    radii = [(c.angular_momentum, c.radius) for c in parameters.channels for _ in c.strengths]
    for (momentum, radius), norm in zip(radii, np.atleast_1d(norms), strict=True):
        if not abs(norm - 1) <= _LARGEST_ERROR:
            raise ConfigError(
                f"the {'spdf'[momentum]} projectors do not fit the radial grid",
                where=f"{where}: channels.{'spdf'[momentum]}.r",
                expected=f"integrals of 1 up to {potential.radius[-1]:g} bohr; r of "
                "0.1 to 2 bohr give them",
                got=f"{norm:.6f}, for r = {radius:g} bohr",
                remedy=_REMEDY,
            )
    end = potential.radius[-1]
    tail = float(abs(potential.local[-1] + parameters.z_valence / end))
    if not tail <= _LARGEST_ERROR or parameters.local_radius < 10 * potential.radius[1]:
        raise ConfigError(
            "the local part does not fit the radial grid",
            where=f"{where}: r_local",
            expected=f"-Z/r at {end:g} bohr, and r_local of 0.1 to 1.5 bohr",
            got=f"{tail:.1e} hartree beside -Z/r, for r_local = {parameters.local_radius:g} bohr",
            remedy=_REMEDY,
        )
