"""What files say of themselves against what the config says of them."""

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.dft.finished import LdosRequest
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
    energy: NDArray[np.float64],
    kernel: str,
    width: float,
    *,
    tolerance: float,
    where: str,
) -> None:
    """The `ldos` section must say what the LDOS's own files say: it is one for all snapshots.

    Parameters
    ----------
    request
        The section.
    energy
        Energies that the files state, eV.
    kernel
        Their kernel.
    width
        Its width, eV.
    tolerance
        Largest difference, eV.
    where
        The files.

    Raises
    ------
    ConfigError
        If they differ, with the keys as they should be.
    """
    wanted = request.energy
    same_axis = wanted.shape == energy.shape and np.abs(wanted - energy).max() <= tolerance
    if same_axis and kernel == request.kernel and abs(width - request.width) <= tolerance:
        return
    raise ConfigError(
        "the finished LDOS has another energy axis, kernel or width than the ldos section",
        where=where,
        expected=f"ldos: {_as_section(energy, kernel, width)}, as the files say",
        got=_as_section(wanted, request.kernel, request.width),
        remedy="set these keys; if other snapshots of the list differ from this one, they cannot "
        "be learnt together: leave them out",
    )


def _as_section(energy: NDArray[np.float64], kernel: str, width: float) -> str:
    spacing = (energy[-1] - energy[0]) / max(len(energy) - 1, 1)
    return (
        f"{{kernel: {kernel}, width_ev: {width:.6g}, minimum_ev: {energy[0]:.6g}, "
        f"maximum_ev: {energy[-1]:.6g}, spacing_ev: {spacing:.6g}}} ({len(energy)} energies)"
    )
