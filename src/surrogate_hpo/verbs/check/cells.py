"""What can be said of the cells of a run before any of them is calculated."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from ase import Atoms

from surrogate_hpo.config.base import SPLITS, Split
from surrogate_hpo.config.project import Config
from surrogate_hpo.config.sizes import Size
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.formats.structures.structures import checked_structure
from surrogate_hpo.run.rest import rest_structure
from surrogate_hpo.stages.snapshots.settings_groups import SnapshotPlan
from surrogate_hpo.stages.snapshots.stage import make_snapshot
from surrogate_hpo.verbs.check.contents import usual_volume

# Of a size, below which their errors tell little.
_FEW_SNAPSHOTS = 3
# Volume per atom, in units of that of the element at rest.
_DENSEST, _THINNEST = 0.75, 1.33
# Largest over smallest volume per atom of the training, less one. 1 % shifts E_F of Al by 0.1 eV.
_VARIED_VOLUMES, _EQUAL_VOLUMES = 1e-2, 1e-6
# As many means as cells tell every cell apart.
_CELLS_PER_MEAN = 2


def representatives(config: Config) -> list[str]:
    """All own files, but of the generated snapshots only one of each cell: seeds tell them apart.

    Parameters
    ----------
    config
        The whole config.

    Returns
    -------
    list of str
        Names of snapshots.
    """
    first: dict[str, str] = {}
    for name, plan in config.snapshots.plans.items():
        first.setdefault(name if plan.cell is None else _cell_key(plan), name)
    return list(first.values())


def _cell_key(plan: SnapshotPlan) -> str:
    alike = replace(plan, temperature_kelvin=None, shape=None, grouped=False)
    return str(replace(alike, strain_percent=None, random_strain_percent=None))


def make_generated(config: Config, structures: dict[str, Atoms]) -> None:
    """Make the generated snapshots that are no representatives, and refuse overlapping atoms.

    Of molecular dynamics, which takes minutes, only the cells at rest are made; the stage
    `snapshots` refuses what a trajectory leads to.

    Parameters
    ----------
    config
        The whole config.
    structures
        By name of the snapshot; those that were made are added.

    Raises
    ------
    DataError
        Naming the first one with an overlap and its atoms.
    """
    for name, plan in config.snapshots.plans.items():
        if plan.cell is None:
            continue
        try:
            if config.snapshots.method == "displacements":
                if name not in structures:
                    structures[name] = make_snapshot(config.snapshots, name, seed=config.seed)
                atoms = structures[name]
            else:
                atoms = rest_structure(plan)
        except (ConfigError, DataError):
            continue  # said of the first snapshot of this cell
        checked_structure(atoms, name)


def cell_warnings(config: Config, sizes: dict[str, Size]) -> Iterator[str]:
    """What is likely to be a mistake in the cells.

    Parameters
    ----------
    config
        The whole config.
    sizes
        Of the snapshots.

    Yields
    ------
    str
        A sentence each.
    """
    yield from _unlikely_densities(config, sizes)
    if len({size.atoms for size in sizes.values()}) == 1:
        return
    for split in SPLITS:
        counts = Counter(sizes[name].atoms for name in config.snapshots.names(split))
        few = [f"{n} of {atoms} atoms" for atoms, n in sorted(counts.items()) if n < _FEW_SNAPSHOTS]
        if few:
            yield (
                f"snapshots.{split}: {', '.join(few)}: what is said of cells of a size is "
                f"uncertain with fewer than {_FEW_SNAPSHOTS}"
            )


def volume_warnings(config: Config, structures: dict[str, Atoms]) -> Iterator[str]:
    """Whether the density of the cell is a component where it is needed, and only there.

    Parameters
    ----------
    config
        The whole config.
    structures
        By name of the snapshot, as far as they are known.

    Yields
    ------
    str
        A sentence.
    """
    names = [name for name in config.snapshots.names("training") if name in structures]
    volumes = [structures[name].get_volume() / len(structures[name]) for name in names]
    if not volumes:
        return
    spread, wanted = max(volumes) / min(volumes) - 1, config.descriptors.cell_density
    if spread > _VARIED_VOLUMES and not wanted:
        yield (
            f"snapshots.training: volumes per atom differ by up to {100 * spread:.1f} %, and no "
            "descriptor of a neighbourhood tells how dense the whole cell is, which shifts all "
            "energies: see descriptors.cell_density"
        )
    if spread < _EQUAL_VOLUMES and wanted:
        yield (
            "descriptors.cell_density: all training cells have the same volume per atom, so this "
            "component is constant and teaches nothing"
        )


def means_warnings(config: Config) -> Iterator[str]:
    """Whether there are enough training cells for the means over the atoms of a cell.

    Parameters
    ----------
    config
        The whole config.

    Yields
    ------
    str
        A sentence.
    """
    if (twojmax := config.descriptors.cell_mean_twojmax) is None:
        return
    means, cells = n_components(twojmax), len(config.snapshots.names("training"))
    if cells < _CELLS_PER_MEAN * means:
        yield (
            f"descriptors.cell_mean_twojmax: {means} means over the atoms beside {cells} training "
            f"cells, fewer than {_CELLS_PER_MEAN * means}: they tell each cell apart; "
            "lower it, leave it out, or train on more cells"
        )


def _unlikely_densities(config: Config, sizes: dict[str, Size]) -> Iterator[str]:
    said = set()
    for name, plan in config.snapshots.plans.items():
        usual = None if plan.cell is None else usual_volume(plan.cell.symbol)
        volume = sizes[name].volume / sizes[name].atoms
        if usual is None or plan.cell is None or _DENSEST <= volume / usual <= _THINNEST:
            continue
        if (key := _cell_key(plan)) not in said:
            said.add(key)
            yield (
                f"snapshots: {name} has {volume:.1f} Å³ per atom, {plan.cell.symbol} usually has "
                f"{usual:.1f}; see to the lattice constant and strain_percent"
            )


def cell_facts(config: Config, sizes: dict[str, Size]) -> Iterator[str]:
    """What is as it may be, but good to know before a run of mixed cells.

    Parameters
    ----------
    config
        The whole config.
    sizes
        Of the snapshots.

    Yields
    ------
    str
        A sentence each.
    """
    plans = config.snapshots.plans

    def numbers(split: Split) -> list[float]:
        return [sizes[name].atoms for name in config.snapshots.names(split)]

    def temperatures(split: Split) -> list[float]:
        known = (plans[name].temperature_kelvin for name in config.snapshots.names(split))
        return [kelvin for kelvin in known if kelvin is not None]

    for what, unit, values in (("size", "atoms", numbers), ("temperature", "K", temperatures)):
        trained, tested = values("training"), values("test")
        if trained and tested and (min(tested) < min(trained) or max(tested) > max(trained)):
            yield (
                f"trained on {_range(trained)} {unit}, tested on {_range(tested)}: errors will be "
                f"those of another {what}"
            )
    missing: dict[int, int] = {}
    for plan in plans.values():
        if plan.supercell_atoms is not None and plan.shape is not None:
            found = int(rest_structure(plan).info["shape"])
            if found < plan.shape:
                missing.setdefault(plan.supercell_atoms, plan.shape)
    for atoms, count in missing.items():
        yield f"supercells of {atoms} atoms have {count} shapes, fewer than asked for: they recur"


def _range(values: list[float]) -> str:
    first, last = min(values), max(values)
    return f"{first:g}" if first == last else f"{first:g} to {last:g}"
