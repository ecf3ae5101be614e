"""The keys of MALA's `NAME.info.json`, each checked when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError

# Section of what MALA has no key for.
OWN = "surrogate_hpo"


@dataclass(frozen=True)
class SidecarKeys:
    """The document of a sidecar.

    Attributes
    ----------
    path
        The file.
    document
        Its content.
    """

    path: Path
    document: Mapping[str, Any]

    def own(self, part: str) -> Mapping[str, Any] | None:
        """A part of the section that this package adds, if it is there."""
        section = self.document.get(OWN)
        found = section.get(part) if isinstance(section, dict) else None
        return found if isinstance(found, dict) else None

    def needed(self, key: str) -> Any:  # noqa: ANN401 (any JSON value)
        """The value of a key, which must be there."""
        if self.document.get(key) is None:
            raise self.fault("a value", key, None)
        return self.document[key]

    def number(self, key: str) -> float:
        """The finite number of a key, which must be there."""
        self.needed(key)
        return float(self.optional(key) or 0)

    def mapping(self, key: str) -> Mapping[str, Any] | None:
        """The JSON object of a key, if it is there."""
        value = self.document.get(key)
        if value is not None and not isinstance(value, dict):
            raise self.fault("a JSON object", key, value)
        return value

    def optional(self, key: str) -> float | None:
        """The finite number of a key, if it is there."""
        value = self.document.get(key)
        if value is None:
            return None
        try:
            number = np.nan if isinstance(value, bool | str) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = np.nan
        if not np.isfinite(number):
            raise self.fault("a finite number", key, value)
        return number

    def array(self, value: object, shape: tuple[int, ...], key: str) -> NDArray[np.float64]:
        """A value as finite numbers of a shape."""
        try:
            array = np.array(value, dtype=np.float64).reshape(shape)
        except (TypeError, ValueError, OverflowError) as error:
            raise self.fault(f"numbers of shape {shape}", key, value) from error
        if not np.isfinite(array).all():
            raise self.fault("finite numbers", key, value)
        return array

    def fault(self, expected: str, key: str, got: object) -> DataError:
        """What to raise about the value of a key."""
        return DataError(
            "the sidecar of the snapshot is incomplete or damaged",
            where=f"{self.path}, key {key}",
            expected=expected,
            got="nothing" if got is None else repr(got)[:200],
            remedy="write it again with MALA's DataConverter from the output of the calculation",
        )
