"""Energies, density and density of states of any structure, from a surrogate file."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

import numpy as np
from ase import Atoms

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.data.predicted_fields import DensityData, write_density, writing_ldos
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.scratch import Scratch
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.cubes.writer import write_cube
from surrogate_hpo.formats.structures.contents import UNUSED
from surrogate_hpo.formats.structures.predicted import write_predicted
from surrogate_hpo.formats.structures.structures import read_structures
from surrogate_hpo.physics.prediction_grid import prediction_grid
from surrogate_hpo.predict.contents import Conditions, Prediction
from surrogate_hpo.predict.documents import dos_rows, in_words, prediction_document
from surrogate_hpo.predict.energies import TOTAL
from surrogate_hpo.predict.error_bars import described
from surrogate_hpo.predict.force_tables import STRUCTURE_FILE, STRUCTURES_FILE, Wanted
from surrogate_hpo.predict.options import STANDARD, PredictionOptions
from surrogate_hpo.predict.prediction import check_elements, predict_structure
from surrogate_hpo.predict.prediction_forces import force_warnings, stress_warnings
from surrogate_hpo.run.interface import (
    Option,
    Output,
    Positional,
    require_option,
)
from surrogate_hpo.run.provenance import checksums, versions

logger = logging.getLogger(__name__)

_FILES = (
    *("prediction.json", "dos.csv", "density.cube", "density.zarr.zip", "ldos.zarr.zip"),
    *("predictions.csv", STRUCTURE_FILE, STRUCTURES_FILE),
)


def predict(
    *,
    surrogate: Annotated[Path, Positional("file of the surrogate stage")],
    structures: Annotated[str, Positional("file that ASE reads, or file@index; Å")],
    output: Annotated[Path, Output("folder; one more in it per structure if there are several")],
    index: Annotated[
        str | None, Option("which structures of the file, as in ASE: 0, -1, :, 10:20 or ::50")
    ] = None,
    ldos: Annotated[bool, Option("also write ldos.zarr.zip, the mean over the networks")] = False,
    forces: Annotated[
        bool,
        Option("also forces, their spread and expected errors; structure.extxyz has them, too"),
    ] = False,
    stress: Annotated[bool, Option("also the stress; it has ASE's sign, eV/Å³")] = False,
    options: PredictionOptions = STANDARD,
) -> None:
    """Predict structures of any size, among them such that DFT cannot treat.

    Writes prediction.json (Fermi energy, band energy, entropy term, total free energy and its
    other terms: mean and standard deviation over the networks, and each; of the total free energy
    the expected error, too), dos.csv, density.cube and density.zarr.zip; with forces or stress
    structure.extxyz, too. Warns where the structure
    leaves what the networks were trained on. See docs/howto/predict.md.
    """
    conditions = options.conditions()
    networks = read_surrogate(surrogate)
    source = structures if index is None else f"{structures}@{index}"
    frames = read_structures(source)
    for kind in sorted({kind for atoms in frames for kind in atoms.info.get(UNUSED, ())}):
        logger.warning("%s of %s are not used", kind, source)
    for atoms in frames:  # all of them, before the first is computed
        check_elements(networks, atoms)
    file = next(p for p in (Path(structures), Path(structures.rpartition("@")[0])) if p.is_file())
    record = {
        **versions("predict"),
        "inputs": checksums([surrogate, file]),
        "structures": source,
        "surrogate": dict(networks.provenance),
    }
    wanted = Wanted(forces, stress)
    for warning in force_warnings(networks) if forces else []:
        logger.warning(warning)
    for warning in stress_warnings(networks) if stress else []:
        logger.warning(warning)
    rows, predicted = [], []
    earlier = _earlier_folders(output)
    _refuse_own_input(file, [output, *earlier])
    for folder in (output, *earlier):
        _empty_folder(folder)
    for folder in earlier:
        with suppress(OSError):  # it holds something else, too
            folder.rmdir()
    for number, atoms in enumerate(frames):
        folder = output / f"{number:04d}" if len(frames) > 1 else output
        _empty_folder(folder)
        found = _predict_one(networks, atoms, conditions, folder, record, wanted, with_ldos=ldos)
        rows.append({"structure": number, "atoms": len(atoms)} | _row(found) | wanted.row(found))
        if wanted:
            predicted.append(wanted.structure(atoms, found))
            write_predicted(folder / STRUCTURE_FILE, predicted[-1:])
    if len(frames) > 1:
        write_table(output / "predictions.csv", rows)
        if wanted:
            write_predicted(output / STRUCTURES_FILE, predicted)


def _earlier_folders(output: Path) -> list[Path]:
    """Those that a prediction of several structures has left in it."""
    return sorted(
        path
        for path in output.glob("[0-9]" * 4 + "*")
        if path.name.isdecimal() and (path / _FILES[0]).is_file()
    )


def _refuse_own_input(file: Path, folders: Sequence[Path]) -> None:
    """The structure would be removed together with the earlier prediction that it is of."""
    own = {(folder / name).resolve() for folder in folders for name in _FILES}
    require_option(
        file.resolve() not in own, "output", "a folder whose files are not the input", file
    )


def _empty_folder(folder: Path) -> None:
    """Make a folder, or take away an earlier prediction: an LDOS would be that of other atoms."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            (folder / name).unlink(missing_ok=True)
        with Scratch(folder, 1):
            pass
    except OSError as error:
        raise DataError(
            "the output folder cannot be written to",
            where=str(folder),
            expected="a folder of your own, or a name at which one can be made",
            got=error.strerror,
            remedy="name another one: --output",
        ) from error


