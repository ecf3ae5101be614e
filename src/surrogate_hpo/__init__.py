"""Surrogates of the electronic structure, with hyperparameters found without training.

What scripts and notebooks use stands here by name, see docs/howto/python.md:

SurrogateCalculator
    ASE calculator on the surrogate file of a run.
PotentialCalculator
    ASE calculator on the potential of a run.
Surrogate, read_surrogate
    What such a file holds, and its reader.
bispectrum
    SNAP descriptors of any points.
energy_terms_from_ldos, EnergyTerms
    Total free energy and its terms from an LDOS.
"""

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surrogate_hpo.calculator import SurrogateCalculator
    from surrogate_hpo.data.surrogate_contents import Surrogate
    from surrogate_hpo.data.surrogates import read_surrogate
    from surrogate_hpo.descriptors.bispectrum import bispectrum
    from surrogate_hpo.physics.total_energy import EnergyTerms, energy_terms_from_ldos
    from surrogate_hpo.potential_calculator import PotentialCalculator

__all__ = [
    "EnergyTerms",
    "PotentialCalculator",
    "Surrogate",
    "SurrogateCalculator",
    "bispectrum",
    "energy_terms_from_ldos",
    "read_surrogate",
]
__version__ = "0.1.0"
# OpenMP's threads spin while they wait, by default: beside another process on the same cores a
# trial of the tutorial's search then took 145 s instead of 25. torch reads this when it is loaded,
# so it stands here, before any module of the package; child processes inherit it.
PATIENCE = {
    name: os.environ.setdefault(name, value)
    for name, value in (("OMP_WAIT_POLICY", "PASSIVE"), ("GOMP_SPINCOUNT", "0"))
}
_HOMES = {
    "EnergyTerms": "physics.total_energy",
    "PotentialCalculator": "potential_calculator",
    "Surrogate": "data.surrogate_contents",
    "SurrogateCalculator": "calculator",
    "bispectrum": "descriptors.bispectrum",
    "energy_terms_from_ldos": "physics.total_energy",
    "read_surrogate": "data.surrogates",
}

# A type checker sees the imports above, and so finds names that there are not.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used: torch takes seconds, which stages have not."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        """Names for the completion of a notebook, those not yet loaded included."""
        return sorted({*globals(), *__all__})
