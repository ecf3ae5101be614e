"""What every finished calculation can be asked, whatever files it consists of."""

from pathlib import Path
from typing import Protocol

from ase import Atoms

from surrogate_hpo.config.dft import DftSettings
from surrogate_hpo.config.ldos import LdosSettings
from surrogate_hpo.config.sizes import Size
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.io.ldos_store import LdosData


class FinishedCalculation(Protocol):
    """A finished self-consistent calculation with what its LDOS is made from.

    Opening one looks at names only; the small file is read by `structure`, `result`, `size`,
    and headers by `check`; only `ldos` reads the arrays. Nothing is ever written.
    """

    @property
    def description(self) -> Path:
        """The small file that says what was calculated."""

    def files(self, settings: LdosSettings) -> list[Path]:
        """All files that the structure, the result and the LDOS come from.

        Parameters
        ----------
        settings
            The `ldos` section: says which data are taken where there are two kinds.
        """

    def size(self) -> Size:
        """Counts that decide what a job needs."""

    def structure(self) -> Atoms:
        """The atoms, Å, periodic."""

    def result(self, settings: DftSettings) -> DftResult:
        """The numbers of the calculation; what its files do not tell comes from the settings.

        Parameters
        ----------
        settings
            The `dft` section.
        """

    def wavefunctions(self, settings: LdosSettings) -> Path | None:
        """Folder of the wavefunctions to sum the LDOS from; None where it is there already.

        Parameters
        ----------
        settings
            The `ldos` section.
        """

    def check(self, settings: LdosSettings, result: DftResult) -> None:
        """Find what is wrong with the LDOS's files without reading their arrays.

        Parameters
        ----------
        settings
            The `ldos` section: energy axis, kernel, width.
        result
            As given by `result`.
        """

    def ldos(self, settings: LdosSettings, result: DftResult) -> LdosData:
        """Read the LDOS that is there; not for calculations with `wavefunctions`.

        Parameters
        ----------
        settings
            The `ldos` section: energy axis, kernel, width.
        result
            As given by `result`.
        """
