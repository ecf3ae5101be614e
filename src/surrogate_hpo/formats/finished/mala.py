"""Snapshots in MALA's form: a sidecar, the LDOS, and possibly SNAP descriptors beside it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.dft.finished import DftSupplement, LdosRequest
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.formats.finished.calculation import agree_on_axis
from surrogate_hpo.formats.mala.arrays import (
    check_coordinates,
    check_shape,
    check_spacing,
    open_array,
)
from surrogate_hpo.formats.mala.sidecar import Sidecar, read_sidecar
from surrogate_hpo.formats.mala.sidecar_keys import OWN

SIDECAR = ".info.json"
ARRAYS = (".npy", ".h5")
_OWN_TOLERANCE = 1e-9


def mala_files(path: Path) -> tuple[Path, Path] | None:
    """The sidecar and the LDOS of a snapshot, from the name of either.

    Parameters
    ----------
    path
        `NAME.info.json`, `NAME.out.npy` or `NAME.out.h5`.

    Returns
    -------
    tuple or None
        None if the file has none of these names.

    Raises
    ------
    DataError
        The other file is missing, or there are two of the LDOS.
    """
    if path.name.endswith(SIDECAR):
        name = path.name.removesuffix(SIDECAR)
        found = [p for end in ARRAYS if (p := path.with_name(f"{name}.out{end}")).is_file()]
        if len(found) != 1:
            raise DataError(
                "there is not one LDOS beside the sidecar",
                where=str(path),
                expected=" or ".join(f"{name}.out{end}" for end in ARRAYS),
                got=", ".join(p.name for p in found) or "none",
                remedy="give the path of the one that is meant, or fetch it",
            )
        return path, found[0]
    for end in ARRAYS:
        if path.name.endswith(f".out{end}"):
            sidecar = path.with_name(path.name.removesuffix(f".out{end}") + SIDECAR)
            if not sidecar.is_file():
                raise DataError(
                    "the snapshot has no sidecar, so its atoms and energies are not known",
                    where=str(path),
                    expected=f"{sidecar.name} beside it",
                    remedy="let MALA's DataConverter write it from the output of the calculation",
                )
            return sidecar, path
    return None


@dataclass(frozen=True)
class MalaCalculation:
    """A snapshot of a MALA data set; see `FinishedCalculation`.

    Attributes
    ----------
    description
        The sidecar.
    array
        The LDOS.
    """

    description: Path
    array: Path

    @cached_property
    def _sidecar(self) -> Sidecar:
        return read_sidecar(self.description)

    @property
    def _descriptors(self) -> Path:
        """The descriptors that may lie beside the LDOS."""
        return self.array.with_name(self.array.name.replace(".out.", ".in.", 1))

    def files(self, request: LdosRequest) -> list[Path]:  # noqa: ARG002
        """Sidecar, LDOS, and descriptors if there are any."""
        extra = [self._descriptors] if self._descriptors.is_file() else []
        return [self.description, self.array, *extra]

    def structure(self) -> Atoms:
        """Atoms of the sidecar."""
        return self._sidecar.structure()

    def result(self, supplement: DftSupplement) -> DftResult:
        """Numbers of the sidecar, with what only the config knows."""
        return self._sidecar.result(supplement)

    def wavefunctions(self, request: LdosRequest) -> None:
        """None: the LDOS is there."""

    def check(self, request: LdosRequest, result: DftResult) -> None:
        """Compare shape and knowledge of the LDOS, and the coordinates of the descriptors."""
        self._check_knowledge(request)
        array = open_array(self.array, "LDOS")
        check_spacing(array, result.cell, where=str(self.array))
        check_shape(
            array,
            grid=result.fft_grid,
            features=len(request.energy),
            where=str(self.array),
        )
        if self._descriptors.is_file():
            table = open_array(self._descriptors, "Bispectrum")
            check_coordinates(table, result.cell, result.fft_grid, where=str(self._descriptors))

    def _check_knowledge(self, request: LdosRequest) -> None:
        own = self._sidecar.own("ldos")
        if own is not None:
            where = str(self.description)
            try:
                energy = np.linspace(own["minimum_ev"], own["maximum_ev"], own["energies"])
                axis = LdosAxis(energy, str(own["kernel"]), float(own["width_ev"]))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    "the sidecar does not say all of its LDOS's axis and broadening",
                    where=f"{where}, {OWN}.ldos",
                    expected="minimum_ev, maximum_ev, energies, kernel, width_ev",
                    got=f"{type(error).__name__}: {error}",
                    remedy="export the snapshot again",
                ) from error
            agree_on_axis(request, axis, tolerance=_OWN_TOLERANCE, where=where)
        elif not request.kernel_is_given:
            raise ConfigError(
                "the finished calculation does not say how its LDOS was broadened, "
                "and it is not guessed",
                where=str(self.description),
                expected="ldos.kernel and ldos.width_ev in the config",
                remedy="an LDOS of pp.x has the smearing of its run as kernel (kernel: "
                "fermi_dirac, mostly), or gaussian if use_gauss_ldos was set; width is "
                "degauss_ldos",
            )

    def ldos(self, request: LdosRequest, result: DftResult) -> NDArray[np.float32]:
        """Read the array, which must be in 1/(eV Å³)."""
        self.check(request, result)
        return open_array(self.array, "LDOS").read()