def _predict_one(
    surrogate: Surrogate,
    atoms: Atoms,
    conditions: Conditions,
    folder: Path,
    record: dict[str, Any],
    wanted: Wanted,
    *,
    with_ldos: bool,
) -> Prediction:
    with ExitStack() as stack:
        writer = None
        if with_ldos:
            shape = conditions.grid or prediction_grid(atoms.cell[:], surrogate.origin.grids)
            frame = _frame(surrogate, atoms)
            path = folder / "ldos.zarr.zip"
            writer = stack.enter_context(writing_ldos(path, shape, frame, record))
        on_ldos = writer.write if writer else None
        found = predict_structure(
            surrogate, atoms, conditions, folder, on_ldos=on_ldos, forces=wanted.scope
        )
    if wanted.forces:
        found.warnings.extend(force_warnings(surrogate))
    if wanted.stress:
        found.warnings.extend(stress_warnings(surrogate))
    write_table(folder / "dos.csv", dos_rows(surrogate, found))
    write_cube(folder / "density.cube", found.density, atoms, "surrogate-hpo predict")
    density = DensityData(found.density, found.density_deviation, atoms.cell[:])
    write_density(folder / "density.zarr.zip", density, record)
    document = (
        prediction_document(atoms, found)
        | wanted.document(found)
        | {
            "error_bar_calibration": described(surrogate.error_bar),
            "force_error_bar_calibration": described(surrogate.force_error_bar),
            "provenance": record,
        }
    )
    write_document(folder / "prediction.json", document)
    logger.info(in_words(atoms, found))
    return found


def _frame(surrogate: Surrogate, atoms: Atoms) -> LdosData:
    return LdosData(
        values=np.empty((0, 0, 0, 0), np.float32),
        axis=surrogate.axis,
        cell=atoms.cell[:],
        electrons=sum(surrogate.ions[symbol].charge for symbol in atoms.get_chemical_symbols()),
    )


def _row(found: Prediction) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, values in found.energies.items():
        row[f"{name}_ev"] = fmean(values)
        row[f"{name}_std_ev"] = stdev(values) if len(values) > 1 else None
    return row | {
        f"{TOTAL}_error_bar_ev": found.error_bar,
        "fraction_of_points_outside_of_training_range": found.extrapolation.fraction_of_points,
    }
