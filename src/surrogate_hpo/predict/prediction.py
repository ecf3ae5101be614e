"""A prediction: descriptors, networks and integrals of one structure, block by block."""

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.descriptors.grid import GridBox, grid_boxes
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.files.scratch import Scratch, check_room
from surrogate_hpo.files.zarr_zip import chunk_shape
from surrogate_hpo.log import Progress
from surrogate_hpo.networks.training_range import Extrapolation, RangeMonitor
from surrogate_hpo.physics.prediction_grid import Grid, prediction_grid
from surrogate_hpo.predict.contents import Conditions, Prediction, warnings_of
from surrogate_hpo.predict.descriptor_chain import ForceScope
from surrogate_hpo.predict.descriptor_engines import grid_engine
from surrogate_hpo.predict.prediction_energies import NetworkIntegrals, Spread
from surrogate_hpo.predict.prediction_forces import FreeEnergyGradients
from surrogate_hpo.run.devices import device_name
from surrogate_hpo.stages.descriptors.settings import DescriptorsSettings

logger = logging.getLogger(__name__)
OnLdos = Callable[[GridBox, NDArray[np.float32]], None]


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

    The LDOS of each network goes to a scratch file, block by block, while the DOS is summed up;
    the density follows from the file once the DOS has given the Fermi energy. So memory does not
    grow with the LDOS, only with a few arrays on the grid.

    Parameters
    ----------
    surrogate
        Networks and what they need.
    atoms
        Periodic structure, Å.
    conditions
        How to predict it.
    scratch
        Folder for a temporary file of 4 bytes per grid point, energy and network; with forces also
        per grid point and component of the descriptors.
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
    models, energy = surrogate.models, surrogate.energy
    columns = [len(energy) for _ in models] + [surrogate.known.minimum.numel()] * bool(forces)
    dtype = np.dtype(str(models[0].precision).removeprefix("torch."))
    check_room(scratch, dtype.itemsize * math.prod(grid) * sum(columns))
    with ExitStack() as stack:
        files = [stack.enter_context(Scratch(scratch, width, dtype)) for width in columns]
        ldos, descriptors = files[: len(models)], files[len(models) :]
        dos, extrapolation = _predict_ldos(
            surrogate, atoms, grid, conditions, ldos, on_ldos, keep=descriptors
        )
        warnings = warnings_of(surrogate, atoms, grid, conditions, extrapolation)
        for warning in warnings:  # before the integrals, which may find the reason impossible
            logger.warning(warning)
        integrals = NetworkIntegrals(surrogate, atoms, grid, conditions)
        gradients = FreeEnergyGradients(integrals.structure) if forces else None
        energies: dict[str, list[float]] = {}
        spread = Spread(grid)
        for number, (states, file) in enumerate(zip(dos, ldos, strict=True)):
            try:
                found = integrals.integrate(states, file, with_slope=forces is not None)
            except PhysicsError as error:
                raise _senseless(error, number, warnings) from error
            spread.add(found.density)
            for name, value in found.terms.as_floats().items():
                energies.setdefault(name, []).append(value)
            if gradients is not None:
                gradients.add(states, found)
        derivatives = None
        if gradients is not None and forces is not None:
            (kept,) = descriptors
            derivatives = gradients.to_atoms(surrogate, atoms, conditions, kept, forces)
    return Prediction(
        grid=grid,
        electrons=integrals.electrons,
        electronic_temperature=integrals.structure.temperature,
        energies=energies,
        dos=dos.numpy(),
        density=spread.mean.numpy(),
        density_deviation=spread.deviation(),
        extrapolation=extrapolation,
        warnings=warnings,
        error_bar=_error_bar(surrogate, energies["total_free_energy"], len(atoms)),
        derivatives=derivatives,
    )


def _error_bar(surrogate: Surrogate, energies: Sequence[float], atoms: int) -> float | None:
    bar = surrogate.error_bar
    return None if bar is None else atoms * bar.of(np.array(energies) / atoms)


def _senseless(error: PhysicsError, network: int, warnings: list[str]) -> PhysicsError:
    return PhysicsError(
        "the LDOS that a network predicts makes no physical sense",
        where=f"network of seed {network}",
        got="; ".join(line.strip() for line in str(error).splitlines()),
        remedy="; ".join(warnings) or "look at the errors of the run that made the surrogate",
    )


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


def _predict_ldos(
    surrogate: Surrogate,
    atoms: Atoms,
    grid: Grid,
    conditions: Conditions,
    files: list[Scratch],
    on_ldos: OnLdos | None,
    *,
    keep: Sequence[Scratch],
) -> tuple[torch.Tensor, Extrapolation]:
    """Fill the scratch files, and that of the descriptors; return each network's DOS in 1/eV."""
    settings = DescriptorsSettings(engine=conditions.engine, use_gpu=conditions.use_gpu)
    compute = grid_engine(settings, surrogate.definition, atoms, grid, threads=conditions.threads)
    device = device_name(use_gpu=conditions.use_gpu)
    monitor = RangeMonitor(surrogate.known)
    energies, precision = len(surrogate.energy), surrogate.models[0].precision
    dos = torch.zeros(len(files), energies, dtype=torch.float64)
    progress = Progress(logger, math.prod(grid), unit="points")
    # These boxes follow each other in the order of the grid, as the scratch files are read.
    x, y, z, _ = chunk_shape((*grid, energies))
    for box in grid_boxes(grid, (x, y, z), points=conditions.block_points):
        descriptors = torch.from_numpy(compute(box)).to(precision)
        monitor.watch(descriptors)
        for kept in keep:
            kept.append(descriptors.numpy())
        mean = torch.zeros(box.size, energies)
        for number, (model, file) in enumerate(zip(surrogate.models, files, strict=True)):
            ldos = model.predict(descriptors, device=device)
            dos[number] += ldos.sum(dim=0, dtype=torch.float64)
            file.append(ldos.numpy())
            mean += ldos / len(files)
        if on_ldos is not None:
            on_ldos(box, mean.numpy())
        progress.advance(box.size)
    progress.finish()
    return dos * (atoms.get_volume() / math.prod(grid)), monitor.result()
