"""The potential stage on structures of the user's, its calculator, and what it refuses."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from ase.optimize import BFGS

from surrogate_hpo import PotentialCalculator
from surrogate_hpo.cli import main
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.fitted_frames import read_fitted_frames
from surrogate_hpo.stages.potential.draw import potential_figure, potential_figures

OUTPUTS = {
    "potential": "potential.json",
    "table": "potential.csv",
    "forces": "forces.csv",
    "summary": "summary.json",
    "lammps-coefficients": "potential.snapcoeff",
    "lammps-parameters": "potential.snapparam",
    "lammps-commands": "potential.in",
}


def frame(
    seed: int, symbol: str = "Al", without: tuple[str, ...] = (), scale: float = 1.0
) -> Atoms:
    atoms = bulk("Al", "fcc", a=4.0, cubic=True)
    generator = np.random.default_rng(seed)
    atoms.set_cell(atoms.cell * generator.uniform(0.97, 1.03), scale_atoms=True)
    atoms.rattle(0.12, seed=seed)
    atoms.symbols[0] = symbol
    atoms.calc = EMT()
    known = {
        "energy": scale * atoms.get_potential_energy(),
        "forces": atoms.get_forces(),
        "stress": atoms.get_stress(),
    }
    kept = {key: value for key, value in known.items() if key not in without}
    atoms.calc = SinglePointCalculator(atoms, **kept)
    return atoms


def run(project: Path, frames: list[Atoms], test: list[Atoms] = (), **settings: object) -> None:
    write(project / "own.extxyz", frames)
    given = {"files": ["own.extxyz"], "cutoff_radii_angstrom": [4.5], "twojmax": [4]} | settings
    if test:
        write(project / "test.extxyz", test)
        given["test_files"] = ["test.extxyz"]
    config = yaml.safe_load((project / "config.yaml").read_text())
    config["potential"] = {"members": 3, "force_weights": [0.1]} | given
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    outputs = [word for name, path in OUTPUTS.items() for word in (f"--{name}", path)]
    main(["potential", "--config", "config.yaml", "--structures", *outputs])


def refused(*arguments, **settings) -> str:
    with pytest.raises(SystemExit) as stop:
        run(*arguments, **settings)
    return str(stop.value)


@pytest.fixture
def fitted(project) -> Path:
    run(project, [frame(seed) for seed in range(15)], stress_weight=0.1)
    return project


def test_every_fifth_frame_is_judged_and_errors_stand_beside_baseline_and_size(fitted):
    summary = json.loads((fitted / "summary.json").read_text())
    with (fitted / "potential.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["snapshot"] for row in rows] == [f"own.extxyz, structure {n}" for n in (4, 9, 14)]
    assert summary["chosen"]["structures"] == 12
    assert summary["chosen"]["prior"] == "zbl"
    test = summary["test"]
    assert test["energy_mae_mev_per_atom"] < 0.1 * test["energy_baseline_mev_per_atom"]
    assert test["force_rmse_mev_per_angstrom"] < 0.1 * test["rms_force_mev_per_angstrom"]
    assert test["stress_rmse_gpa"] < 2
    assert 0 < test["energy_spread_mev_per_atom"] < test["energy_baseline_mev_per_atom"]
    assert summary["transfer"] is None
    mean = np.mean([abs(float(row["energy_error_mev_per_atom"])) for row in rows])
    assert mean == pytest.approx(test["energy_mae_mev_per_atom"])
    assert summary["classes"][0]["class"] == "4 atoms"


def test_figures_have_what_the_tables_have(fitted):
    with (fitted / "forces.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 3 * 4 * 3
    assert [row["axis"] for row in rows[:3]] == ["x", "y", "z"]
    known = frame(4).get_forces()[1, 2]
    assert float(rows[5]["dft_ev_per_angstrom"]) == pytest.approx(known, abs=1e-6)
    errors = [
        1000 * (float(row["predicted_ev_per_angstrom"]) - float(row["dft_ev_per_angstrom"]))
        for row in rows
    ]
    test = json.loads((fitted / "summary.json").read_text())["test"]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(test["force_rmse_mev_per_angstrom"])
    energies, forces = potential_figures(fitted / "potential.csv", fitted / "forces.csv")
    assert f"MAE {test['energy_mae_mev_per_atom']:.2g} meV/atom" in energies.title
    assert f"RMSE {test['force_rmse_mev_per_angstrom']:.2g} meV/Å" in forces.title
    found = energies.table.numbers("potential_mev_per_atom")
    found = found - energies.table.numbers("dft_mev_per_atom")
    assert np.abs(found).mean() == pytest.approx(test["energy_mae_mev_per_atom"])
    assert energies.table.has_numbers("spread_mev_per_atom")
    for label in ("baseline", "held out ± std", "force, potential (eV/Å)"):
        assert label in energies.svg + forces.svg
    potential_figure(
        table=fitted / "potential.csv", forces=fitted / "forces.csv", figures=fitted / "figures"
    )
    assert (fitted / "figures" / "potential_energy.svg").is_file()


def test_without_known_forces_there_is_no_figure_of_them(project):
    run(project, [frame(seed, without=("forces",)) for seed in range(10)], force_weights=[])
    (energies,) = potential_figures(project / "potential.csv", project / "forces.csv")
    assert energies.name == "potential_energy"


def test_the_descriptor_may_be_selected_beforehand(project):
    frames = [frame(seed) for seed in range(10)]
    chosen = {"hyperparameters": {"selection": "kernel_spread"}, "twojmax": [2, 4]}
    run(project, frames, **chosen)
    summary = json.loads((project / "summary.json").read_text())["chosen"]
    assert summary["selection"] == "kernel_spread"
    scores = {one["twojmax"]: one["score"] for one in summary["descriptor_scores"]}
    assert summary["twojmax"] == max(scores, key=scores.__getitem__)


def test_the_calculator_has_energies_forces_and_stress_and_drives_a_relaxation(fitted):
    known = frame(40)
    atoms = Atoms(known.symbols, positions=known.positions, cell=known.cell, pbc=True)
    atoms.calc = PotentialCalculator(fitted / "potential.json", spread=True)
    assert atoms.get_potential_energy() == pytest.approx(known.get_potential_energy(), abs=0.1)
    assert atoms.get_forces() == pytest.approx(known.get_forces(), abs=0.2)
    assert atoms.get_stress() == pytest.approx(known.get_stress(), abs=0.02)
    assert atoms.calc.results["energy_std"] > 0
    assert atoms.calc.results["forces_std"].shape == (4, 3)
    BFGS(atoms, logfile=None).run(fmax=0.02, steps=50)
    assert np.abs(atoms.get_forces()).max() < 0.02


def test_the_calculator_names_what_it_cannot_compute(fitted):
    calculator = PotentialCalculator(fitted / "potential.json")
    other = bulk("Cu", cubic=True)
    other.calc = calculator
    with pytest.raises(DataError, match=r"knows nothing of an element(.|\n)*expected: Al(.|\n)*Cu"):
        other.get_potential_energy()
    close = bulk("Al", cubic=True)
    close.positions[1] = close.positions[0] + [0.4, 0, 0]
    close.calc = calculator
    with pytest.raises(DataError, match=r"two atoms overlap(.|\n)*atoms 0 and 1"):
        close.get_forces()
    molecule = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 2.6]])
    molecule.calc = calculator
    with pytest.raises(DataError, match="not periodic in three dimensions"):
        molecule.get_potential_energy()


def test_data_without_forces_are_named(project):
    frames = [frame(seed, without=("forces",) if seed == 3 else ()) for seed in range(6)]
    said = refused(project, frames, test=[frame(30)])
    assert "forces that are not known" in said
    assert "own.extxyz, structure 3" in said
    assert "potential.force_weights: []" in said
    run(project, frames, test=[frame(30)], force_weights=[])
    found = json.loads((project / "summary.json").read_text())
    assert found["chosen"]["force_components"] == 0


@pytest.mark.parametrize(
    ("scale", "unit"),
    [
        (1 / 27.2114, "energies in hartree"),
        (23.0605, "energies in kcal/mol"),
        (0.25, "energies in eV per atom"),
    ],
)
def test_an_energy_in_another_unit_is_named(project, scale, unit):
    frames = [frame(seed, scale=scale) for seed in range(10)]
    said = refused(project, frames, test=[frame(30, scale=scale)])
    assert re.search(rf"not in the same units(.|\n)*looks like {unit}", said)


def test_energies_per_atom_of_cells_of_different_sizes_are_named(project):
    frames = [frame(seed) for seed in range(14)]
    for number in range(0, 14, 2):
        pair = frames[number].repeat((2, 1, 1))
        pair.rattle(0.05, seed=number)
        pair.calc = EMT()
        found = {"energy": pair.get_potential_energy(), "forces": pair.get_forces()}
        pair.calc = SinglePointCalculator(pair, **found)
        frames[number] = pair
    run(project, frames, test=[frame(30)])
    for one in frames:
        # Of a program whose atoms have an energy of their own.
        one.calc.results["energy"] = one.calc.results["energy"] / len(one) - 57.0
    said = refused(project, frames, test=[frame(30)])
    assert re.search(r"not in the same units(.|\n)*looks like energies in eV per atom", said)


def test_a_structure_in_both_splits_is_named_whatever_its_order(project):
    frames = [frame(seed) for seed in range(6)]
    twin = frames[2][[2, 0, 3, 1]]
    twin.calc = SinglePointCalculator(
        twin, energy=frames[2].get_potential_energy(), forces=frames[2].get_forces()[[2, 0, 3, 1]]
    )
    said = refused(project, frames, test=[frame(30), twin])
    assert "both learnt from and held out" in said
    assert "test.extxyz, structure 1, already learnt from as own.extxyz, structure 2" in said


def test_an_unknown_element_overlap_and_no_energy_are_named(project):
    frames = [frame(seed) for seed in range(5)]
    said = refused(project, frames, test=[frame(30, symbol="Cu")])
    assert re.search(r"knows nothing of an element(.|\n)*test.extxyz, structure 0(.|\n)*Cu", said)
    said = refused(project, [*frames, frame(7, without=("energy",))], test=[frame(30)])
    assert re.search(r"energy of a structure is not known(.|\n)*own.extxyz, structure 5", said)
    close = frame(8)
    close.positions[1] = close.positions[0] + 0.2
    said = refused(project, [*frames, close], test=[frame(30)])
    assert re.search(r"two atoms overlap(.|\n)*own.extxyz, structure 5", said)


def test_kinds_of_energies_are_not_mixed_and_stress_must_make_sense(tmp_path):
    one, other = frame(1), frame(2)
    other.info["total_free_energy_ev"] = -3.0
    write(tmp_path / "a.extxyz", [one, other])
    with pytest.raises(DataError, match=r"different kinds of energies(.|\n)*total_free_energy_ev"):
        read_fitted_frames([str(tmp_path / "a.extxyz")])
    (found,) = read_fitted_frames([f"{tmp_path}/a.extxyz@1"])
    assert found.energy == -3.0
    assert found.stress == pytest.approx(other.get_stress(voigt=False))
    text = (tmp_path / "a.extxyz").read_text()
    (tmp_path / "b.extxyz").write_text(re.sub(r'stress="\S+', 'stress="nan', text))
    with pytest.raises(DataError, match=r"stress of a structure makes no sense(.|\n)*undefined"):
        read_fitted_frames([f"{tmp_path}/b.extxyz@0"])
