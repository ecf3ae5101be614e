"""A prediction: one pass over the points of a structure, and the integrals of what it leaves."""

import logging
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from ase import Atoms

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.scratch import Scratch, check_room
from surrogate_hpo.networks.training_range import RangeMonitor
from surrogate_hpo.physics.density_expansion import DensityExpansion, SettledDensity
from surrogate_hpo.physics.prediction_grid import Grid, prediction_grid
from surrogate_hpo.physics.total_energy import BandTerms
from surrogate_hpo.predict.contents import Conditions, Prediction, warnings_of
from surrogate_hpo.predict.descriptor_chain import ForceScope
from surrogate_hpo.predict.fermi_estimate import bracket_around, fermi_brackets
from surrogate_hpo.predict.point_pass import OnLdos, Passing, PointPass
from surrogate_hpo.predict.prediction_energies import Ensemble, NetworkIntegrals
from surrogate_hpo.predict.prediction_forces import FreeEnergyGradients

logger = logging.getLogger(__name__)


def predict_structure(
    surrogate: Surrogate,
    atoms: Atoms,
    conditions: Conditions,
    scratch: Path,
    *,
    on_ldos: OnLdos | None = None,
    forces: ForceScope | None = None,
) -> Prediction:
    """Predict DOS, density and energies of a structure, and forces and stress if asked for.

    The LDOS is not kept. A few points tell within a bracket where the Fermi energy of each network
    will be; then one pass over all of them sums up the DOS and leaves, for each point and network,
    the density as a polynomial of the Fermi energy. So neither memory nor disk grow with the
    number of energies. Where a Fermi energy turns out to be outside of its bracket, one more pass
    of this network follows.

    Parameters
    ----------
    surrogate
        Networks and what they need.
    atoms
        Periodic structure, Å.
    conditions
        How to predict it.
    scratch
        Folder for a temporary file, with forces only: 4 bytes per grid point and component of the
        descriptors.
    on_ldos
        Receives the mean LDOS over the networks, 1/(eV Å³), box by box.
    forces
        "mean" for forces and stress of the mean over the networks, "each" for those of each
        network, too; None for neither.

    Returns
    -------
    Prediction
        Energies in eV per cell.

    Raises
    ------
    DataError
        If an element is unknown to the surrogate, the disk is full, or the structure makes no
        sense.
    PhysicsError
        If the predicted DOS holds no Fermi energy, or the density is negative.
    """
    check_elements(surrogate, atoms)
    torch.set_num_threads(conditions.threads)
    grid = conditions.grid or prediction_grid(atoms.cell[:], surrogate.origin.grids)
    with ExitStack() as stack:
        kept = stack.enter_context(_descriptor_file(surrogate, grid, scratch)) if forces else None
        brackets = fermi_brackets(surrogate, atoms, grid, conditions)
        points = PointPass(surrogate, atoms, grid, conditions)
        expansions, monitor = points.expansions(brackets), RangeMonitor(surrogate.known)
        dos = points(expansions, Passing(monitor, on_ldos, kept))
        extrapolation = monitor.result()
        warnings = warnings_of(surrogate, atoms, grid, conditions, extrapolation)
        for warning in warnings:  # before the integrals, which may find the reason impossible
            logger.warning(warning)
        integrals = NetworkIntegrals(surrogate, atoms, grid, conditions)
        ensemble = Ensemble(integrals, grid, warnings)
        bands = ensemble.bands(dos)
        densities = _densities(surrogate, atoms, grid, conditions, expansions, bands)
        gradients = FreeEnergyGradients(integrals.structure) if forces else None
        for number, band in enumerate(bands):
            found = densities.pop(0)  # what has been integrated is held no longer
            density = found.density.reshape(grid)
            ensemble.add(number, band, density)
            if gradients is not None:
                slope = found.slope.to(torch.float64).reshape(grid)
                del found
                gradients.add(dos[number], band.fermi_energy, density, slope)
        derivatives = None
        if gradients is not None and forces is not None and kept is not None:
            derivatives = gradients.to_atoms(surrogate, atoms, conditions, kept, forces)
    return ensemble.prediction(surrogate, atoms, dos, extrapolation, derivatives)


def _descriptor_file(surrogate: Surrogate, grid: Grid, folder: Path) -> Scratch:
    dtype = np.dtype(str(surrogate.models[0].precision).removeprefix("torch."))
    components = surrogate.known.minimum.numel()
    check_room(folder, dtype.itemsize * math.prod(grid) * components)
    return Scratch(folder, components, dtype)


def _densities(
    surrogate: Surrogate,
    atoms: Atoms,
    grid: Grid,
    conditions: Conditions,
    expansions: Sequence[DensityExpansion | None],
    bands: Sequence[BandTerms],
) -> list[SettledDensity]:
    """Densities at the Fermi energies; where a bracket has missed one, by one more pass."""
    known = dict(enumerate(float(band.fermi_energy) for band in bands))
    found = {
        number: expansion
        for number, expansion in enumerate(expansions)
        if expansion is not None and expansion.bracket.holds(known[number])
    }
    missed = sorted(known.keys() - found.keys())
    if missed:
        logger.info(
            "one more pass: the Fermi energies of networks %s were not where sought", missed
        )
        temperature = conditions.electronic_temperature or surrogate.origin.electronic_temperature
        some = replace(surrogate, models=tuple(surrogate.models[number] for number in missed))
        points = PointPass(some, atoms, grid, conditions)
        again = points.expansions([bracket_around(known[n], temperature) for n in missed])
        points(again)
        found |= {n: one for n, one in zip(missed, again, strict=True) if one is not None}
    return [found[number].settle(known[number]) for number in sorted(found)]


def check_elements(surrogate: Surrogate, atoms: Atoms) -> None:
    """Refuse a structure with elements that the networks have not seen.

    Parameters
    ----------
    surrogate
        Networks and what they know.
    atoms
        The structure.

    Raises
    ------
    DataError
        If there are any.
    """
    unknown = sorted(set(atoms.get_chemical_symbols()) - set(surrogate.ions))
    if unknown:
        raise DataError(
            "the surrogate was not trained on all elements of the structure",
            expected=f"of {', '.join(sorted(surrogate.ions))}",
            got=", ".join(unknown),
            remedy="train a surrogate on structures with these elements",
        )
