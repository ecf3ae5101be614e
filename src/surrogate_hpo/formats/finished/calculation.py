"""What every finished calculation can be asked, whatever files it consists of."""

from pathlib import Path
from typing import Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.dft.finished import DftSupplement, LdosRequest
from surrogate_hpo.dft.result import DftResult


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
