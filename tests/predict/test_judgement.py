"""Classes of held-out snapshots, their baselines, and the control."""

import math
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from test_report_material import RUN

from surrogate_hpo.data.dft_results import result_as_document
from surrogate_hpo.dft.kpoint_noise import KPointNoise
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import (
    read_structure,
    read_temperature,
    write_structure,
)
from surrogate_hpo.predict.accuracies import accuracies, class_accuracies, class_rows
from surrogate_hpo.predict.energies import (
    QUANTITIES,
    SnapshotEnergies,
    baseline_energies,
)
from surrogate_hpo.report.errors import class_errors_table
from surrogate_hpo.report.verdict import headline
from surrogate_hpo.stages.evaluate.control import Labelled, control
from surrogate_hpo.stages.evaluate.stage import with_kpoint_noise
from surrogate_hpo.stages.knoise.records import write_noise_summary
from surrogate_hpo.stages.report.errors import class_errors, quantity_errors
from surrogate_hpo.stages.report.notices import notices

NOTHING = np.empty(0)


def energies(
    name: str, source: str, atoms: int, per_atom: float, temperature: float | None = 298.0
):
    values = dict.fromkeys(QUANTITIES, per_atom * atoms)
    return SnapshotEnergies(name, source, atoms, values, NOTHING, NOTHING, temperature)


def held_out(atoms: int, values: dict[str, float], temperature: float | None = 298.0):
    """DFT's, the floor's and two networks' energies of snapshots, eV/atom."""
    for name, value in values.items():
        yield energies(name, "dft", atoms, value, temperature)
        yield energies(name, "reference_ldos", atoms, value + 0.001, temperature)
        yield energies(name, "seed-0", atoms, value + 0.004, temperature)
        yield energies(name, "seed-1", atoms, value - 0.002, temperature)


TRAINING = [energies(f"t{i}", "dft", 4, -50 + 0.01 * i) for i in range(3)]
ROWS = [
    *held_out(4, {"a": -50.0, "b": -49.98, "c": -49.96}),
    *held_out(32, {"d": -51.0, "e": -51.02}),
]
SOURCES = ["seed-0", "seed-1"]


def test_each_class_has_its_own_baseline():
    small, large = (
        entry["total_free_energy"] for entry in class_accuracies(ROWS, TRAINING, SOURCES)
    )
    assert small["baseline_of"] == "training_mean"
    # The training mean is −49.99: errors of 10, 10 and 30 meV/atom.
    assert small["baseline_mev_per_atom"] == pytest.approx(50 / 3)
    assert large["baseline_of"] == "class_mean"
    assert large["baseline_mev_per_atom"] == pytest.approx(10)
    for entry in (small, large):
        assert entry["mae_mev_per_atom"] == pytest.approx(3)
        assert entry["ensemble_mae_mev_per_atom"] == pytest.approx(1)
        assert entry["mean_error_mev_per_atom"] == pytest.approx(1)
        assert entry["discretisation_error_mev_per_atom"] == pytest.approx(1)
    assert small["skill"] == pytest.approx(3 / 50)
    assert small["correlation"] == pytest.approx(1)
    assert math.isnan(large["correlation"]), "of two snapshots"


def test_over_all_snapshots_the_baselines_of_the_classes_are_averaged():
    found = accuracies(ROWS, TRAINING, SOURCES)["total_free_energy"]
    assert found["baseline_of"] == "mixed"
    assert found["baseline_mev_per_atom"] == pytest.approx((10 + 10 + 30 + 10 + 10) / 5)
    assert accuracies(ROWS[:12], TRAINING, SOURCES)["total_free_energy"]["baseline_of"] == (
        "training_mean"
    )


def test_classes_differ_by_size_and_temperature_small_and_cold_first():
    rows = [
        *held_out(32, {"a": 1.0}, 933.0),
        *held_out(32, {"b": 1.0}),
        *held_out(4, {"c": 1.0}, None),
        *held_out(4, {"d": 1.0}),
    ]
    found = class_accuracies(rows, TRAINING, SOURCES)
    kinds = [(entry["atoms"], entry["temperature_kelvin"], entry["snapshots"]) for entry in found]
    assert kinds == [(4, None, 1), (4, 298.0, 1), (32, 298.0, 1), (32, 933.0, 1)]
    table = list(class_rows(found))
    assert len(table) == 4 * (len(QUANTITIES) - 1)
    assert table[0]["quantity"] == "total_free_energy"
    assert {"atoms", "temperature_kelvin", "skill", "baseline_of"} <= table[0].keys()


