"""What one job knows of its slab of a large cell: DOS, and the density in a bracket of E_F."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.zarr_zip import damage_named, open_dataset, write_dataset
from surrogate_hpo.networks.training_range import Extrapolation

_PLANES = ("x", "y", "z")
REMEDY = "delete it and run the workflow again; it alone is remade"
"""For a slab that cannot be used."""
_FORMAT = 1


@dataclass(frozen=True)
class SlabData:
    """Some planes of the grid of one structure.

    Attributes
    ----------
    begin
        First plane along the first lattice vector.
    dos
        Their part of each network's density of states, 1/eV, [network, energy].
    first
        Of each network, the density's coefficient of order 0, 1/Å³, [x, y, z].
    others
        Those of the higher orders, [order, x, y, z].
    extrapolation
        How far its descriptors leave the training range.
    """

    begin: int
    dos: NDArray[np.float64]
    first: Sequence[NDArray[np.float64]]
    others: Sequence[NDArray[np.floating]]
    extrapolation: Extrapolation


def write_slab(path: Path, slab: SlabData, provenance: Mapping[str, Any]) -> None:
    """Write a slab's store atomically."""
    units = {"units": "1/Å³"}
    variables = {"dos": xr.DataArray(slab.dos, dims=("network", "energy"), attrs={"units": "1/eV"})}
    chunks = {}
    for number, (first, others) in enumerate(zip(slab.first, slab.others, strict=True)):
        names = _names(number)
        variables[names[0]] = xr.DataArray(first, dims=_PLANES, attrs=units)
        variables[names[1]] = xr.DataArray(others, dims=("order", *_PLANES), attrs=units)
        chunks[names[0]] = (1, *first.shape[1:])
        chunks[names[1]] = (1, 1, *first.shape[1:])
    attributes = {
        "format": _FORMAT,
        "begin": slab.begin,
        "extrapolation": json.dumps(asdict(slab.extrapolation)),
    }
    write_dataset(path, xr.Dataset(variables), chunks, attributes, provenance)


def _names(network: int) -> tuple[str, str]:
    return f"first_{network}", f"others_{network}"


class StoredSlab:
    """A slab on disk, of which one network at a time is read.

    Parameters
    ----------
    path
        Its store.

    Raises
    ------
    DataError
        If the file is missing, damaged, or another one.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._dataset = path, open_dataset(path)
        with damage_named(path):
            attributes = self._dataset.attrs
            self._check_format(attributes.get("format"))
            try:
                self.begin = int(attributes["begin"])
                self.extrapolation = Extrapolation(**json.loads(attributes["extrapolation"]))
                self.provenance: dict[str, Any] = json.loads(attributes["provenance"])
                self.dos = torch.from_numpy(self._dataset["dos"].values)
                x, y, z = self._dataset[_names(0)[0]].shape
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    "the store is no slab of a large cell",
                    where=str(path),
                    got=f"{type(error).__name__}: {error}",
                    remedy=REMEDY,
                ) from error
        self.shape = (x, y, z)

    def _check_format(self, found: object) -> None:
        """Refuse what another version has written; what is no slab at all has no format either."""
        if found != _FORMAT:
            raise DataError(
                "the store is no slab of a large cell, or another version of surrogate-hpo's",
                where=str(self.path),
                expected=f"format {_FORMAT}",
                got=f"format {found}",
                remedy=REMEDY,
            )

    def sums(self, network: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Coefficients of one network: [x, y, z] of order 0, and [order, x, y, z] of the others.

        Parameters
        ----------
        network
            Its number.

        Returns
        -------
        Tensor, Tensor
            1/Å³.

        Raises
        ------
        DataError
            If they are damaged.
        """
        with damage_named(self.path):
            first, others = (self._dataset[name].values for name in _names(network))
        return torch.from_numpy(first), torch.from_numpy(others)
