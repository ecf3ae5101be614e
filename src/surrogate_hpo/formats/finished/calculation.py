"""What every finished calculation can be asked, and whether its files agree with the config."""

from pathlib import Path
from typing import Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.dft.finished import DftSupplement, LdosRequest
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError


def agree_on_setting(
    key: str, setting: float | str | None, found: float | str, tolerance: float, *, where: str
) -> None:
    """A setting that repeats what a file says must repeat it rightly.

    Parameters
    ----------
    key
        Dotted key of the setting.
    setting
        Its value; None if it is not set.
    found
        What the file says.
    tolerance
        Largest difference of numbers.
    where
        The file.

    Raises
    ------
    ConfigError
        If they differ.
    """
    if setting is None or setting == found:
        return
    if isinstance(setting, int | float) and isinstance(found, int | float):
        if abs(setting - found) <= tolerance:
            return
        found = f"{found:.10g}"
    raise ConfigError(
        f"{key} contradicts the finished calculation",
        where=where,
        expected=f"{key}: {found}, as the file says",
        got=f"{setting}",
        remedy="leave the key out, or take the calculation out of the list",
    )


def agree_on_axis(
    request: LdosRequest,
    axis: LdosAxis,
    *,
    tolerance: float,
    where: str,
) -> None:
    """The `ldos` section must say what the LDOS's own files say: it is one for all snapshots.

    Parameters
    ----------
    request
        The section.
    axis
        Energies and broadening that the files state.
    tolerance
        Largest difference, eV.
    where
        The files.

    Raises
    ------
    ConfigError
        If they differ, with the keys as they should be.
    """
    if request.axis.agrees(axis, tolerance=tolerance):
        return
    raise ConfigError(
        "the finished LDOS has another energy axis, kernel or width than the ldos section",
        where=where,
        expected=f"ldos: {_as_section(axis)}, as the files say",
        got=_as_section(request.axis),
        remedy="set these keys; if other snapshots of the list differ from this one, they cannot "
        "be learnt together: leave them out",
    )


def _as_section(axis: LdosAxis) -> str:
    energy = axis.energy
    spacing = (energy[-1] - energy[0]) / max(len(energy) - 1, 1)
    return (
        f"{{kernel: {axis.kernel}, width_ev: {axis.width:.6g}, minimum_ev: {energy[0]:.6g}, "
        f"maximum_ev: {energy[-1]:.6g}, spacing_ev: {spacing:.6g}}} ({len(energy)} energies)"
    )


class FinishedCalculation(Protocol):
    """A finished self-consistent calculation with what its LDOS is made from.

    Opening one looks at names only; the small file is read by `structure` and `result`,
    headers by `check`; only `ldos` reads the arrays. Nothing is ever written.

    All methods raise a `DataError` for files that are missing, damaged or do not fit each other,
    and a `ConfigError`, with the key, for settings that are missing or contradict the files.
    """

    @property
    def description(self) -> Path:
        """The small file that says what was calculated."""

    def files(self, request: LdosRequest) -> list[Path]:
        """All files that the structure, the result and the LDOS come from."""

    def structure(self) -> Atoms:
        """The atoms, Å, periodic."""

    def result(self, supplement: DftSupplement) -> DftResult:
        """The numbers of the calculation; what its files do not tell comes from the config."""

    def wavefunctions(self, request: LdosRequest) -> Path | None:
        """Folder of the wavefunctions to sum the LDOS from; None where it is there already."""

    def check(self, request: LdosRequest, result: DftResult) -> None:
        """Find what is wrong with the LDOS's files without reading their arrays."""

    def ldos(self, request: LdosRequest, result: DftResult) -> NDArray[np.float32]:
        """Read an LDOS that is there, 1/(eV Å³), [x, y, z, energy] on the axis asked for."""
