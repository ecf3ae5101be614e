"""What files say of themselves against what the config says of them."""

from surrogate_hpo.dft.finished import LdosRequest
from surrogate_hpo.dft.ldos_axis import LdosAxis
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
