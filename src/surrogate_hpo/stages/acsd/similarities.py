"""Store of pairwise similarities: what the scores of the descriptor candidates are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from surrogate_hpo.files.zarr_zip import read_dataset, write_dataset

DESCRIPTOR = "descriptor_similarity"
LDOS = "ldos_similarity"


@dataclass(frozen=True)
class SimilarityData:
    """Cosine similarities of the pairs of one draw of one snapshot.

    Attributes
    ----------
    descriptor
        S_C(B), `[candidate, pair]`, dimensionless, float32.
    ldos
        S_C(d) of the same pairs, `[pair]`; None where no LDOS was used.
    cutoff_radius
        `[candidate]`, Å.
    twojmax
        `[candidate]`, 2 J_max.
    round_number
        `[candidate]`, round of the refinement that added the candidate.
    snapshot
        Name of the snapshot.
    """

    descriptor: NDArray[np.float32]
    ldos: NDArray[np.float32] | None
    cutoff_radius: NDArray[np.float64]
    twojmax: NDArray[np.int64]
    round_number: NDArray[np.int64]
    snapshot: str


def write_similarities(path: Path, data: SimilarityData, provenance: Mapping[str, Any]) -> None:
    """Write a store of similarities atomically."""
    variables = {
        DESCRIPTOR: xr.DataArray(
            data.descriptor,
            dims=("candidate", "pair"),
            attrs={"units": "1", "long_name": "cosine similarity of SNAP vectors"},
        )
    }
    if data.ldos is not None:
        variables[LDOS] = xr.DataArray(
            data.ldos,
            dims="pair",
            attrs={"units": "1", "long_name": "cosine similarity of LDOS vectors"},
        )
    coordinates = {
        "cutoff_radius_angstrom": (data.cutoff_radius, {"units": "Å"}),
        "twojmax": (data.twojmax, {"units": "1", "long_name": "2 J_max"}),
        "round": (data.round_number, {"units": "1", "long_name": "round of the refinement"}),
    }
    dataset = xr.Dataset(
        variables,
        coords={
            name: xr.DataArray(values, dims="candidate", attrs=attributes)
            for name, (values, attributes) in coordinates.items()
        },
    )
    chunks = {DESCRIPTOR: (1, data.descriptor.shape[1])}
    write_dataset(path, dataset, chunks, {"snapshot": data.snapshot}, provenance)


def read_similarities(path: Path) -> SimilarityData:
    """Read a store of similarities.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    SimilarityData
        Dimensionless similarities.

    Raises
    ------
    DataError
        If the file is missing, damaged or no store of similarities.
    """
    others = ("cutoff_radius_angstrom", "twojmax", "round")
    dataset = read_dataset(path, DESCRIPTOR, ("candidate", "pair"), ("snapshot",), others=others)
    return SimilarityData(
        descriptor=np.asarray(dataset[DESCRIPTOR].values, np.float32),
        ldos=np.asarray(dataset[LDOS].values, np.float32) if LDOS in dataset else None,
        cutoff_radius=np.asarray(dataset["cutoff_radius_angstrom"].values, np.float64),
        twojmax=np.asarray(dataset["twojmax"].values, np.int64),
        round_number=np.asarray(dataset["round"].values, np.int64),
        snapshot=str(dataset.attrs["snapshot"]),
    )
