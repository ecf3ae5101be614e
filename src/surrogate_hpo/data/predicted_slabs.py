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

from surrogate_hpo.data.fixed_point import from_steps, step_bytes, to_steps
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.zarr_zip import damage_named, open_dataset, write_dataset
from surrogate_hpo.networks.training_range import Extrapolation

_PLANES = ("x", "y", "z")
REMEDY = "delete it and run the workflow again; it alone is remade"
"""For a slab that cannot be used."""
_FORMAT = 2


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
        step, orders = to_steps([first, *others])
        variables[f"step_{number}"] = xr.DataArray(step, dims=_PLANES[:1], attrs=units)
        for order, whole in enumerate(orders):
            name = f"order_{order}_{number}"
            variables[name] = xr.DataArray(whole, dims=_PLANES, attrs={"units": f"step_{number}"})
            chunks[name] = (1, *first.shape[1:])
    attributes = {
        "format": _FORMAT,
        "orders": [1 + len(others) for others in slab.others],
        "begin": slab.begin,
        "extrapolation": json.dumps(asdict(slab.extrapolation)),
    }
    write_dataset(path, xr.Dataset(variables), chunks, attributes, provenance)


def slab_point_bytes(weights: torch.Tensor) -> int:
    """Bytes of one network's density at a point of a slab, before they are compressed; about.

    Parameters
    ----------
    weights
        Those of the energies in each order, eV, [order, energy].

    Returns
    -------
    int
        The orders of the density fall as their weights do.
    """
    sizes = weights.abs().amax(dim=1)
    return step_bytes([float(sizes[0]), *(2 * sizes[1:]).tolist()])


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
                self._orders = [int(one) for one in attributes["orders"]]
                x, y, z = self._dataset["order_0_0"].shape
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
            step = self._dataset[f"step_{network}"].values
            names = [f"order_{order}_{network}" for order in range(self._orders[network])]
            first = from_steps(self._dataset[names[0]].values, step)
            others = np.empty((len(names) - 1, *first.shape), np.float32)
            for place, name in zip(others, names[1:], strict=True):
                place[...] = from_steps(self._dataset[name].values, step)
        return torch.from_numpy(first), torch.from_numpy(others)