def test_the_baseline_is_per_cell_but_for_the_fermi_energy():
    rows, _ = baseline_energies([ROWS[0], ROWS[12]], TRAINING)
    assert [row.source for row in rows] == ["baseline"] * 2
    assert rows[0].energies["band_energy"] == pytest.approx(4 * -49.99)
    assert rows[1].energies["band_energy"] == pytest.approx(32 * -51.0)
    assert rows[1].energies["fermi_energy"] == pytest.approx(32 * -51.0), "as it was given"


# --- temperatures of structures ---


def test_a_structure_tells_its_temperature(tmp_path):
    atoms = bulk("Al", cubic=True)
    path = tmp_path / "x.extxyz"
    write_structure(path, atoms, {"package": "x"})
    assert read_temperature(path) is None
    atoms.info["temperature_kelvin"] = 298
    write(path, atoms, format="extxyz")
    assert read_temperature(path) == 298.0
    assert len(read_structure(path)) == 4


@pytest.mark.parametrize("wrong", [-1.0, 0, "warm", True])
def test_a_temperature_that_makes_no_sense_is_refused(tmp_path, wrong):
    atoms = bulk("Al", cubic=True)
    atoms.info["temperature_kelvin"] = wrong
    path = tmp_path / "x.extxyz"
    write(path, atoms, format="extxyz")
    message = rf"temperature of a structure(.|\n)*x\.extxyz(.|\n)*above 0(.|\n)*got: {wrong}"
    with pytest.raises(DataError, match=message):
        read_temperature(path)


# --- the control ---


def labelled(atoms: Atoms, name: str, temperature: float | None = 298.0) -> Labelled:
    """A pair potential of nature's, −3 eV/atom without neighbours."""
    distances = atoms.get_all_distances(mic=True)
    pairs = distances[np.triu_indices(len(atoms), 1)]
    energy = -3.0 * len(atoms) + float(np.exp(-pairs).sum())
    return Labelled(atoms, energies(name, "dft", len(atoms), energy / len(atoms), temperature))


def structures(count: int, seed: int) -> list[Atoms]:
    found = []
    for number in range(count):
        atoms = bulk("Al", cubic=True, a=6.0)
        atoms.rattle(0.1, seed=100 * seed + number)
        found.append(atoms)
    return found


@pytest.fixture(scope="module")
def judged():
    training = [labelled(atoms, f"t{i}") for i, atoms in enumerate(structures(30, 1))]
    test = [labelled(atoms, f"x{i}") for i, atoms in enumerate(structures(6, 2))]
    warm = [labelled(atoms, f"y{i}", 933.0) for i, atoms in enumerate(structures(3, 3))]
    return control(training, [*test, *warm])["control"]


def test_the_control_learns_energies_and_says_what_it_is(judged):
    assert judged["skill"] < 0.5
    assert judged["correlation"] > 0.9
    assert judged["training_snapshots"] == 30
    assert judged["twojmax"] in (4, 6, 8)
    # 6³/4 = 54 Å³ per atom, a sphere of 2.345 Å.
    assert judged["cutoff_radius_angstrom"] / 2.3447 in (
        pytest.approx(f, rel=1e-3) for f in (2.5, 3.0, 3.5)
    )
    assert judged["mae_mev_per_atom"] <= judged["largest_error_mev_per_atom"]
    assert judged["leave_one_out_rmse_mev_per_atom"] < 5 * judged["mae_mev_per_atom"] + 1


def test_the_control_is_judged_per_class(judged):
    cold, warm = judged["classes"]
    assert (cold["atoms"], cold["temperature_kelvin"], cold["snapshots"]) == (4, 298.0, 6)
    assert (warm["temperature_kelvin"], warm["snapshots"]) == (933.0, 3)
    mean = (6 * cold["mae_mev_per_atom"] + 3 * warm["mae_mev_per_atom"]) / 9
    assert judged["mae_mev_per_atom"] == pytest.approx(mean)


def test_no_control_says_why():
    training = [labelled(atoms, "t") for atoms in structures(2, 1)]
    held = [labelled(atoms, "x") for atoms in structures(2, 2)]
    found = control(training, held)
    assert found["control"] is None
    assert "so few structures" in found["control_reason"]
    copper = [labelled(bulk("Cu", cubic=True), "x")]
    many = [labelled(atoms, "t") for atoms in structures(4, 1)]
    assert "nothing of an element" in control(many, copper)["control_reason"]


