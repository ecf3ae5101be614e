"""What the estimates know of a run: its config, and the size of a snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from surrogate_hpo.config.project import Config
from surrogate_hpo.config.sizes import Size
from surrogate_hpo.config.splits import Split
from surrogate_hpo.descriptors.triples import n_components

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
    """

    config: Config
    size: Size
    sizes: Mapping[str, Size] = field(default_factory=dict)
    transfers: Sequence[Size] = ()

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
        return n_components(self.twojmax)

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
        return sum(len(self.config.snapshots.names(split)) for split in splits)

    def points(self, *splits: Split) -> int:
        """Grid points of all snapshots of some splits."""
        names = [name for split in splits for name in self.config.snapshots.names(split)]
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
