"""The figures of the ados stage, from its tables; the report draws them, too."""

from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.data.figure_files import FIGURE_WIDTH, save_figures
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.physics.accuracy import deviation
from surrogate_hpo.report.style import DrawnFigure
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.stages.ados.figure import band_energy, density_of_states

_SEED = "seed-"
_TABLE = (
    *("snapshot", "source", "atoms", "temperature_kelvin"),
    *("band_energy_ev", "band_energy_bar_ev", "fermi_energy_ev"),
)


def ados_figure(
    *,
    table: Annotated[Path, Input("CSV of the ados stage: energies, eV per cell")],
    dos: Annotated[Path, Input("CSV of the ados stage: densities of states, 1/eV")],
    figures: Annotated[Path, Output("folder: each figure as SVG and PDF, its table as CSV")],
) -> None:
    """Draw band energies and a density of states that were predicted atom by atom."""
    save_figures(figures, figures_of(table, dos), width=FIGURE_WIDTH)


def figures_of(energies: Path, dos: Path) -> list[DrawnFigure]:
    """The figures of two tables of the ados stage."""
    rows = read_table(energies, columns=_TABLE)
    held_out = {row["snapshot"]: row for row in rows if row["source"] == "dft"}

    def of(source: str, column: str = "band_energy_ev") -> NDArray[np.float64]:
        values = {row["snapshot"]: row[column] for row in rows if row["source"] == source}
        return np.array([float(values[name] or "nan") for name in held_out])

    seeds = list(dict.fromkeys(r["source"] for r in rows if r["source"].startswith(_SEED)))
    atoms = np.array([float(row["atoms"]) for row in held_out.values()])
    networks = np.array([of(seed) / atoms for seed in seeds])
    found = {"dft": of("dft"), "linear": of("linear"), "floor": of("reference_ldos")}
    found["bar"] = of("linear", "band_energy_bar_ev")
    bands = band_energy(
        list(held_out),
        {name: values / atoms for name, values in found.items()}
        | {"networks": networks.mean(axis=0), "spread": np.nan_to_num(deviation(networks))},
        [(row["atoms"], row["temperature_kelvin"]) for row in held_out.values()],
    )
    fermi = np.mean([of(seed, "fermi_energy_ev") for seed in seeds], axis=0)
    return [
        bands,
        _first_dos(dos, seeds, (float(of("dft", "fermi_energy_ev")[0]), float(fermi[0]))),
    ]


def _first_dos(dos: Path, seeds: list[str], fermi_energies: tuple[float, float]) -> DrawnFigure:
    rows = read_table(dos, columns=("snapshot", "source", "energy_ev", "dos_per_ev"))
    first = rows[0]["snapshot"]

    def of(source: str, column: str = "dos_per_ev") -> NDArray[np.float64]:
        return np.array(
            [float(r[column]) for r in rows if r["snapshot"] == first and r["source"] == source]
        )

    return density_of_states(
        first,
        of("reference_ldos", "energy_ev"),
        of("reference_ldos"),
        np.array([of(seed) for seed in seeds]),
        fermi_energies,
    )