def test_energies_that_are_not_known_are_not_fitted():
    training = [labelled(atoms, f"t{i}") for i, atoms in enumerate(structures(12, 1))]
    unknown = dict.fromkeys(QUANTITIES, math.nan)
    rows = [one.energies for one in training[:9]]
    some = [
        Labelled(one.atoms, SnapshotEnergies("t", "dft", 4, unknown, NOTHING, NOTHING, 298.0))
        for one in training[9:]
    ]
    found = control([*training[:9], *some], training[:3])["control"]
    assert found["training_snapshots"] == len(rows)
    assert found["mae_mev_per_atom"] < 20
    assert control(some, training[:3])["control"] is None


def with_forces(one: Labelled) -> Labelled:
    """The same snapshot with the forces of its pair potential, eV/Å."""
    vectors = one.atoms.get_all_distances(mic=True, vector=True)
    distances = np.linalg.norm(vectors, axis=2)
    np.fill_diagonal(distances, 1.0)
    forces = -(np.exp(-distances) / distances)[:, :, None] * vectors
    return replace(one, forces=forces.sum(axis=1))


def test_forces_make_the_better_control_and_the_one_without_stands_beside_it():
    training = [labelled(atoms, f"t{i}") for i, atoms in enumerate(structures(8, 1))]
    test = [labelled(atoms, f"x{i}") for i, atoms in enumerate(structures(6, 2))]
    found = control([with_forces(one) for one in training], test)
    both, alone = found["control"], found["control_energies_only"]
    assert both.keys() == alone.keys()
    assert both["fitted_to"] == ["total_free_energy", "forces"]
    assert alone["fitted_to"] == ["total_free_energy"]
    assert (both["force_components"], alone["force_components"]) == (8 * 12, 0)
    assert both["force_weight_angstrom_per_atom"] > 0 == alone["force_weight_angstrom_per_atom"]
    assert both["mae_mev_per_atom"] < alone["mae_mev_per_atom"]
    assert alone == control(training, test)["control"]


def test_forces_that_some_snapshots_lack_are_not_fitted():
    training = [labelled(atoms, f"t{i}") for i, atoms in enumerate(structures(6, 1))]
    some = [*map(with_forces, training[:5]), training[5]]
    damaged = [*some[:5], replace(some[0], forces=np.full((4, 3), np.nan))]
    for given in (some, damaged):
        found = control(given, training[:3])
        assert "control_energies_only" not in found
        assert found["control"]["fitted_to"] == ["total_free_energy"]


def test_forces_of_small_cells_come_first_and_large_ones_cost_no_more(monkeypatch):
    monkeypatch.setattr("surrogate_hpo.stages.evaluate.control.FORCE_ATOMS", 20)
    large = [labelled(atoms * (2, 1, 1), f"l{i}") for i, atoms in enumerate(structures(3, 4))]
    small = [labelled(atoms, f"t{i}") for i, atoms in enumerate(structures(3, 1))]
    found = control([with_forces(one) for one in [*large, *small]], small)["control"]
    # Three cells of 4 atoms and one of 8.
    assert found["force_components"] == 3 * 20
    assert found["training_snapshots"] == 6
    monkeypatch.setattr("surrogate_hpo.stages.evaluate.control.FORCE_ATOMS", 3)
    assert "control_energies_only" not in control([with_forces(one) for one in small], small)


# --- the k noise ---


@pytest.fixture
def noisy(tmp_path):
    """A measured k noise of 4 atoms: A off by −2 meV/atom, the band energy by 5."""
    path = tmp_path / "knoise.json"
    noise = KPointNoise("t", 4, "4×4×4", "6×6×6", 0.4, 0.27, 0.1, 0.02, -2.0, 5.0, 0.3, 7.0)
    write_noise_summary(path, [noise], {})
    return path


def test_the_k_noise_stands_in_the_class_of_its_size(noisy, caplog):
    classes = class_accuracies(ROWS, TRAINING, SOURCES)
    small, large = with_kpoint_noise(classes, [noisy])
    assert small["kpoint_noise"]["total_free_energy_mev_per_atom"] == -2.0
    assert small["kpoint_noise"]["denser_mesh"] == "6×6×6"
    assert large["kpoint_noise"] is None
    assert "k noise not known for cells of 32 atoms" in caplog.text
    assert [entry["kpoint_noise"] for entry in with_kpoint_noise(classes, [])] == [None, None]


