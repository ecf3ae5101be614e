"""What a SNAP descriptor is: all that decides its numbers, for an atom of any element."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from surrogate_hpo.descriptors.elements import atom_parameters
from surrogate_hpo.descriptors.triples import n_components


@dataclass(frozen=True)
class DescriptorDefinition:
    """Settings that choices, stores and models hand on from stage to stage.

    Attributes
    ----------
    cutoff_radius
        R_cut, Å.
    twojmax
        2 J_max.
    element_weights
        w of each element, dimensionless. May be empty for structures of one element, whose
        weight then is 1; else every element that occurs must be named.
    element_radii
        Radius factor of each element: it is seen up to 2·radius·cutoff_radius; 0.5 if not named.
    cell_density
        Whether the density of the cell is one more component, behind those of SNAP.
    cell_mean_twojmax
        2 J_max of the components that are means over the atoms of the cell, behind the others; none
        if absent. See :class:`.cell_components.CellComponents`.
    """

    cutoff_radius: float
    twojmax: int
    element_weights: Mapping[str, float] = field(default_factory=dict)
    element_radii: Mapping[str, float] = field(default_factory=dict)
    cell_density: bool = False
    cell_mean_twojmax: int | None = None

    @property
    def components(self) -> int:
        """Number of components at a point of a grid."""
        means = self.cell_mean_twojmax
        of_cell = self.cell_density + (0 if means is None else n_components(means))
        return n_components(self.twojmax) + of_cell

    def keywords(self, symbols: Sequence[str]) -> dict[str, Any]:
        """The definition for some atoms, as the bispectrum's engines and its adjoint take it.

        Parameters
        ----------
        symbols
            Element of each atom.

        Returns
        -------
        dict
            `cutoff_radius`, `twojmax`, and `weights` and `radii` per atom.

        Raises
        ------
        ConfigError
            If the definition does not cover the elements.
        """
        weights, radii = atom_parameters(symbols, self.element_weights, self.element_radii)
        return {
            "cutoff_radius": self.cutoff_radius,
            "twojmax": self.twojmax,
            "weights": weights,
            "radii": radii,
        }

    def as_document(self) -> dict[str, Any]:
        """The settings as plain values, with units in their names."""
        of_cell = {
            "cell_density": self.cell_density,
            "cell_mean_twojmax": self.cell_mean_twojmax,
        }
        return {
            "cutoff_radius_angstrom": self.cutoff_radius,
            "twojmax": self.twojmax,
            "element_weights": dict(sorted(self.element_weights.items())),
            "element_radii": dict(sorted(self.element_radii.items())),
            **{key: value for key, value in of_cell.items() if value},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Take the settings from a mapping that holds the keys of :meth:`as_document`."""
        means = document.get("cell_mean_twojmax")
        return cls(
            cutoff_radius=float(document["cutoff_radius_angstrom"]),
            twojmax=int(document["twojmax"]),
            element_weights={k: float(v) for k, v in document["element_weights"].items()},
            element_radii={k: float(v) for k, v in document["element_radii"].items()},
            cell_density=bool(document.get("cell_density", False)),
            cell_mean_twojmax=None if means is None else int(means),
        )


DEFINITION_KEYS = ("cutoff_radius_angstrom", "twojmax", "element_weights", "element_radii")
