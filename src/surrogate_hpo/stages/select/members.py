"""What the members of a potential say of structures."""

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.selection.features import Features

FloatArray = NDArray[np.float64]


def members_of(features: Features, model: Potential) -> FloatArray:
    """Energies per atom by the members of a linear potential.

    Parameters
    ----------
    features
        Of the structures, by the potential's descriptor.
    model
        With members; its prior is the same for all of them and left out.

    Returns
    -------
    array [members, structures]
        eV.

    Raises
    ------
    DataError
        If the potential has networks.
    """
    if model.networks is not None:
        raise DataError(
            "the rule `spread` needs a linear potential",
            where="potential.network",
            expected="null",
            got="networks, which are the same for all members",
        )
    return np.asarray(model.members @ features.means.T)
