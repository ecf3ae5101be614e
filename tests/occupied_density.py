"""The electron density of Quantum ESPRESSO's orbitals: what reading them is judged by."""

import numpy as np

from surrogate_hpo.dft.ldos import _accumulate


def occupied_density(*, orbital_densities, occupations, k_weights):
    """n(r) = sum_k w_k sum_b f_kb |psi_kb(r)|² in 1/Å³, of what `ldos_from_bands` takes."""
    coefficients = (k_weights[:, None] * occupations)[..., None]
    return np.asarray(_accumulate(orbital_densities, coefficients)[..., 0])
