"""Orbital densities from Quantum ESPRESSO's wavefunction files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.espresso.checks import check_orbitals
from surrogate_hpo.units import BOHR_ANGSTROM

FloatArray = NDArray[np.float64]

_HEADER = np.dtype(
    [("k", "<i4"), ("k_point", "<f8", 3), ("spin", "<i4"), ("gamma_only", "<i4"), ("scale", "<f8")]
)
# Bands read and handed on at a time: many enough for matrix products, few enough to be less than
# an LDOS. A small calculation is one batch per k point.
BANDS_PER_BATCH = 32
# Bands transformed at a time: bounds the complex work space, costs no speed.
BANDS_PER_TRANSFORM = 8
_NORM_TOLERANCE = 1e-5
_K_POINT_TOLERANCE = 1e-6


class _PlaneWaves(NamedTuple):
    """One k point: k in 1/Å, Miller indices (g, 3), number of bands."""

    k_point: FloatArray
    miller: NDArray[np.int32]
    bands: int


def orbital_densities(save: Path, result: DftResult) -> Iterator[FloatArray]:
    """Go through the orbitals of a calculation and give |psi_kb(r)|², some bands at a time.

    psi is the Fourier sum of the coefficients on the dense grid, so the sum of |psi|² over the
    grid times the volume element is 1. Nothing is held that grows with the number of bands or
    k points.

    Parameters
    ----------
    save
        The folder `<prefix>.save` with wfc1.dat, wfc2.dat, ...
    result
        The same calculation's XML file, as read.

    Yields
    ------
    numpy.ndarray
        For the next bands of a k point, shape (at most 32 bands, *fft_grid), in 1/Å³.

    Raises
    ------
    DataError
        A file is missing, cut off or does not fit the calculation; potentials are not
        norm-conserving; k points were reduced by symmetry; Gamma-only or spinor wavefunctions.
    """
    check_orbitals(result, where=str(save))
    for index, k_point in enumerate(result.k_points):
        path = save / f"wfc{index + 1}.dat"
        with _opened(path) as stream:
            waves = _read_plane_waves(stream, path)
            _check_fit(waves, result, k_point, path)
            for start in range(0, waves.bands, BANDS_PER_BATCH):
                bands = min(BANDS_PER_BATCH, waves.bands - start)
                coefficients = _read_bands(stream, path, bands, len(waves.miller))
                yield _densities(waves.miller, coefficients, result)


def _check_fit(waves: _PlaneWaves, result: DftResult, k_point: FloatArray, path: Path) -> None:
    """Recognise wavefunctions of another calculation, and damaged ones."""
    mixed = "the wavefunction files and the XML file are of different calculations"
    if not np.abs(waves.k_point - k_point).max() <= _K_POINT_TOLERANCE:
        raise DataError(
            "the wavefunction file holds another k point than the XML file",
            where=str(path),
            expected=f"{k_point.round(5)} 1/Å",
            got=f"{waves.k_point.round(5)} 1/Å",
            remedy=mixed,
        )
    bands = result.eigenvalues.shape[1]
    if waves.bands != bands:
        raise DataError(
            "the wavefunction file holds another number of bands than the XML file",
            where=str(path),
            expected=str(bands),
            got=str(waves.bands),
            remedy=mixed,
        )
    # |psi|² has twice the span of psi; a grid smaller than this would alias.
    needed = 2 * np.ptp(waves.miller.astype(np.int64), axis=0) + 1
    if (needed > result.fft_grid).any():
        raise DataError(
            "the FFT grid is too small for the plane waves",
            where=str(path),
            expected=f"at least {needed} points",
            got=str(result.fft_grid),
            remedy=mixed,
        )


def _densities(
    miller: NDArray[np.int32], coefficients: NDArray[np.complex128], result: DftResult
) -> FloatArray:
    grid = result.fft_grid
    densities = np.empty((len(coefficients), *grid))
    for start in range(0, len(coefficients), BANDS_PER_TRANSFORM):
        some = slice(start, start + BANDS_PER_TRANSFORM)
        batch = coefficients[some]
        box = np.zeros((len(batch), *grid), dtype=np.complex128)
        box[:, miller[:, 0], miller[:, 1], miller[:, 2]] = batch
        # norm="forward": the plain sum over plane waves, without 1/N.
        psi = scipy.fft.ifftn(box, axes=(1, 2, 3), norm="forward", overwrite_x=True)
        np.square(psi.real, out=densities[some])
        densities[some] += np.square(psi.imag)
    densities /= result.volume
    return densities


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise DataError(
            "the wavefunction file cannot be read",
            where=str(path),
            got=error.strerror,
            remedy="run pw.x with wf_collect and keep the .save folder",
        ) from error


def _read_plane_waves(stream: BinaryIO, path: Path) -> _PlaneWaves:
    """Read all that stands before the coefficients of the first band."""
    header = np.frombuffer(_record(stream, path, _HEADER.itemsize), _HEADER)[0]
    sizes = np.frombuffer(_record(stream, path, 16), "<i4")
    waves, spinor, bands = int(sizes[1]), int(sizes[2]), int(sizes[3])
    if header["gamma_only"] or spinor != 1:
        raise DataError(
            "Gamma-only and spinor wavefunctions are not supported",
            where=str(path),
            expected="one component, full sphere of plane waves",
            got=f"npol {spinor}, gamma_only {bool(header['gamma_only'])}",
            remedy="run pw.x without spin-orbit and with K_POINTS automatic",
        )
    left = path.stat().st_size
    if bands < 1 or waves < 1 or 12 * waves + 16 * waves * bands > left:
        raise DataError(
            "the wavefunction file is damaged or cut off",
            where=str(path),
            expected=f"the plane waves and bands of a file of {left} bytes",
            got=f"{waves} plane waves, {bands} bands",
            remedy="run pw.x again",
        )
    _record(stream, path, 72)
    miller = np.frombuffer(_record(stream, path, 12 * waves), "<i4").reshape(waves, 3)
    return _PlaneWaves(header["k_point"] / BOHR_ANGSTROM, miller, bands)


def _read_bands(stream: BinaryIO, path: Path, bands: int, waves: int) -> NDArray[np.complex128]:
    """Coefficients of the next bands, which must be normalised."""
    rows = [_record(stream, path, 16 * waves) for _ in range(bands)]
    coefficients = np.array([np.frombuffer(row, "<c16") for row in rows])
    worst = float(np.abs(np.linalg.norm(coefficients, axis=1) - 1).max())
    if not worst < _NORM_TOLERANCE:
        raise DataError(
            "wavefunctions are not normalised",
            where=str(path),
            expected=f"norms within {_NORM_TOLERANCE} of 1",
            got=f"a deviation of {worst:.1e}",
            remedy="run pw.x again with norm-conserving potentials; the file is damaged",
        )
    return coefficients


def _record(stream: BinaryIO, path: Path, size: int) -> bytes:
    """Read one Fortran record: its length, its bytes, its length again."""
    raw = stream.read(size + 8)
    marker = size.to_bytes(4, "little")
    if len(raw) != size + 8 or raw[:4] != marker or raw[-4:] != marker:
        found = f"{len(raw)} bytes left" if len(raw) != size + 8 else "another record length"
        raise DataError(
            "the wavefunction file is damaged or cut off",
            where=str(path),
            expected=f"a record of {size} bytes",
            got=found,
            remedy="run pw.x again (files written with HDF5 are not supported: use pp.x cubes)",
        )
    return raw[4:-4]
