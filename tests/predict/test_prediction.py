"""Predictions: against the integration of the whole LDOS, in supercells, and within memory."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from ase import Atoms
from small_surrogate import ENERGY, GRID, aluminium, electrons_of, small_surrogate, written

from surrogate_hpo.dft.ldos_axis import kernel_variance
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.files import scratch
from surrogate_hpo.networks.scaling import AffineScaler
from surrogate_hpo.physics.total_energy import energy_terms_from_ldos
from surrogate_hpo.physics.xc.core_density import core_density_of_all
from surrogate_hpo.predict import prediction
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.fermi_estimate import bracket_around, coarse_grid, fermi_brackets
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.predict.prediction_energies import Spread
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN


@pytest.fixture(scope="module")
def surrogate():
    return small_surrogate()


def per_atom(surrogate, atoms, folder, **conditions):
    found = predict_structure(surrogate, atoms, Conditions(**conditions), folder)
    return np.array(found.energies["total_free_energy"]) / len(atoms)


@pytest.mark.parametrize(("functional", "core"), [("lda_pz", False), ("pbe", True)])
def test_block_by_block_gives_what_the_whole_ldos_gives(tmp_path, functional, core):
    surrogate = small_surrogate(seeds=1, functional=functional, core=core)
    atoms = aluminium(5)
    ldos = np.empty((*GRID, len(ENERGY)), np.float32)

    def keep(box, values):
        ldos[box.slices] = values.reshape(*box.shape, -1)

    found = predict_structure(
        surrogate, atoms, Conditions(block_points=300), tmp_path, on_ldos=keep
    )
    cell, positions = torch.tensor(atoms.cell[:]), torch.tensor(atoms.positions)
    symbols = atoms.get_chemical_symbols()
    core_density = core_density_of_all(surrogate.ions, symbols, positions, GRID, cell, 400.0)
    assert (core_density is not None) == core
    expected = energy_terms_from_ldos(
        torch.from_numpy(ldos),
        torch.from_numpy(ENERGY),
        cell=cell,
        positions=positions,
        charges=torch.full((4,), 3.0, dtype=torch.float64),
        electrons=12.0,
        temperature=5000.0,
        functional=functional,
        broadening_variance=kernel_variance("gaussian", 0.5),
        density_cutoff=400.0,
        core_density=core_density,
        bottom_tolerance=1.0,
    ).as_floats()
    # The sums do without the LDOS, whose single precision is all that differs.
    for name, (value,) in found.energies.items():
        assert value == pytest.approx(expected[name], abs=1e-5), name
    volume_element = atoms.get_volume() / np.prod(GRID)
    np.testing.assert_allclose(found.dos[0], ldos.sum((0, 1, 2)) * volume_element, rtol=1e-5)
    assert electrons_of(found.density, atoms.cell[:]) == pytest.approx(12.0, abs=1e-9)
    assert found.density_deviation is None


@pytest.mark.parametrize("repeats", [(2, 2, 2), (1, 2, 3)])
@pytest.mark.parametrize(("functional", "core"), [("lda_pw92", False), ("pbe", True)])
def test_a_supercell_has_the_energy_of_its_cells(tmp_path, functional, core, repeats):
    surrogate = small_surrogate(functional=functional, core=core)
    atoms = aluminium(1)
    expected = per_atom(surrogate, atoms, tmp_path)
    found = per_atom(surrogate, atoms.repeat(repeats), tmp_path)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)  # asked for: 1e-4 eV


def test_moved_by_a_lattice_point_and_renumbered_atoms_change_nothing(surrogate, tmp_path):
    atoms = aluminium(1)
    expected = per_atom(surrogate, atoms, tmp_path)
    atoms.positions += 3 * atoms.cell[0] / GRID[0] - 2 * atoms.cell[2]
    np.testing.assert_allclose(
        per_atom(surrogate, atoms[::-1], tmp_path), expected, rtol=0, atol=1e-7
    )


def test_the_size_of_a_block_changes_nothing(surrogate, tmp_path):
    atoms = aluminium(2)
    expected = per_atom(surrogate, atoms, tmp_path)
    np.testing.assert_allclose(
        per_atom(surrogate, atoms, tmp_path, block_points=170), expected, rtol=0, atol=1e-7
    )


def test_descriptors_in_single_precision_change_rounding_alone(surrogate, tmp_path):
    atoms = aluminium(3)
    double = per_atom(surrogate, atoms, tmp_path)
    single = per_atom(surrogate, atoms, tmp_path, precision="float32")
    assert not np.array_equal(single, double)
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-6)


def test_a_snapshot_of_the_training_is_no_extrapolation_and_the_file_is_gone(surrogate, tmp_path):
    found = predict_structure(surrogate, aluminium(0), Conditions(), tmp_path)
    assert found.warnings == []
    assert found.extrapolation.component is None
    assert found.extrapolation.fraction_of_points == 0.0
    assert found.density_deviation.shape == GRID
    assert list(tmp_path.iterdir()) == []


def test_leaving_the_training_range_is_told_with_its_amount(surrogate, tmp_path):
    compressed = aluminium(0, a=3.95)
    found = predict_structure(surrogate, compressed, Conditions(), tmp_path)
    (warning,) = found.warnings
    assert found.extrapolation.fraction_of_points > 0.01
    assert found.extrapolation.largest_excess > 0.1
    assert "outside of the training range" in warning
    assert f"component {found.extrapolation.component}" in warning


def test_other_temperatures_and_coarser_grids_are_told(surrogate, tmp_path):
    conditions = Conditions(electronic_temperature=8000.0, grid=(8, 10, 10))
    found = predict_structure(surrogate, aluminium(0), conditions, tmp_path)
    warm, coarse = found.warnings[-2:]
    assert "8000 K, but the LDOS of the training are those of 5000 K" in warm
    assert "grid spacing 0.5062 Å, but the training's is 0.4050 Å or less" in coarse
    assert found.electronic_temperature == 8000.0
    at_5000 = predict_structure(surrogate, aluminium(0), Conditions(grid=(8, 10, 10)), tmp_path)
    assert found.energies["entropy_term"][0] < at_5000.energies["entropy_term"][0]


def test_unknown_elements_are_refused(surrogate, tmp_path):
    atoms = aluminium(0)
    atoms.symbols[0] = "Mg"
    with pytest.raises(DataError, match=r"not trained on all elements(.|\n)*of Al(.|\n)*Mg"):
        predict_structure(surrogate, atoms, Conditions(), tmp_path)


def test_a_full_disk_is_told_before_anything_is_computed(surrogate, tmp_path, monkeypatch):
    usage = dataclasses.make_dataclass("Usage", ["free"])
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda _: usage(free=1000))
    with pytest.raises(DataError, match=r"disk is too full(.|\n)*GiB free(.|\n)*another disk"):
        predict_structure(surrogate, aluminium(0), Conditions(), tmp_path, forces="mean")
    # Without forces nothing goes to the disk.
    assert predict_structure(surrogate, aluminium(0), Conditions(), tmp_path).derivatives is None


def test_a_fermi_energy_outside_of_its_bracket_is_found_by_one_more_pass(
    surrogate, tmp_path, monkeypatch, caplog
):
    atoms, conditions = aluminium(3), Conditions()
    expected = predict_structure(surrogate, atoms, conditions, tmp_path, forces="each")
    assert "one more pass" not in caplog.text
    first, _ = fermi_brackets(surrogate, atoms, GRID, conditions)
    beside = bracket_around(first.centre + 0.5, 5000.0)
    monkeypatch.setattr(prediction, "fermi_brackets", lambda *_: [beside, None])
    with caplog.at_level("INFO"):
        found = predict_structure(surrogate, atoms, conditions, tmp_path, forces="each")
    assert "one more pass: the Fermi energies of networks [0, 1]" in caplog.text
    for name, values in expected.energies.items():
        np.testing.assert_allclose(found.energies[name], values, rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(found.density, expected.density, rtol=1e-9)
    np.testing.assert_allclose(found.derivatives.forces, expected.derivatives.forces, atol=1e-9)


def test_a_coarse_grid_is_one_of_few_points_that_cells_do_not_share():
    assert coarse_grid((20, 100, 200), 4.5, 5) == (5, 23, 43)
    for edge in (60, 100, 160, 320, 590):  # less than two per cent
        grids = [coarse_grid((edge, edge, edge), *options) for options in ((6.0, 3), (4.5, 5))]
        assert sum(np.prod(grid) for grid in grids) < 0.02 * edge**3


def test_brackets_are_narrow_where_it_is_cold_and_say_nothing_of_nonsense(surrogate):
    atoms = aluminium(1)
    for temperature, widest in ((5000.0, 0.05), (10.0, 0.3 * 10 * BOLTZMANN_EV_PER_KELVIN)):
        conditions = Conditions(electronic_temperature=temperature)
        for bracket in fermi_brackets(surrogate, atoms, GRID, conditions):
            assert bracket.half_width <= widest
            assert bracket.nodes <= 10
    few = dataclasses.replace(surrogate, models=(surrogate.models[0], _poor(surrogate.models[1])))
    known, unknown = fermi_brackets(few, atoms, GRID, Conditions())
    assert known is not None
    assert unknown is None


def test_mean_and_spread_of_densities_are_those_of_all_at_once():
    fields = torch.rand(5, 2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spread = Spread((2, 3, 4))
    for field in fields:
        spread.add(field)
    np.testing.assert_allclose(spread.mean, fields.mean(0), rtol=1e-13)
    np.testing.assert_allclose(spread.deviation(), fields.std(0), rtol=1e-12)


MEMORY = """
import sys
from pathlib import Path
from ase import Atoms
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.predict.contents import Conditions
n = int(sys.argv[2])
atoms = Atoms("Al4", scaled_positions=[[0, 0, 0], [0, .5, .5], [.5, 0, .5], [.5, .5, 0]],
              cell=[4.05] * 3, pbc=True)
