"""What an unpacked archive says of itself: its contents and its config, neither of them trusted."""

from pathlib import Path
from typing import Any

import yaml

from surrogate_hpo import limits
from surrogate_hpo.archive.collect import CONFIG, RUN
from surrogate_hpo.archive.unpack import leads_out
from surrogate_hpo.config.yaml_core import UNREADABLE, CoreLoader, check_yaml
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.limits import require_size
from surrogate_hpo.stages.archive.stage import CONTENTS, FORMAT


def archived_contents(folder: Path) -> dict[str, Any]:
    """Read what an archive says that it holds and leaves out.

    Parameters
    ----------
    folder
        Into which it was unpacked.

    Returns
    -------
    dict
        Its keys, of which paths and packages are checked.

    Raises
    ------
    DataError
        The file is missing, damaged, of another form, or names a path outside.
    """
    keys = ("format", "left_out", "packages", "jobs")
    contents = read_document(folder / CONTENTS, keys=keys)
    if contents["format"] != FORMAT:
        raise DataError(
            "the archive has another form",
            where=CONTENTS,
            expected=f"format {FORMAT}",
            got=f"format {contents['format']}",
            remedy="verify it with the surrogate-hpo that is in it, under source/",
        )
    left_out, packages = contents["left_out"], contents["packages"]
    told = isinstance(left_out, list) and isinstance(packages, dict)
    paths = [e.get("path") if isinstance(e, dict) else None for e in left_out] if told else [None]
    if not all(isinstance(path, str) for path in paths):
        raise DataError(
            "what the archive says of itself is damaged",
            where=CONTENTS,
            expected="left_out, a list of entries with a path, and packages by name",
        )
    outside = [path for path in map(str, paths) if leads_out(path)]
    if outside:
        raise DataError("a path leads out of the archive", where=CONTENTS, got=outside[0])
    return contents


def archived_settings(folder: Path) -> dict[str, Any]:
    """Read the config, without what YAML offers to make a few lines into gigabytes.

    Parameters
    ----------
    folder
        Into which the archive was unpacked.

    Returns
    -------
    dict
        Its sections.

    Raises
    ------
    DataError
        The file is missing, too large or no plain YAML.
    """
    path = folder / RUN / CONFIG
    require_size(path, limits.CONFIG_BYTES, "config of the archive")
    try:
        text = path.read_text(encoding="utf-8")
        check_yaml(text, CONFIG)
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise DataError("the config of the archive is not as it was packed", where=CONFIG)
        settings = yaml.load(text, Loader=CoreLoader)  # noqa: S506 (a SafeLoader)
    except (OSError, *UNREADABLE) as error:
        raise DataError("the config is not valid YAML", where=CONFIG, got=str(error)) from error
    return settings if isinstance(settings, dict) else {}
