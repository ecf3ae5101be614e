"""What every finished calculation can be asked, whatever files it consists of."""

from pathlib import Path
from typing import Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.config.dft import DftSettings
from surrogate_hpo.config.ldos import LdosSettings
from surrogate_hpo.config.sizes import Size
from surrogate_hpo.dft.result import DftResult


class FinishedCalculation(Protocol):
    """A finished self-consistent calculation with what its LDOS is made from.

    Opening one looks at names only; the small file is read by `structure`, `result`, `size`,
    and headers by `check`; only `ldos` reads the arrays. Nothing is ever written.

    `DftSettings` is the `dft` section: it says what the files leave unsaid, and must not
    contradict them. `LdosSettings` is the `ldos` section: energy axis, kernel and width, and
    which data are taken where there are two kinds. All methods raise a `DataError` for files
    that are missing, damaged or do not fit each other, and a `ConfigError`, with the key, for
    settings that are missing or contradict the files.
    """

    @property
    def description(self) -> Path:
        """The small file that says what was calculated."""

    def files(self, settings: LdosSettings) -> list[Path]:
        """All files that the structure, the result and the LDOS come from."""

    def size(self) -> Size:
        """Counts that decide what a job needs."""

    def structure(self) -> Atoms:
        """The atoms, Å, periodic."""

    def result(self, settings: DftSettings) -> DftResult:
        """The numbers of the calculation; what its files do not tell comes from the settings."""

    def wavefunctions(self, settings: LdosSettings) -> Path | None:
        """Folder of the wavefunctions to sum the LDOS from; None where it is there already."""

    def check(self, settings: LdosSettings, result: DftResult) -> None:
        """Find what is wrong with the LDOS's files without reading their arrays."""

    def ldos(self, settings: LdosSettings, result: DftResult) -> NDArray[np.float32]:
        """Read an LDOS that is there, 1/(eV Å³), [x, y, z, energy] on the axis of the settings."""
