"""What jobs that share the forces of a large cell hand on: cotangents, and forces through them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.zarr_zip import damage_named, open_dataset, write_dataset
from surrogate_hpo.physics.forces import FreeEnergyGradient
from surrogate_hpo.physics.free_energy_gradient import LdosCotangent

FloatArray = NDArray[np.float64]
_GRID = ("x", "y", "z")
_ATOMS, _STRAIN = ("network", "atom", "cartesian"), ("network", "cartesian", "strained")
_ENERGIES = ("network", "energy")
_REMEDY = "delete it and run the workflow again; it is remade"


def write_gradient(
    path: Path, gradients: Sequence[FreeEnergyGradient], provenance: Mapping[str, Any]
) -> None:
    """Write the derivatives of the free energy of each network, atomically.

    Parameters
    ----------
    path
        File to write; replaced if it exists.
    gradients
        Of each network.
    provenance
        What made them.
    """
    variables = {
        "band": _stacked([one.cotangent.band for one in gradients], _ENERGIES, "eV² Å³"),
        "electrons": _stacked([one.cotangent.electrons for one in gradients], _ENERGIES, "eV Å³"),
        "positions": _stacked([one.positions for one in gradients], _ATOMS, "eV/Å"),
        "strain": _stacked([one.strain for one in gradients], _STRAIN, "eV"),
    }
    chunks = {}
    for number, one in enumerate(gradients):
        field = one.cotangent.field.numpy()
        variables[_field(number)] = xr.DataArray(field, dims=_GRID, attrs={"units": "eV"})
        chunks[_field(number)] = (1, *field.shape[1:])  # a slab reads its planes alone
    write_dataset(path, xr.Dataset(variables), chunks, {}, provenance)


def _stacked(parts: Sequence[torch.Tensor], dims: tuple[str, ...], units: str) -> xr.DataArray:
    return xr.DataArray(torch.stack(list(parts)).numpy(), dims=dims, attrs={"units": units})


def _field(network: int) -> str:
    return f"field_{network}"


class StoredGradient:
    """Derivatives on disk, of whose fields some planes are read at a time.

    Parameters
    ----------
    path
        Their store.

    Raises
    ------
    DataError
        If the file is missing, damaged, or another one.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._dataset = path, open_dataset(path)
        with _understood(path, "holds no derivatives of the free energy of a large cell"):
            self.provenance: dict[str, Any] = json.loads(self._dataset.attrs["provenance"])
            # At a fixed LDOS: eV/Å, [network, atom, 3], and eV, [network, 3, 3].
            self.direct = _values(self._dataset, _ATOMS, _STRAIN)
            x, y, z = self._dataset[_field(0)].shape
            self.grid = (x, y, z)

    def cotangents(self, begin: int, end: int) -> list[LdosCotangent]:
        """Derivatives by the LDOS of each network in some planes along the first lattice vector.

        Parameters
        ----------
        begin
            First plane.
        end
            One past the last.

        Returns
        -------
        list of LdosCotangent
            Their fields hold these planes alone.

        Raises
        ------
        DataError
            If they are damaged.
        """
        with _understood(self._path, "holds no derivatives by the LDOS of a large cell"):
            vectors = [torch.from_numpy(self._dataset[n].values) for n in ("band", "electrons")]
            fields = [
                torch.from_numpy(self._dataset[_field(number)][begin:end].values)
                for number in range(len(vectors[0]))
            ]
        return [LdosCotangent(*one) for one in zip(*vectors, fields, strict=True)]


@dataclass(frozen=True)
class PulledSlab:
    """Derivatives of the free energies through the LDOS of one slab.

    Attributes
    ----------
    planes
        First plane along the first lattice vector, and one past the last.
    atoms
        Numbers of the atoms that its points see, each once, [atom].
    positions
        By the positions of these, eV/Å, [network, atom, 3].
    strain
        By the strain, eV, [network, 3, 3].
    provenance
        What made them.
    """

    planes: tuple[int, int]
    atoms: NDArray[np.int64]
    positions: FloatArray
    strain: FloatArray
    provenance: Mapping[str, Any]


def write_pulled(path: Path, slab: PulledSlab) -> None:
    """Write what came through a slab, atomically."""
    variables = {
        "atoms": xr.DataArray(slab.atoms, dims=("atom",)),
        "positions": xr.DataArray(slab.positions, dims=_ATOMS, attrs={"units": "eV/Å"}),
        "strain": xr.DataArray(slab.strain, dims=_STRAIN, attrs={"units": "eV"}),
    }
    attributes = {"planes": list(slab.planes)}
    write_dataset(path, xr.Dataset(variables), {}, attributes, slab.provenance)


def read_pulled(path: Path) -> PulledSlab:
    """Read what came through a slab.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    PulledSlab
        Finite numbers.

    Raises
    ------
    DataError
        If the file is missing, damaged, or another one.
    """
    dataset = open_dataset(path)
    with _understood(path, "holds no forces through a slab of a large cell"):
        begin, end = (int(plane) for plane in dataset.attrs["planes"])
        atoms = dataset["atoms"].values.astype(np.int64, casting="safe")
        record = json.loads(dataset.attrs["provenance"])
        return PulledSlab((begin, end), atoms, *_values(dataset, _ATOMS, _STRAIN), record)


def _values(dataset: xr.Dataset, *dims: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Derivatives by positions and strain; ValueError if they are of other kinds or not finite."""
    found = []
    for name, expected in zip(("positions", "strain"), dims, strict=True):
        variable = dataset[name]
        if variable.dims != expected or variable.dtype != np.float64:
            raise ValueError(f"{name} with dimensions {variable.dims}, {variable.dtype}")
        values = variable.values
        if not np.isfinite(values).all():
            raise ValueError(f"{name} that are not finite numbers")
        found.append(values)
    return found[0], found[1]


@contextmanager
def _understood(path: Path, what: str) -> Iterator[None]:
    """Say of which file the content makes no sense, and which is damaged."""
    with damage_named(path):
        try:
            yield
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"the store {what}",
                where=str(path),
                got=f"{type(error).__name__}: {error}",
                remedy=_REMEDY,
            ) from error
