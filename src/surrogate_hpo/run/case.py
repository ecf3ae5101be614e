"""What the estimates know of a run: its config, and the size of a snapshot."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ase import Atoms

from surrogate_hpo.config.base import Split
from surrogate_hpo.config.frames import file_of
from surrogate_hpo.config.project import Config
from surrogate_hpo.config.sizes import Size, size_of
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.formats.finished.sizes import size_of_finished
from surrogate_hpo.formats.structures.labelled import LabelledFrame, read_labelled
from surrogate_hpo.formats.structures.structures import read_structures
from surrogate_hpo.run.rest import structure_at_rest
from surrogate_hpo.stages.snapshots.settings_groups import SnapshotPlan

FLOAT32 = 4


@dataclass(frozen=True)
class Case:
    """Counts that several estimates share; where a stage is yet to choose, the largest choice.

    Attributes
    ----------
    config
        The whole config.
    size
        Of one snapshot, the largest if they differ.
    sizes
        Of each snapshot by name; where one is missing, it is as large as the largest.
    transfers
        Of each structure beyond the run.
    transfers_with_forces
        Of those among them whose forces are predicted.
    large
        Of the structure that many jobs predict together; None if there is none.
    """

    config: Config
    size: Size
    sizes: Mapping[str, Size] = field(default_factory=dict)
    transfers: Sequence[Size] = ()
    transfers_with_forces: Sequence[Size] = ()
    large: Size | None = None

    def of(self, snapshot: str) -> "Case":
        """The case as a job sees it that has to do with one snapshot alone."""
        return replace(self, size=self.sizes.get(snapshot, self.size))

    @property
    def grid_points(self) -> int:
        """Grid points of one snapshot."""
        return self.size.grid_points

    @cached_property
    def twojmax(self) -> int:
        """Largest 2 J_max among the candidates."""
        return max(self.config.acsd.twojmax)

    @cached_property
    def components(self) -> int:
        """Descriptor components at the largest 2 J_max."""
        candidate = DescriptorDefinition(max(self.config.acsd.cutoff_radii_angstrom), self.twojmax)
        return self.config.descriptors.with_cell(candidate).components

    @cached_property
    def energies(self) -> int:
        """Energies of the LDOS."""
        window = self.config.ldos
        return round((window.maximum_ev - window.minimum_ev) / window.spacing_ev) + 1

    @property
    def point_bytes(self) -> int:
        """Bytes of descriptors and LDOS of one grid point."""
        return FLOAT32 * (self.components + self.energies)

    def snapshots(self, *splits: Split) -> int:
        """Snapshots of some splits."""
        return sum(len(self.config.names(split)) for split in splits)

    def points(self, *splits: Split) -> int:
        """Grid points of all snapshots of some splits."""
        names = [name for split in splits for name in self.config.names(split)]
        return sum(self.sizes.get(name, self.size).grid_points for name in names)

    @cached_property
    def network(self) -> list[int]:
        """Widths of the largest network of the scan, inputs and outputs included."""
        scan = self.config.naswot
        return self.layers(max(scan.layers), max(scan.widths))

    def layers(self, hidden: int, width: int) -> list[int]:
        """Widths of a network, inputs and outputs included.

        Parameters
        ----------
        hidden
            Number of hidden layers.
        width
            Of each.

        Returns
        -------
        list of int
            From the descriptor components to the energies.
        """
        return [self.components, *[width] * hidden, self.energies]


def case_of(config: Config) -> Case:
    """Size of the snapshots of a config: of its cell, its structure files or finished calculations.

    Parameters
    ----------
    config
        The whole config.

    Returns
    -------
    Case
        With the size of each snapshot, and the largest; of own files the first frame counts.

    Raises
    ------
    ConfigError
        If a cell cannot be built.
    DataError
        If a structure file is missing or unreadable.
    """
    plans = config.snapshots.plans
    known: dict[str, Size] = {}
    for plan in plans.values():
        if (key := _key(plan)) not in known:
            known[key] = _size(config, plan)
    sizes = {name: known[_key(plan)] for name, plan in plans.items()}
    largest = max(known.values(), key=lambda size: (size.grid_points, size.volume, size.atoms))
    frames = read_labelled(config.transfer.structures)
    transfers = _transfers(frames, largest)
    with_forces = [
        size
        for frame, size in zip(frames, transfers, strict=True)
        if config.transfer.forces and frame.forces is not None
    ]
    return Case(config, largest, sizes, transfers, with_forces, _large(config, largest))


def _transfers(frames: Sequence[LabelledFrame], known: Size) -> list[Size]:
    return [_beyond(frame.atoms, known) for frame in frames]


def _beyond(atoms: Atoms, known: Size) -> Size:
    """Size of a structure beyond the run: grid points in proportion to the volume."""
    ratio = float(atoms.get_volume()) / known.volume
    points = math.ceil(known.grid_points * ratio)
    return replace(known, atoms=len(atoms), volume=ratio * known.volume, grid=(points, 1, 1))


def _large(config: Config, known: Size) -> Size | None:
    """Size of the structure that many jobs predict; grid points as it says, if it does."""
    large = config.predict_large
    if large.structure is None:
        return None
    (atoms,) = read_structures(large.structure)
    size, grid = _beyond(atoms, known), large.grid_points
    return size if grid is None else replace(size, grid=grid)


def _key(plan: SnapshotPlan) -> str:
    """What the size of a snapshot depends on."""
    if plan.cell is None:
        return file_of(plan.source)
    return str(replace(plan, temperature_kelvin=None, grouped=False))


def _size(config: Config, plan: SnapshotPlan) -> Size:
    if config.snapshots.finished:
        return size_of_finished(plan.source)
    atoms = structure_at_rest(plan)
    return size_of(len(atoms), atoms.cell[:], config.dft)


def wavefunction_bytes(case: Case) -> tuple[int, int]:
    """Bytes of the wavefunctions of a run.

    Parameters
    ----------
    case
        The case.

    Returns
    -------
    tuple of int
        Of the largest snapshot, and of all together.
    """
    each = [case.of(name).size.wavefunction_bytes for name in case.config.all_names()]
    return max(each), sum(each)


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
