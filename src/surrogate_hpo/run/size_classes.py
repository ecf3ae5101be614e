"""Snapshots of one number of atoms are a size class; the first stands for all of them."""

from ase import Atoms

from surrogate_hpo.config.project import Config
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.run.cases import case_of
from surrogate_hpo.run.rest import structure_at_rest


def size_classes(config: Config) -> dict[str, Atoms]:
    """The first snapshot of each number of atoms: of training, else validation, else test.

    Parameters
    ----------
    config
        The whole config.

    Returns
    -------
    dict
        Structure at rest by the name of the snapshot, smallest first; of own files, the file's
        first frame.

    Raises
    ------
    ConfigError
        If the calculations are finished: they cannot be run with another mesh.
    DataError
        If a structure file is missing or unreadable.
    """
    if config.snapshots.finished:
        raise ConfigError(
            "the k noise of finished calculations cannot be found",
            where="snapshots.method",
            expected="snapshots whose DFT is run here, with a second mesh as well",
            got="finished",
            remedy="run one of them again with a denser mesh, and compare energies and LDOS",
        )

    plans, sizes = config.snapshots.plans, case_of(config).sizes
    first: dict[int, str] = {}
    for name in plans:
        first.setdefault(sizes[name].atoms, name)
    return {first[count]: structure_at_rest(plans[first[count]]) for count in sorted(first)}
