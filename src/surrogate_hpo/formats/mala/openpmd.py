"""Arrays in the openPMD layout of MALA: one HDF5 dataset per feature.

`/data/<iteration>/meshes/<quantity>/<feature>` holds [x, y, z], with the factor to SI units as
attribute `unitSI`; the mesh has the spacing of the grid, in units of `gridUnitSI`.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError, EngineError
from surrogate_hpo.limits import LARGEST_COMPRESSION

# 1/(eV Å³) in 1/(J m³): what `unitSI` says of an LDOS. Exact since 2019: 1 eV is 1.602176634e-19 J.
UNITS_SI = {"LDOS": 1 / (1.602176634e-19 * 1e-30), "Bispectrum": 1.0}
_ANGSTROM_SI = 1e-10
# CODATA sets of different years differ by 1e-8: the same unit.
_SAME_UNIT = 1e-6
# What openPMD writes where nobody has set the spacing.
_UNSET_SPACING = [1.0]


class OpenPmdArray:
    """An array of an openPMD file; use `open_openpmd`.

    Parameters
    ----------
    features
        Datasets [x, y, z], one per feature.
    scale
        Factor to the package's unit.
    spacing
        Of the grid along the cell vectors, Å; None if the file does not say.
    """

    def __init__(
        self, features: list[Any], scale: float, spacing: NDArray[np.float64] | None
    ) -> None:
        self._features, self._scale = features, scale
        self.spacing = spacing

    @property
    def shape(self) -> tuple[int, ...]:
        """Grid points along the cell vectors, and number of features."""
        return (*self._features[0].shape, len(self._features))

    def read(self) -> NDArray[np.float32]:
        """All of it, [x, y, z, feature], in the package's unit."""
        values = np.empty(self.shape, dtype=np.float32)
        for number, feature in enumerate(self._features):
            values[..., number] = self._scaled(_read(feature, ...))
        return values

    def point(self, x: int, y: int, z: int) -> NDArray[np.float64]:
        """All features of one point, in the package's unit."""
        return np.array(
            [self._scaled(_read(f, (x, y, z))) for f in self._features], dtype=np.float64
        )

    def _scaled(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self._scale == 1 else values * self._scale


def _read(feature: Any, place: Any) -> Any:  # noqa: ANN401 (the library has no types)
    try:
        return feature[place]
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        raise DataError(
            "the file is damaged or cut off",
            where=f"{feature.file.filename}, {feature.name}",
            got=f"{type(error).__name__}: {error}",
            remedy="fetch or copy the file again and compare its checksum",
        ) from error


def _check_stored(features: list[Any], path: Path) -> None:
    """Raise ValueError if a few bytes stand for very many numbers, or none for any."""
    whole = sum(feature.size * feature.dtype.itemsize for feature in features)
    if any(feature.dtype.kind != "f" for feature in features):
        raise ValueError("datasets that are no floating-point numbers")
    if any(feature.id.get_storage_size() == 0 for feature in features):
        raise ValueError("a dataset of which nothing is stored")
    if whole > LARGEST_COMPRESSION * path.stat().st_size:
        raise ValueError(f"{whole} bytes of numbers in a file of {path.stat().st_size}")


def open_openpmd(path: Path, quantity: str) -> OpenPmdArray:
    """Open the first iteration of an openPMD file.

    Parameters
    ----------
    path
        The HDF5 file.
    quantity
        A name of `UNITS_SI`.

    Returns
    -------
    OpenPmdArray
        No values read.

    Raises
    ------
    EngineError
        h5py is not installed.
    DataError
        The file is missing, damaged, or has another layout.
    """
    try:
        h5py = importlib.import_module("h5py")
    except ModuleNotFoundError as error:
        raise EngineError(
            "HDF5 files need a library that is not installed",
            where=str(path),
            expected="h5py",
            remedy="pip install 'surrogate-hpo[hdf5]', or pip install h5py",
        ) from error
    try:
        # Stays open as long as its datasets are used.
        file = h5py.File(path, "r")
        (iteration, *_) = sorted(file["data"], key=int)
        mesh = file["data"][iteration]["meshes"][quantity]
        features = [mesh[str(number)] for number in range(len(mesh))]
        if any(len(f.shape) != 3 or f.shape != features[0].shape for f in features):
            raise ValueError(f"datasets of shapes {sorted({f.shape for f in features})}")
        _check_stored(features, path)
        units = {float(feature.attrs["unitSI"]) for feature in features}
        if len(units) != 1:
            raise ValueError(f"features in different units: unitSI {sorted(units)}")
        if not all(np.isfinite(unit) and unit > 0 for unit in units):
            raise ValueError(f"no unit: unitSI {sorted(units)}")
        stated = {name: mesh.attrs.get(name) for name in ("gridSpacing", "gridUnitSI")}
    except (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise DataError(
            f"the file is damaged, or holds no {quantity} in MALA's openPMD layout",
            where=str(path),
            expected=f"/data/<number>/meshes/{quantity}/0, 1, 2, ... of one shape [x, y, z] "
            "with unitSI",
            got=f"{type(error).__name__}: {error}",
        ) from error
    scale = units.pop() / UNITS_SI[quantity]
    spacing = _spacing(stated, str(path))
    return OpenPmdArray(features, 1.0 if abs(scale - 1) < _SAME_UNIT else scale, spacing)


def _spacing(attributes: Mapping[str, Any], where: str) -> NDArray[np.float64] | None:
    """Spacing of the grid, Å; None where it was left at openPMD's default, a single 1."""
    stated = attributes.get("gridSpacing")
    if stated is None or np.array_equal(np.ravel(stated), _UNSET_SPACING):
        return None
    unit = attributes.get("gridUnitSI")
    try:
        spacing = np.ravel(np.array(stated, dtype=np.float64))
        scale = np.array(unit, dtype=np.float64).item() / _ANGSTROM_SI
    except (TypeError, ValueError):
        spacing, scale = np.empty(0), np.nan
    if len(spacing) != 3 or not (
        np.isfinite(spacing * scale).all() and (spacing * scale > 0).all()
    ):
        raise DataError(
            "the file does not say what the spacing of its grid is",
            where=f"{where}, attributes gridSpacing and gridUnitSI of the mesh",
            expected="three spacings and the factor from their unit to metres, all positive",
            got=f"gridSpacing {np.ravel(stated).tolist()}, gridUnitSI "
            + ("missing" if unit is None else f"{unit}"),
            remedy="let MALA write the file again, or remove gridSpacing: the cell of the sidecar "
            "is then all that is known of the grid",
        )
    return spacing * scale
