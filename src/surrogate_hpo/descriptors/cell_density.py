"""The density of the whole cell as a component: what no local descriptor can know."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.definition import DescriptorDefinition

FloatArray = NDArray[np.float64]


def cell_density(cell: ArrayLike, *, cutoff_radius: float, weights: ArrayLike) -> float:
    r"""Sum of the weights of the atoms that a sphere of the cutoff's size holds on average.

    .. math:: \varrho = \frac{4\pi}{3} R_\mathrm{cut}^3 \, \frac{1}{\Omega} \sum_i w_i

    Energies of a periodic cell count from its mean potential, which all points share: an expanded
    cell shifts the LDOS everywhere, while a region that is thin by chance does not. Descriptors of
    the neighbourhood cannot tell the two apart. A strain changes it by
    :math:`\partial\varrho/\partial\varepsilon_{ab} = -\varrho\,\delta_{ab}`.

    Parameters
    ----------
    cell
        Cell vectors as rows, Å, [3, 3].
    cutoff_radius
        R_cut, Å.
    weights
        w_i of each atom, dimensionless, [N].

    Returns
    -------
    float
        Dimensionless.
    """
    volume = abs(np.linalg.det(np.asarray(cell, np.float64)))
    return float(4 / 3 * np.pi * cutoff_radius**3 * np.sum(weights) / volume)


class CellDensity:
    """The additional component of one structure, if its definition has one.

    Parameters
    ----------
    definition
        The descriptor.
    symbols
        Element of each atom.
    cell
        Cell vectors as rows, Å, [3, 3].
    """

    def __init__(
        self, definition: DescriptorDefinition, symbols: list[str], cell: FloatArray
    ) -> None:
        weights = definition.keywords(symbols)["weights"]
        self._wanted = definition.cell_density
        self._value = cell_density(cell, cutoff_radius=definition.cutoff_radius, weights=weights)

    def behind(self, components: NDArray[np.floating]) -> NDArray[np.floating]:
        """Put it behind the components of SNAP.

        Parameters
        ----------
        components
            Shape (points, n_components(twojmax)).

        Returns
        -------
        array
            Shape (points, components of the definition), of the same type.
        """
        if not self._wanted:
            return components
        return np.pad(components, ((0, 0), (0, 1)), constant_values=self._value)

    def pulled(self, slopes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Carry derivatives of energies by all components over to the strain.

        Parameters
        ----------
        slopes
            Shape (energies, points, components of the definition), in the unit of the energies.

        Returns
        -------
        array, array
            Those by the components of SNAP, and the derivatives by the strain of what goes
            through the density of the cell, shape (energies, 3, 3).
        """
        if not self._wanted:
            return slopes, np.zeros((len(slopes), 3, 3))
        through = -self._value * slopes[..., -1].sum(1)
        return np.ascontiguousarray(slopes[..., :-1]), through[:, None, None] * np.eye(3)