def test_the_report_shows_the_size_of_the_k_noise_and_names_classes_below_it(noisy):
    rows = [row for row in ROWS if row.atoms == 4]
    for found, mean in ((rows, 2.0), (ROWS, math.nan)):
        classes = with_kpoint_noise(class_accuracies(found, TRAINING, SOURCES), [noisy])
        summary = {**accuracies(found, TRAINING, SOURCES), "classes": classes, "control": None}
        total, band, *_ = quantity_errors(summary)
        assert total.kpoint_noise_mev_per_atom == pytest.approx(mean, nan_ok=True)
        by_class = class_errors(summary)
        assert by_class[0].error.kpoint_noise_mev_per_atom == 2.0
        table = class_errors_table(by_class)
        assert table.numbers("kpoint_noise_mev_per_atom")[0] == 2.0
        quiet: dict = {"acsd": {"decision": {"ambiguous": False}}, "naswot": {"warnings": []}}
        quiet["dft"] = result_as_document(RUN)
        documents = quiet | {"evaluate": summary | {"control_reason": "x"}}
        *_, notice = notices(documents, [total, band], by_class)
        # The mean of the networks is off by 1 meV/atom.
        assert "exceeds the surrogate's error" in notice.message
        assert notice.message.endswith("4 atoms, ions at 298 K: 2 against 1 meV/atom.")


def test_tables_have_no_column_for_a_k_noise_that_nobody_has_measured():
    classes = with_kpoint_noise(class_accuracies(ROWS, TRAINING, SOURCES), [])
    summary = {**accuracies(ROWS, TRAINING, SOURCES), "classes": classes, "control": None}
    table = class_errors_table(class_errors(summary))
    assert not table.has_numbers("kpoint_noise_mev_per_atom")
    assert "kpoint_noise_mev_per_atom" not in table.records()[0]


# --- what the report makes of it ---


def test_the_report_reads_errors_control_and_classes():
    summary = {
        **accuracies(ROWS, TRAINING, SOURCES),
        "classes": class_accuracies(ROWS, TRAINING, SOURCES),
        "control": {
            "mae_mev_per_atom": 0.4,
            "classes": [{"atoms": 4, "temperature_kelvin": 298.0, "mae_mev_per_atom": 0.3}],
        },
    }
    total, band, *others = quantity_errors(summary)
    assert (total.quantity, band.quantity, len(others)) == ("total_free_energy", "band_energy", 4)
    assert total.control_mae_mev_per_atom == 0.4
    assert math.isnan(band.control_mae_mev_per_atom)
    assert (total.baseline_of, total.ensemble_mae_mev_per_atom) == ("mixed", pytest.approx(1))
    small, large = class_errors(summary)
    assert (small.atoms, small.snapshots, small.error.control_mae_mev_per_atom) == (4, 3, 0.3)
    assert small.error.skill == pytest.approx(0.06)
    assert math.isnan(large.error.control_mae_mev_per_atom)
    assert all(
        math.isnan(e.error.control_mae_mev_per_atom)
        for e in class_errors(summary | {"control": None})
    )


def test_the_report_tells_a_control_with_forces_from_one_without():
    of_class = {"atoms": 4, "temperature_kelvin": 298.0}
    controls = {
        key: {"mae_mev_per_atom": mae, "classes": [of_class | {"mae_mev_per_atom": mae}]}
        for key, mae in (("control", 0.4), ("control_energies_only", 0.7))
    }
    summary = {
        **accuracies(ROWS, TRAINING, SOURCES),
        "classes": class_accuracies(ROWS, TRAINING, SOURCES),
        **controls,
    }
    total, band, *_ = quantity_errors(summary)
    assert total.control_energies_only_mae_mev_per_atom == 0.7
    assert total.control_has_forces
    assert not band.control_has_forces
    text = headline(total, held_out_snapshots=5, seeds=2)
    assert "total free energy and forces has 0.4 meV/atom" in text
    assert "(control; fitted to energies alone 0.7 meV/atom)" in text
    table = class_errors_table(class_errors(summary))
    assert table.numbers("control_energies_only_mae_mev_per_atom")[0] == 0.7
    total, *_ = quantity_errors(summary | {"control_energies_only": None})
    assert "energy alone has 0.4 meV/atom (control):" in headline(
        total, held_out_snapshots=5, seeds=2
    )
