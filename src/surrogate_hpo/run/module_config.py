"""Settings that another workflow gives to this one, as the file that jobs read."""

import json
from collections.abc import Mapping
from pathlib import Path

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.atomic import write_text

# Beside what interrupted jobs keep: no result, and made anew whenever it is missing.
FOLDER = Path("results") / "state"


def module_config(module: str, settings: object, folder: Path = FOLDER) -> Path:
    """Write the settings of a Snakemake module to a file, if it does not hold them already.

    Parameters
    ----------
    module
        Name of the module.
    settings
        What its `config:` says.
    folder
        Where the file belongs.

    Returns
    -------
    Path
        The file, in JSON: of YAML, whatever is quoted in it stays a word.

    Raises
    ------
    ConfigError
        If there are no settings.
    """
    if not isinstance(settings, Mapping) or not settings:
        raise ConfigError(
            "the module was given no settings",
            where=f"module {module}",
            expected="a mapping of sections, as config/config.yaml has them",
            got="nothing" if not settings else type(settings).__name__,
            remedy=f'module {module}: snakefile: ... config: config["{module}"]',
        )
    path = folder / f"{module}.json"
    text = json.dumps(settings, indent=1, ensure_ascii=False, default=str) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
    return path