folder = Path(sys.argv[1])
surrogate = read_surrogate(folder / "surrogate.pt")
predict_structure(surrogate, atoms, Conditions(grid=(n, n, n)), folder, forces=eval(sys.argv[3]))
text = open("/proc/self/status").read()
print(1024 * int(text.partition("VmHWM:")[2].split()[0]))
"""
# docs/concepts/prediction.md and forces.md: bytes per grid point, with a gradient-corrected
# functional and a core.
DOCUMENTED_BYTES = {None: 180, "mean": 650}


@pytest.mark.parametrize("forces", [None, "mean"])
def test_memory_grows_with_the_density_and_not_with_the_ldos(tmp_path, forces):
    written(tmp_path, seeds=2, functional="pbe", core=True)

    def peak(n: int) -> int:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(tmp_path), str(n), repr(forces)],
            capture_output=True, text=True, check=False, timeout=600,
            # Freed arrays go back to the system at once: what is counted is what is held.
            env=os.environ | {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "0"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return int(done.stdout)

    slope = (peak(80) - peak(44)) / (80**3 - 44**3)
    assert 8 < slope < DOCUMENTED_BYTES[forces]
    if forces is None:
        assert slope < 4 * len(ENERGY) * 2, "the LDOS of both networks is in memory"


def test_structures_that_are_no_crystal_are_refused_by_the_physics(surrogate, tmp_path):
    flat = Atoms("Al", positions=[[0, 0, 0]], cell=[4, 4, 0], pbc=True)
    with pytest.raises(DataError, match="the cell has no volume"):
        predict_structure(surrogate, flat, Conditions(), tmp_path)


def _poor(model):
    """The same network with a tenth of the states."""
    scaler = model.output_scaler
    few = AffineScaler(0.1 * scaler.offset, scaler.forward, scaler.backward)
    return dataclasses.replace(model, output_scaler=few)


def test_a_prediction_against_physics_says_which_network_and_why(tmp_path):
    surrogate = small_surrogate(seeds=2)
    models = (surrogate.models[0], _poor(surrogate.models[1]))
    broken = dataclasses.replace(surrogate, models=models)
    message = (
        r"no physical sense(.|\n)*seed 1(.|\n)*cannot hold the electrons(.|\n)*errors of the run"
    )
    with pytest.raises(PhysicsError, match=message):
        predict_structure(broken, aluminium(0), Conditions(), tmp_path)
