from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from surrogate_hpo.data.dft_results import result_as_document
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.report.methods_data import describe_snapshots
from surrogate_hpo.run.graph import STAGES
from surrogate_hpo.stages.report.key_numbers import key_numbers
from surrogate_hpo.stages.report.methods import (
    composition,
    strains,
    temperatures,
    volume_per_atom,
)
from surrogate_hpo.stages.report.notices import mixed_engines, notices

GENERATED = {"method": "displacements", "temperature_kelvin": 298.0}
SMALL = bulk("Al", "fcc", a=4.05, cubic=True)
RUN = DftResult(
    **dict.fromkeys(
        ("total_free_energy", "band_energy", "entropy_contribution", "hartree_energy", "xc_energy"),
        1.0,
    ),
    **dict.fromkeys(("xc_potential_energy", "ewald_energy", "wavefunction_cutoff"), 1.0),
    **dict.fromkeys(("density_cutoff", "density_cutoff_rydberg", "electrons"), 4.0),
    **dict.fromkeys(("converged", "scf_steps", "scf_accuracy", "version"), None),
    fermi_energy=1.0,
    eigenvalues=np.array([[-5.0, 0.0, 4.9], [-5.0, -0.5, 5.5]]),
    occupations=np.ones((2, 3)),
    k_weights=np.ones(2),
    k_points=np.zeros((2, 3)),
    fft_grid=(4, 4, 4),
    cell=4.05 * np.eye(3),
    positions=SMALL.positions,
    species=("Al",) * 4,
    functional="lda_pw92",
    pseudopotentials={},
    norm_conserving=True,
    symmetry_operations=1,
    smearing="fd",
    smearing_width=0.43,
)


def labelled(repeat: int, **info: float):
    atoms = SMALL.repeat([repeat, 1, 1])
    atoms.info |= info
    return atoms


def test_cells_of_one_size_are_described_by_their_formula():
    assert composition([SMALL, SMALL]) == "4 Al"
    assert volume_per_atom([SMALL]) == "16.6"
    assert temperatures([SMALL], GENERATED) == "298 K"
    assert strains([SMALL]) == ""
    alloy = SMALL.copy()
    alloy.symbols[:2] = "Ti"
    assert composition([alloy]) == "2 Ti, 2 Al"


def test_cells_of_several_sizes_are_described_by_ranges():
    cells = [
        labelled(1, temperature_kelvin=200.0, strain_percent=-1.0),
        labelled(4, temperature_kelvin=600.0),
    ]
    assert composition(cells) == "4 to 16 Al"
    assert temperatures(cells, GENERATED) == "200 to 600 K"
    assert strains(cells) == "-1 to 0 %"
    random = labelled(4, random_strain_percent=2.0)
    assert strains([random]) == "2 % at random (standard deviation)"
    assert strains([*cells, random]) == "-1 to 0 % and 2 % at random (standard deviation)"
    text = describe_snapshots(
        GENERATED | {"temperatures": temperatures(cells, GENERATED), "strains": strains(cells)},
        f"{composition(cells)} atoms per periodic cell",
        {"training": 3, "validation": 1, "test": 1},
    )
    assert "of 4 to 16 Al atoms per periodic cell" in text
    assert "scaled linearly to 200 to 600 K, in cells strained by -1 to 0 %. 3 of them" in text


@pytest.mark.parametrize(("info", "expected"), [({}, ""), ({"temperature_kelvin": 933}, "933 K")])
def test_of_own_structures_only_what_they_say_is_known(info, expected):
    settings = {"method": "files", "temperature_kelvin": 298.0}
    assert temperatures([labelled(1, **info)], settings) == expected


def documents(result: DftResult) -> dict:
    return {
        "dft": result_as_document(result),
        "acsd": {"decision": {"ambiguous": False}, "cutoff_radius_angstrom": 4, "twojmax": 4},
        "naswot": {"warnings": [], "label": "1 x 16", "direction": "minimise"},
        "search": {"hyperparameters": {}},
        "evaluate": {
            "control": {
                "cutoff_radius_angstrom": 4,
                "twojmax": 4,
                "fitted_to": ["total_free_energy"],
                "leave_one_out_rmse_mev_per_atom": 1,
            },
            "held_out_snapshots": 1,
            "fermi_energy": {"mae_mev": 3000.0, "discretisation_error_mev": 2900.0},
        },
    }


@pytest.mark.parametrize(("width", "unique"), [(0.05, False), (2.0, True)])
def test_the_fermi_energy_of_an_insulator_is_not_compared(width, unique):
    made = replace(RUN, smearing_width=width)
    assert made.gap == pytest.approx(4.9)
    cost = {stage: {"jobs": 1, "wall_seconds": 1, "cpu_seconds": 1} for stage in STAGES}
    told = key_numbers(documents(made), cost)["evaluate"]
    warned = [notice.message for notice in notices(documents(made), [])]
    assert ("Fermi energy, mean absolute error (meV)" in told) == unique
    assert any("not unique (gap of 4.90 eV, 98 kT)" in text for text in warned) != unique


def test_where_no_bands_are_known_neither_is_a_gap():
    assert np.isnan(replace(RUN, eigenvalues=np.empty((0, 0))).gap)


def test_versions_of_the_engine_that_mix_are_told():
    assert mixed_engines(["7.2"]) == []
    assert mixed_engines([]) == []
    (notice,) = mixed_engines(["6.7", "7.2"])
    assert "several versions of Quantum ESPRESSO (6.7, 7.2)" in notice.message
