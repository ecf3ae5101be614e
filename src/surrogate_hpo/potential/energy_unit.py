"""In which unit energies are, told by the forces: both are derivatives of one function."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.choice import Design
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.ridge import Ridge
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV, RYDBERG_EV

FloatArray = NDArray[np.float64]
_KCAL_EV, _KJ_EV = 0.0433641043, 0.0103642697
# What a number of eV, or of eV/Å, becomes.
ENERGY_UNITS = {
    "energies in hartree": 1 / HARTREE_EV,
    "energies in rydberg": 1 / RYDBERG_EV,
    "energies in kcal/mol": 1 / _KCAL_EV,
    "energies in kJ/mol": 1 / _KJ_EV,
    "energies in meV": 1000.0,
}
FORCE_UNITS = {
    "forces in hartree/bohr": BOHR_ANGSTROM / HARTREE_EV,
    "forces in rydberg/bohr": BOHR_ANGSTROM / RYDBERG_EV,
    "forces in kcal/(mol Å)": 1 / _KCAL_EV,
    "forces in kJ/(mol Å)": 1 / _KJ_EV,
    "forces in meV/Å": 1000.0,
    "forces of the opposite sign (gradients)": -1.0,
}
_PER_ATOM = "energies in eV per atom"
# Energy over what forces say of it, by what is in another unit.
_FACTORS = ENERGY_UNITS | {name: 1 / factor for name, factor in FORCE_UNITS.items()}
# Fewer energies than this, or energies that follow the forces less, tell nothing.
_FEWEST, _LEAST_CORRELATION = 4, 0.9
# A factor within this of one is none; within the other of a unit's, it is that unit.
_TRUSTED, _NEAR = 1.6, 1.12
_PENALTY = 1e-3


@dataclass(frozen=True)
class EnergyScale:
    """Given energies over those that the forces say, differences at equal composition.

    Attributes
    ----------
    factor
        1 if energies are in eV and forces in eV/Å.
    correlation
        Of both, 0 to 1.
    atoms
        Of every structure; None where they have different numbers.
    per_atom
        Whether structures of different numbers of atoms make sense only if the energies are per
        atom.
    """

    factor: float
    correlation: float
    atoms: int | None = None
    per_atom: bool = False

    @property
    def likely(self) -> str | None:
        """What looks to be in another unit, and in which; None if nothing does."""
        if self.per_atom:
            return _PER_ATOM
        if self.correlation < _LEAST_CORRELATION or self.factor == 0:
            return None
        if 1 / _TRUSTED < self.factor < _TRUSTED:
            return None
        per_atom = {} if self.atoms is None else {_PER_ATOM: 1 / self.atoms}
        factors = _FACTORS | per_atom
        signs = {name: f for name, f in factors.items() if f * self.factor > 0}
        name = min(signs, key=lambda name: abs(math.log(signs[name] / self.factor)))
        near = abs(math.log(signs[name] / self.factor)) < math.log(_NEAR)
        return name if near else "energies or forces in a unit that is not known here"


def energy_scale(data: Sequence[Labelled], design: Design, counts: int) -> EnergyScale | None:
    r"""Compare given energies with those that a potential fitted to the forces alone has.

    .. math::
        E_s / N_s \approx c_{\mathrm{composition}(s)} + p(V_s / N_s) + f\, \hat E_s / N_s

    with a parabola p, as forces say little of how the energy depends on composition and volume.

    Parameters
    ----------
    data
        Structures with energies, and with forces.
    design
        Their rows.
    counts
        Number of elements.

    Returns
    -------
    EnergyScale or None
        None if there are too few of them.
    """
    if design.force_rows is None:
        return None
    rows = np.vstack([block[:, counts:] for block in design.force_rows])
    pulled = [
        np.ravel(one.forces)
        for one, block in zip(data, design.force_rows, strict=True)
        if one.forces is not None and len(block)
    ]
    if not pulled:
        return None
    target = np.concatenate(pulled)
    (fit,) = Ridge(target, np.zeros((len(rows), 0)), rows, []).fits([_PENALTY])
    features = np.array(design.features)
    atoms = features[:, :counts].sum(axis=1)
    given = np.array([one.energy for one in data]) / atoms
    said = features[:, counts:] @ fit.penalised / atoms
    volumes = np.array([abs(float(one.atoms.get_volume())) for one in data]) / atoms
    relative = volumes / volumes.mean() - 1
    kinds, of = np.unique(
        (features[:, :counts] / atoms[:, None]).round(6), axis=0, return_inverse=True
    )
    alike = np.eye(len(kinds))[of.ravel()]
    if len(data) < _FEWEST + len(kinds) + 2:
        return None
    columns = np.column_stack([alike, relative, relative**2])
    numbers = {len(one.atoms) for one in data}
    same = numbers.pop() if len(numbers) == 1 else None
    factor, correlation = _compared(_beyond(given, columns), _beyond(said, columns))
    per_atom = False
    if same is None and correlation < _LEAST_CORRELATION:
        other, together = _compared(_beyond(given * atoms, columns), _beyond(said, columns))
        per_atom = together > _LEAST_CORRELATION and 1 / _TRUSTED < other < _TRUSTED
    return EnergyScale(factor, correlation, same, per_atom) if correlation > 0 else None


def _compared(given: FloatArray, said: FloatArray) -> tuple[float, float]:
    """Factor between both and their correlation; zeros where one of them never differs."""
    strength = math.sqrt(float(given @ given) * float(said @ said))
    if not strength > 0:
        return 0.0, 0.0
    together = float(given @ said)
    # Of both directions of regression: noise on either side must not shrink the factor.
    factor = math.copysign(math.sqrt(float(given @ given) / float(said @ said)), together)
    return factor, abs(together) / strength


def _beyond(values: FloatArray, columns: FloatArray) -> FloatArray:
    return np.asarray(values - columns @ np.linalg.lstsq(columns, values)[0], np.float64)


def check_energy_unit(data: Sequence[Labelled], design: Design, counts: int) -> None:
    """Refuse energies and forces that cannot be derivatives of each other in eV and Å.

    Parameters
    ----------
    data
        As `energy_scale`.
    design
        Their rows.
    counts
        Number of elements.

    Raises
    ------
    DataError
        Naming the unit that it looks like.
    """
    scale = energy_scale(data, design, counts)
    if scale is None or (likely := scale.likely) is None:
        return
    raise DataError(
        "energies and forces are not in the same units",
        where=f"{len(data)} structures, {data[0].name} to {data[-1].name}",
        expected="energies in eV per cell and forces in eV/Å: differences of energies about once "
        "those that the forces add up to",
        got=f"{scale.factor:.4g} times (correlation {scale.correlation:.3f}), which looks like "
        f"{likely}",
        remedy="convert them where the file is written",
    )
