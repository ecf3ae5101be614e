"""Snapshots written in MALA's form: sidecar, LDOS and SNAP descriptors as float32 arrays."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.descriptor_store import read_descriptors
from surrogate_hpo.data.dft_results import result_as_document
from surrogate_hpo.data.ldos_store import LdosData, read_ldos
from surrogate_hpo.descriptors.grid import GridBox
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.files.atomic import replacing, write_text
from surrogate_hpo.files.zarr_zip import grid_of
from surrogate_hpo.formats.mala.arrays import COORDINATES
from surrogate_hpo.formats.mala.sidecar_keys import OWN
from surrogate_hpo.units import RYDBERG_EV

_SLAB_BYTES = 64 * 2**20
Planes = Callable[[slice], NDArray[np.float32]]


def write_mala_snapshot(
    folder: Path,
    name: str,
    *,
    atoms: Atoms,
    result: DftResult,
    ldos: Path,
    descriptors: Path | None,
    provenance: dict[str, Any],
) -> list[Path]:
    """Write one snapshot, a slab of the grid at a time.

    Parameters
    ----------
    folder
        Where the files go; made if missing.
    name
        Of the snapshot: `NAME.info.json`, `NAME.out.npy`, `NAME.in.npy`.
    atoms
        Its structure, Å.
    result
        Its calculation.
    ldos
        LDOS store.
    descriptors
        Descriptor store; without one there is no `NAME.in.npy`.
    provenance
        What made the files.

    Returns
    -------
    list of pathlib.Path
        The files. Arrays are [x, y, z, feature]; the LDOS in 1/(eV Å³), the descriptors behind
        three columns of coordinates in Å.
    """
    shape = grid_of(ldos, "ldos")
    first = read_ldos(ldos, slice(0, 1))
    files = [folder / f"{name}.out.npy"]
    _write_array(
        files[0], (*shape, len(first.energy)), lambda planes: read_ldos(ldos, planes).values
    )
    own = {"dft": result_as_document(result), "ldos": _axis(first), "provenance": provenance}
    if descriptors is not None:
        files.append(folder / f"{name}.in.npy")
        thin = read_descriptors(descriptors, slice(0, 1))
        own["descriptors"] = thin.definition.as_document()
        features = COORDINATES + thin.values.shape[-1]

        def with_coordinates(planes: slice, path: Path = descriptors) -> NDArray[np.float32]:
            values = read_descriptors(path, planes).values
            box = GridBox((planes.start, 0, 0), (planes.stop, *shape[1:]))
            points = box.points(shape, atoms.cell[:]).reshape(*box.shape, COORDINATES)
            return np.concatenate([points.astype(np.float32), values], axis=-1)

        _write_array(files[1], (*shape, features), with_coordinates)
    files.append(folder / f"{name}.info.json")
    document = mala_document(atoms, result) | {OWN: own}
    write_text(files[-1], json.dumps(document, indent=4, ensure_ascii=False) + "\n")
    return files


def mala_document(atoms: Atoms, result: DftResult) -> dict[str, Any]:
    """What MALA's sidecar says of a calculation; null for what is not known.

    Parameters
    ----------
    atoms
        The structure, Å.
    result
        The calculation.

    Returns
    -------
    dict
        Energies eV per cell, lengths Å, temperature K, cutoffs and degauss Ry.
    """
    waves = result.wavefunction_cutoff
    return {
        "fermi_energy_dft": result.fermi_energy,
        "temperature": result.electronic_temperature,
        "number_of_electrons_exact": result.electrons,
        "band_energy_dft_calculation": result.band_energy,
        "total_energy_dft_calculation": result.total_free_energy,
        "grid_dimensions": list(result.fft_grid),
        "electrons_per_atom": result.electrons / len(atoms),
        "number_of_electrons_from_eigenvals": float(
            (result.k_weights[:, None] * result.occupations).sum()
        )
        if result.knows_bands
        else None,
        "ibrav": 0,
        "ecutwfc": None if waves is None else waves / RYDBERG_EV,
        "ecutrho": result.density_cutoff_rydberg,
        "degauss": result.smearing_width / RYDBERG_EV,
        "pseudopotentials": result.pseudopotentials,
        "entropy_contribution_dft_calculation": result.entropy_contribution,
        "one_electron_contribution": _one_electron(result),
        "hartree_contribution": result.hartree_energy,
        "xc_contribution": result.xc_energy,
        "ewald_contribution": result.ewald_energy,
        "voxel": {"array": (result.cell / np.array(result.fft_grid)[:, None]).tolist()},
        "atoms": {
            "numbers": atoms.numbers.tolist(),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell[:].tolist(),
            "pbc": [True, True, True],
        },
    }


def _one_electron(result: DftResult) -> float | None:
    """Band energy without the potential of the other electrons: E_band - 2 E_H - ∫v_xc n."""
    if result.band_energy is None or result.hartree_energy is None:
        return None
    if result.xc_potential_energy is None:
        return None
    return result.band_energy - 2 * result.hartree_energy - result.xc_potential_energy


def _axis(data: LdosData) -> dict[str, Any]:
    return {
        "kernel": data.kernel,
        "width_ev": data.width,
        "minimum_ev": float(data.energy[0]),
        "maximum_ev": float(data.energy[-1]),
        "energies": len(data.energy),
    }


def _write_array(path: Path, shape: tuple[int, ...], planes: Planes) -> None:
    with replacing(path) as partial:
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=shape)
        for part in _slabs(shape):
            array[part] = planes(part)
        array.flush()


def _slabs(shape: tuple[int, ...]) -> Iterator[slice]:
    """Planes along x that together are not too large to be in memory."""
    step = max(1, _SLAB_BYTES // (4 * int(np.prod(shape[1:]))))
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))
