"""What `check` says of DFT that a change of the LDOS will repeat."""

from collections.abc import Iterator
from pathlib import Path

from surrogate_hpo.config.project import Config
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.run.cases import case_of, wavefunction_bytes
from surrogate_hpo.run.request import request
from surrogate_hpo.stages.ldos.settings import LdosSettings

_FIRST_PLANE = slice(0, 1)


def repeated_dft(config: Config) -> Iterator[str]:
    """Say what another LDOS will cost where the wavefunctions of the present one are gone.

    Parameters
    ----------
    config
        The whole config.

    Yields
    ------
    str
        A sentence for the log.
    """
    if config.snapshots.finished:
        return
    names = [name for name in config.snapshots.all_names() if _needs_dft(config.ldos, name)]
    if not names:
        return
    case = case_of(config)
    asked = [request("dft", case.of(name)) for name in names]
    hours = sum(one.expected_seconds * one.threads for one in asked) / 3600
    _, together = wavefunction_bytes(case)
    yield (
        f"the ldos section has changed, and the wavefunctions of {len(names)} snapshots were not "
        f"kept: their DFT will run again, {hours:.2g} core hours by the estimate; with "
        f"dft.keep_wavefunctions: true ({together / 2**20:,.0f} MiB) the next change will not"
    )


def _needs_dft(settings: LdosSettings, name: str) -> bool:
    """Whether the LDOS of a snapshot is of other settings, and no wavefunctions are left."""
    store = Path(f"results/ldos/{name}.zarr.zip")
    if not store.exists() or Path(f"results/dft/{name}.save").exists():
        return False
    return not read_ldos(store, _FIRST_PLANE).axis.agrees(settings.axis())
