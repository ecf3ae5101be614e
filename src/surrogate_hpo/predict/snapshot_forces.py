"""Forces and stress of one held-out snapshot, from DFT and from each network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.files.tables import Cell
from surrogate_hpo.networks.error_bar import ForceErrorBar
from surrogate_hpo.physics.accuracy import deviation

FloatArray = NDArray[np.float64]
AXES = "xyz"


@dataclass(frozen=True)
class SnapshotForces:
    """Forces and stress of one snapshot whose DFT run tells the forces.

    Attributes
    ----------
    species
        Element of each atom.
    dft
        Forces of DFT, eV/Å, [atom, 3].
    networks
        Those of each network, eV/Å, [network, atom, 3].
    dft_stress
        Stress of DFT, eV/Å³, [3, 3], ASE's sign; None if it is not known.
    network_stresses
        That of each network, eV/Å³, [network, 3, 3].

    Raises
    ------
    ValueError
        If shapes do not fit each other, or a number is not finite.
    """

    species: tuple[str, ...]
    dft: FloatArray
    networks: FloatArray
    dft_stress: FloatArray | None
    network_stresses: FloatArray

    def __post_init__(self) -> None:
        atoms, count = len(self.species), len(self.networks)
        for name, values, shape in (
            ("forces of DFT", self.dft, (atoms, 3)),
            ("forces of the networks", self.networks, (count, atoms, 3)),
            ("stress of DFT", self.dft_stress, (3, 3)),
            ("stress of the networks", self.network_stresses, (count, 3, 3)),
        ):
            if values is not None and (values.shape != shape or not np.isfinite(values).all()):
                msg = f"{name} are not finite numbers of shape {shape}"
                raise ValueError(msg)

    @property
    def mean(self) -> FloatArray:
        """Mean over the networks, eV/Å, [atom, 3]."""
        return np.asarray(self.networks.mean(axis=0))

    @property
    def spread(self) -> FloatArray:
        """Standard deviation (ddof 1) over the networks, eV/Å, [atom, 3]; NaN with one network."""
        return deviation(self.networks)

    def as_document(self) -> dict[str, Any]:
        """All digits as plain JSON values."""
        return {
            "species": list(self.species),
            "dft_ev_per_angstrom": self.dft.tolist(),
            "networks_ev_per_angstrom": self.networks.tolist(),
            "dft_stress_ev_per_angstrom3": (
                None if self.dft_stress is None else self.dft_stress.tolist()
            ),
            "network_stresses_ev_per_angstrom3": self.network_stresses.tolist(),
        }

    @classmethod
    def from_document(cls, content: Mapping[str, Any]) -> "SnapshotForces":
        """Take what `as_document` gave; an error of Python's own if it is something else."""
        stress = content["dft_stress_ev_per_angstrom3"]
        return cls(
            species=tuple(content["species"]),
            dft=np.array(content["dft_ev_per_angstrom"], np.float64),
            networks=np.array(content["networks_ev_per_angstrom"], np.float64),
            dft_stress=None if stress is None else np.array(stress, np.float64),
            network_stresses=np.array(content["network_stresses_ev_per_angstrom3"], np.float64),
        )

    def rows(self, snapshot: str, bar: ForceErrorBar | None = None) -> list[dict[str, Cell]]:
        """Rows of the table of forces: one per atom and axis.

        Parameters
        ----------
        snapshot
            Its name.
        bar
            How the expected errors are calibrated; None if they are not.

        Returns
        -------
        list of dict
            Forces in eV/Å.
        """
        bars = None if bar is None else bar.bars(self.networks)
        return [
            {
                "snapshot": snapshot,
                "atom": atom,
                "element": element,
                "axis": axis,
                "dft_ev_per_angstrom": float(self.dft[atom, number]),
                "mean_ev_per_angstrom": float(self.mean[atom, number]),
                "spread_ev_per_angstrom": float(self.spread[atom, number]),
                "error_bar_ev_per_angstrom": None if bars is None else float(bars[atom, number]),
            }
            for atom, element in enumerate(self.species)
            for number, axis in enumerate(AXES)
        ]
