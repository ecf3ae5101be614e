"""How sums of the bispectrum over the atoms themselves change when the atoms or the cell move."""

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.atom_centred import AtomBispectrum

FloatArray = NDArray[np.float64]
# Components at a time: their working memory fits a cache of 1 MiB.
_TOGETHER = 8


def summed_jacobian(
    atoms: AtomBispectrum, kinds: NDArray[np.intp], components: int
) -> tuple[FloatArray, FloatArray]:
    r"""Derivative of the components' sums over the atoms of a kind by all positions and a strain.

    .. math::
        J_{etk} = \sum_{i \in e} \frac{\mathrm{d} B_t(i)}{\mathrm{d} \mathbf{R}_k}, \qquad
        S_{etab} = \sum_{i \in e} \frac{\mathrm{d} B_t(i)}{\mathrm{d} \varepsilon_{ab}}

    where the point moves with its atom: a shift of all atoms changes nothing.

    Parameters
    ----------
    atoms
        The structure.
    kinds
        Kind of each atom, [N]: 0 to K - 1.
    components
        How many components there are.

    Returns
    -------
    array [K, components, N, 3], array [K, components, 3, 3]
        1/Å: kind of the points, component, atom that moves, direction; and dimensionless, the
        strain as in :meth:`.AtomBispectrum.adjoint`.
    """
    count = int(kinds.max(initial=-1)) + 1
    jacobian = np.zeros((count, components, len(kinds), 3))
    strain = np.zeros((count, components, 3, 3))
    units = np.eye(components)
    for kind in range(count):
        centres = np.flatnonzero(kinds == kind)
        for begin in range(0, components, _TOGETHER):
            part = slice(begin, begin + _TOGETHER)
            given = np.repeat(units[part, None], len(centres), axis=1)
            jacobian[kind, part], strain[kind, part] = atoms.adjoint(given, centres=centres)
    return jacobian, strain
