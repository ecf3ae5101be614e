"""Makes a Snakemake profile of this checkout known by its name: `snakemake --profile slurm`."""

import os
from pathlib import Path

from surrogate_hpo.errors import ConfigError


def install_profile(name: str, *, profiles: Path) -> Path:
    """Link a profile into the folder where Snakemake looks for the user's profiles.

    A link, so that edits in the checkout count. Doing it again changes nothing.

    Parameters
    ----------
    name
        Name of the profile.
    profiles
        Folder that holds it, of the checkout.

    Returns
    -------
    Path
        The link.

    Raises
    ------
    ConfigError
        If there is no such profile, or another one of this name is already there.
    """
    source = profile_folder(name, profiles=profiles)
    link = user_profiles() / name
    if link.is_symlink() and link.resolve() == source:
        return link
    if link.is_symlink() or link.exists():
        raise ConfigError(
            f"another profile `{name}` is there already",
            where=str(link),
            expected=f"nothing, or a link to {source}",
            got=f"a link to {link.readlink()}" if link.is_symlink() else "a profile of its own",
            remedy=f"remove or rename it, or use this one by its path: --profile {source}",
        )
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(source, target_is_directory=True)
    return link


def profile_folder(name: str, *, profiles: Path) -> Path:
    """Folder of a profile of the checkout.

    Parameters
    ----------
    name
        Name of the profile.
    profiles
        Folder that holds it.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    ConfigError
        If there is no such profile, with those that there are.
    """
    source = (profiles / name).resolve()
    if not (source / "config.yaml").is_file():
        there = sorted(file.parent.name for file in profiles.glob("*/config.yaml"))
        raise ConfigError(
            f"there is no profile `{name}`",
            where=str(profiles),
            expected=f"one of {', '.join(there)}" if there else "a folder of profiles",
            remedy="run this in the checkout, or name its folder: --profiles path/to/profiles",
        )
    return source


def user_profiles() -> Path:
    """Where Snakemake looks for profiles by name, on Linux."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "snakemake"
