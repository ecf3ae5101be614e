"""New places for files outside of the run's folder: an archive holds them in `inputs/`."""

import ast
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

INPUTS = Path("inputs")


class Relocation:
    """Which path stands in an archive for which path of the run.

    Files in the folder of the run stay where they are. Those outside keep their places among
    each other: what is common to all their paths becomes `inputs/`.

    Parameters
    ----------
    run
        Folder of the run.
    paths
        Files that it reads, as its config and Snakemake's records name them.
    """

    def __init__(self, run: Path, paths: Iterable[str]) -> None:
        self._run = run.absolute()
        known = {self._absolute(path) for path in paths}
        outside = [path for path in known if not path.is_relative_to(self._run)]
        common = os.path.commonpath([path.parent for path in outside]) if outside else ""
        self._new: dict[Path, Path] = {}
        for path in sorted(known):
            is_inside = path.is_relative_to(self._run)
            new = path.relative_to(self._run) if is_inside else INPUTS / path.relative_to(common)
            # Its folders, too: a config may name the folder of what is read.
            for old, place in zip((path, *path.parents), (new, *new.parents), strict=False):
                if place != Path():
                    self._new[old] = place

    def _absolute(self, path: str) -> Path:
        return Path(os.path.normpath(self._run / path))

    def text(self, text: str) -> str:
        """The new path of a known one, also of `path@frames`; any other text as it is."""
        name, mark, frames = text.rpartition("@")
        for path, rest in ((text, ""), (name, mark + frames)):
            new = self._new.get(self._absolute(path)) if _is_elsewhere(path) else None
            if new is not None:
                return f"{new}{rest}"
        return text

    def value(self, value: Any) -> Any:  # noqa: ANN401 (any JSON value)
        """The same for all texts in lists and mappings."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.value(item) for item in value)
        return value

    def record(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The same for one of Snakemake's records, so that it holds for the new places.

        Parameters
        ----------
        content
            The record.

        Returns
        -------
        dict
            With new paths among inputs, parameters and in the command.
        """
        inputs = [str(path) for path in content.get("input") or []]
        sums = {self.text(p): s for p, s in (content.get("input_checksums") or {}).items()}
        command = content.get("shellcmd")
        if isinstance(command, str):
            for path in sorted(inputs, key=len, reverse=True):
                command = command.replace(path, self.text(path))
        return dict(content) | {
            "input": sorted(self.text(path) for path in inputs),
            "input_checksums": sums,
            "shellcmd": command,
            "params": sorted(self._parameter(p) for p in content.get("params") or []),
        }

    def _parameter(self, written: Any) -> Any:  # noqa: ANN401 (Snakemake writes text)
        """Snakemake compares parameters as Python writes them."""
        try:
            value = ast.literal_eval(written)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return written
        new = self.value(value)
        return written if new == value else repr(new)


def _is_elsewhere(path: str) -> bool:
    return Path(path).is_absolute() or os.path.normpath(path).startswith("..")
