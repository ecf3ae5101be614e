"""Density of states by atom: the jobs of the stage, their files, and what they refuse."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from tiny_workflow import REPOSITORY, edit_config, new_folder, planned, snakemake

from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.dft_results import write_dft_result
from surrogate_hpo.data.ldos_store import LdosData, read_ldos, write_ldos
from surrogate_hpo.data.models import read_model
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.formats.structures.structures import read_structure, write_structure
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.predict.energies import QUANTITIES
from surrogate_hpo.run.plan import items
from surrogate_hpo.stages.ados.atom_data import (
    AtomData,
    SnapshotAtoms,
    atom_vectors,
    read_atom_data,
    write_atom_data,
)
from surrogate_hpo.stages.ados.atoms import ados_atoms
from surrogate_hpo.stages.ados.bars import bagged_bars
from surrogate_hpo.stages.ados.draw import ados_figure
from surrogate_hpo.stages.ados.judged import TERMS, Conditions, energies_of_dos
from surrogate_hpo.stages.ados.network import (
    ados_network,
    borne_out,
    linear_map,
    new_fit,
    scaled_atoms,
)
from surrogate_hpo.stages.ados.settings import AdosSettings
from surrogate_hpo.stages.ados.stage import ados
from surrogate_hpo.stages.descriptors.settings import DescriptorsSettings
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

GRID, ENERGY = (8, 8, 8), np.arange(-4.0, 16.5, 0.5)
UPF = REPOSITORY / "pseudopotentials" / "Al.hgh-lda.UPF"
NAMES = (*(f"training-000{n}" for n in range(3)), "validation-0000", "test-0000", "test-0001")
SETTINGS = AdosSettings(hidden_widths=[4], maximum_epochs=3, seeds=2)


def dft_result(atoms: Atoms, number: int) -> DftResult:
    """Numbers of a calculation that nobody has made."""
    energies = dict.fromkeys(QUANTITIES.values(), 10.0 + 0.1 * number)
    return DftResult(
        **energies, electrons=12.0, eigenvalues=np.zeros((1, 1)), occupations=np.ones((1, 1)),
        k_weights=np.array([2.0]), k_points=np.zeros((1, 3)), fft_grid=GRID,
        wavefunction_cutoff=100.0, density_cutoff=400.0, density_cutoff_rydberg=29.4,
        cell=atoms.cell.array, positions=atoms.positions, species=("Al",) * 4,
        functional="lda_pz", pseudopotentials={"Al": UPF.name}, norm_conserving=True,
        symmetry_operations=1, smearing="fd", smearing_width=5000 * BOLTZMANN_EV_PER_KELVIN,
        converged=True, scf_steps=5, scf_accuracy=1e-9, version="7.2",
    )  # fmt: skip


def write_snapshot(folder: Path, name: str, number: int) -> None:
    """The free electron gas, modulated in space, as the LDOS."""
    generator = np.random.default_rng(number)
    atoms = bulk("Al", cubic=True)
    atoms.rattle(0.1, seed=number)
    write_structure(folder / f"{name}.extxyz", atoms)
    write_dft_result(folder / f"{name}.json", dft_result(atoms, number), {})
    modulation = 1 + 0.2 * generator.random((*GRID, 1))
    states = np.sqrt(np.clip(ENERGY, 0, None)) * 0.795 / 4.05**3
    values = (modulation / modulation.mean() * states).astype(np.float32)
    axis = LdosAxis(ENERGY, "gaussian", 0.5)
    write_ldos(folder / f"{name}.zarr.zip", LdosData(values, axis, atoms.cell[:], 12.0), {})


def paths(folder: Path, suffix: str, start: str = "") -> list[Path]:
    return [folder / f"{name}.{suffix}" for name in NAMES if name.startswith(start)]


def share(folder: Path, settings: AdosSettings = SETTINGS, **changes: object) -> Path:
    arguments = {
        "settings": settings,
        "seed": 1,
        "structures": paths(folder, "extxyz"),
        "ldos": paths(folder, "zarr.zip"),
        "acsd": folder / "choice.json",
        "descriptors_settings": DescriptorsSettings(),
        "atoms": folder / "atoms.pt",
        "state": folder / "state",
    }
    ados_atoms(**arguments | changes)
    return folder / "atoms.pt"


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    """Six snapshots, two networks."""
    folder = tmp_path_factory.mktemp("ados")
    for number, name in enumerate(NAMES):
        write_snapshot(folder, name, number)
    definition = DescriptorDefinition(4.0, 2, {"Al": 1.0}, {"Al": 0.5})
    write_document(folder / "choice.json", definition.as_document())
    share(folder)
    for number in range(2):
        train(folder, number, folder / str(number))
    return folder


def train(folder: Path, number: int, output: Path, **changes: object) -> None:
    output.mkdir(exist_ok=True)
    ados_network(
        settings=SETTINGS.model_copy(update=changes),
        seed=1,
        initialisation=number,
        atoms=folder / "atoms.pt",
        model=output / "model.pt",
        history=output / "history.csv",
        state=folder / "state",
    )


def judge(folder: Path, output: Path, **changes: object) -> dict:
    config = load_config([REPOSITORY / "config" / "tiny.yaml"])
    arguments = {
        "settings": SETTINGS,
        "config": config,
        "seed": 1,
        "atoms": folder / "atoms.pt",
        "models": sorted(folder.glob("?/model.pt")),
        "histories": sorted(folder.glob("?/history.csv")),
        "structures": paths(folder, "extxyz", "test"),
        "dft": paths(folder, "json", "test"),
        "training_structures": paths(folder, "extxyz", "training"),
        "training_dft": paths(folder, "json", "training"),
        "pseudopotentials": [UPF],
        "table": output / "ados.csv",
        "dos": output / "dos.csv",
        "exchange": output / "exchange.csv",
        "summary": output / "summary.json",
    }
    ados(**arguments | changes)
    return json.loads((output / "summary.json").read_text())


# --- shares of the atoms ---


def test_the_shares_add_up_to_the_density_of_states(case):
    data = read_atom_data(case / "atoms.pt")
    assert set(data.snapshots) == set(NAMES)
    assert data.elements == ("Al",)
    for name in NAMES:
        ldos = read_ldos(case / f"{name}.zarr.zip")
        dos = ldos.values.astype(np.float64).sum((0, 1, 2)) * ldos.volume_element
        np.testing.assert_allclose(data.snapshots[name].dos.sum(0), dos, rtol=1e-12)
        assert data.snapshots[name].points == 512
    assert not list((case / "state").glob("*")), "nothing is left of a finished job"


def test_the_descriptor_is_that_of_the_grid_unless_the_section_names_another(case, tmp_path):
    assert read_atom_data(case / "atoms.pt").definition.twojmax == 2
    other = SETTINGS.model_copy(update={"cutoff_radius_angstrom": 5.0, "twojmax": 4})
    share(case, other, atoms=tmp_path / "atoms.pt", state=tmp_path / "state")
    definition = read_atom_data(tmp_path / "atoms.pt").definition
    assert (definition.cutoff_radius, definition.twojmax) == (5.0, 4)
    assert definition.element_radii == {"Al": 0.5}


def test_components_of_the_cell_are_part_of_the_vectors_where_they_are_the_grid_s(case, tmp_path):
    of_cell = {"cell_density": True, "cell_mean_twojmax": 2}
    files = {"atoms": tmp_path / "atoms.pt", "state": tmp_path / "state"}
    share(case, descriptors_settings=DescriptorsSettings(**of_cell), **files)
    without, found = (read_atom_data(path) for path in (case / "atoms.pt", tmp_path / "atoms.pt"))
    assert found.definition == replace(without.definition, **of_cell)
    for name, one in found.snapshots.items():
        atoms = read_structure(case / f"{name}.extxyz")
        expected = 4 / 3 * np.pi * 4.0**3 * len(atoms) / atoms.get_volume()
        own = without.snapshots[name].vectors
        np.testing.assert_array_equal(one.vectors[:, : own.shape[1]], own)
        np.testing.assert_allclose(one.vectors[:, own.shape[1]], expected)
        means = one.vectors[:, own.shape[1] + 1 :]
        np.testing.assert_allclose(means, np.tile(own[:, :5].mean(0), (len(own), 1)), rtol=1e-9)


def test_the_element_of_an_atom_is_part_of_its_vector_where_there_are_several():
    atoms = bulk("AlLi", "rocksalt", a=5.0, cubic=True)
    definition = DescriptorDefinition(4.0, 2, {"Al": 1.0, "Li": 0.5}, {})
    vectors = atom_vectors(atoms, definition, ("Li", "Al"), where="a")
    assert vectors[:, -2:].sum(1).tolist() == [1.0] * 8
    assert vectors[list(atoms.symbols).index("Li"), -2:].tolist() == [1.0, 0.0]


def test_an_unknown_element_is_refused():
    with pytest.raises(DataError, match=r"know nothing of an element(.|\n)*got: Mg"):
        atom_vectors(bulk("Mg"), DescriptorDefinition(4.0, 2), ("Al",), where="mg.extxyz")


def test_widths_that_make_no_sense_are_refused(case):
    narrow = SETTINGS.model_copy(update={"width_angstrom": 0.3})
    with pytest.raises(ConfigError, match=r"grid is too coarse(.|\n)*width_angstrom(.|\n)*0\.51 Å"):
        share(case, narrow)
    wide = SETTINGS.model_copy(update={"width_angstrom": 4.5})
    with pytest.raises(ConfigError, match=r"does not see(.|\n)*at most the cutoff radius, 4 Å"):
        share(case, wide)


def test_snapshots_without_ldos_or_with_another_one_are_refused(case, tmp_path):
    stores = paths(case, "zarr.zip")
    with pytest.raises(DataError, match=r"do not pair up(.|\n)*run the ldos stage"):
        share(case, ldos=stores[:-1])
    with pytest.raises(DataError, match="missing"):
        share(case, ldos=[*stores[:-1], tmp_path / "test-0001.zarr.zip"])
    data = read_ldos(stores[-1])
    write_ldos(tmp_path / "cell.zarr.zip", replace(data, cell=1.01 * data.cell), {})
    with pytest.raises(DataError, match="different cells"):
        share(case, ldos=[*stores[:-1], tmp_path / "cell.zarr.zip"])
    axis = LdosAxis(ENERGY + 0.1, "gaussian", 0.5)
    write_ldos(tmp_path / "axis.zarr.zip", replace(data, axis=axis), {})
    with pytest.raises(DataError, match="different energy axes"):
        share(case, ldos=[*stores[:-1], tmp_path / "axis.zarr.zip"])


def test_a_killed_job_goes_on_with_the_next_snapshot(case, tmp_path, monkeypatch):
    import surrogate_hpo.stages.ados.atoms as job

    counted, compute = [], job.atom_dos

    def killed(*arguments, **options):
        if len(counted) == 2:
            raise KeyboardInterrupt
        counted.append(1)
        return compute(*arguments, **options)

    monkeypatch.setattr(job, "atom_dos", killed)
    places = {"atoms": tmp_path / "atoms.pt", "state": tmp_path / "state"}
    with pytest.raises(KeyboardInterrupt):
        share(case, **places)
    monkeypatch.setattr(job, "atom_dos", lambda *a, **o: counted.append(1) or compute(*a, **o))
    share(case, **places)
    assert len(counted) == len(NAMES)
    whole, gone_on = (read_atom_data(p) for p in (case / "atoms.pt", tmp_path / "atoms.pt"))
    for name in NAMES:
        np.testing.assert_array_equal(whole.snapshots[name].dos, gone_on.snapshots[name].dos)


def test_another_file_is_no_file_of_atoms(case, tmp_path):
    with pytest.raises(DataError, match="not one of densities of states by atom"):
        read_atom_data(case / "0" / "model.pt")
    (tmp_path / "atoms.pt").write_bytes(b"nothing")
    with pytest.raises(DataError, match="damaged"):
        read_atom_data(tmp_path / "atoms.pt")


# --- networks ---


def test_a_network_learns_what_the_linear_map_leaves(case, tmp_path):
    data = read_atom_data(case / "atoms.pt")
    scaled = scaled_atoms(SETTINGS, data, where="atoms.pt")
    assert scaled.data.training_points == 12
    again = tmp_path / "again"
    train(case, 0, again)
    first, second = (read_model(p / "model.pt") for p in (case / "0", again))
    for one, other in zip(
        first.surrogate.network.parameters(), second.surrogate.network.parameters(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    with (again / "history.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 3
    assert float(rows[-1]["training_cpu_seconds"]) > 0


def test_a_network_is_shrunk_to_what_the_validation_snapshots_bear_out(case):
    data = read_atom_data(case / "atoms.pt")
    scaled = scaled_atoms(SETTINGS, data, where="atoms.pt")
    model = new_fit(SETTINGS, scaled, seed=0).model
    (known,) = data.named("validation").values()
    linear, vectors = linear_map(data), torch.from_numpy(known.vectors.astype(np.float32))

    def error(one: SurrogateModel | None) -> float:
        added = 0.0 if one is None else one.predict(vectors).numpy()
        rest = known.dos - linear.predict(known.vectors) - added
        return float(np.square(rest.mean(axis=0)).sum())

    shrunk = borne_out(model, data)
    assert error(shrunk) <= min(error(None) * (1 + 1e-4), error(model))
    ratio = shrunk.predict(vectors).norm() / model.predict(vectors).norm()
    assert 0 < float(ratio) <= 1.0


def test_a_run_without_validation_snapshots_is_refused(case):
    data = read_atom_data(case / "atoms.pt")
    few = {name: one for name, one in data.snapshots.items() if "validation" not in name}
    with pytest.raises(DataError, match=r"no validation snapshots(.|\n)*got: training-0000"):
        scaled_atoms(SETTINGS, replace(data, snapshots=few), where="atoms.pt")


# --- errors ---


def test_errors_stand_beside_floor_baseline_and_linear_map(case, tmp_path):
    summary = judge(case, tmp_path)
    for source in ("networks", "linear"):
        errors = summary[source]["band_energy"]
        assert errors["known_snapshots"] == 2
        assert errors["baseline_mev_per_atom"] > 0
    # All have the same density of states, however it is shared.
    predicted = summary["linear"]["band_energy"]["mae_mev_per_atom"]
    floor = summary["linear"]["band_energy"]["discretisation_error_mev_per_atom"]
    assert predicted == pytest.approx(floor, rel=0.05)
    assert summary["dos"]["linear_rmse_per_ev_atom"] < 1e-2
    assert summary["training_atoms"] == 12
    assert summary["training_grid_points"] == 3 * 512
    assert "surrogate" not in summary
    bar = summary["error_bar"]["band_energy"]
    assert bar["rms_bar_mev_per_atom"] > 0
    assert bar["left_out_snapshots"] == 3
    assert summary["error_bar"]["fermi_energy"]["rms_error_mev"] >= 0
    with (tmp_path / "ados.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    sources = [row["source"] for row in rows]
    told = {row["source"] for row in rows if row["band_energy_bar_ev"]}
    assert told == {"linear"}
    squares = [
        (1000 * float(r["band_energy_bar_ev"]) / 4) ** 2 for r in rows if r["band_energy_bar_ev"]
    ]
    assert np.sqrt(np.mean(squares)) == pytest.approx(bar["rms_bar_mev_per_atom"])
    assert sources[:5] == ["dft", "reference_ldos", "seed-0", "seed-1", "linear"]
    ados_figure(table=tmp_path / "ados.csv", dos=tmp_path / "dos.csv", figures=tmp_path / "figures")
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"ados_band_energy.svg", "ados_dos.pdf", "ados_dos.csv"} <= drawn


def test_networks_of_other_atoms_are_refused(case, tmp_path):
    data = read_atom_data(case / "atoms.pt")
    other = replace(data, definition=replace(data.definition, cutoff_radius=4.1))
    write_atom_data(tmp_path / "atoms.pt", other, {})
    with pytest.raises(DataError, match="trained on other atoms"):
        judge(case, tmp_path, atoms=tmp_path / "atoms.pt")


def test_a_snapshot_that_was_not_shared_is_refused(case, tmp_path):
    data = read_atom_data(case / "atoms.pt")
    few = {name: one for name, one in data.snapshots.items() if name != "test-0001"}
    write_atom_data(tmp_path / "atoms.pt", AtomData(few, data.definition, ("Al",), data.axis), {})
    with pytest.raises(DataError, match=r"no density of states by atom(.|\n)*got: test-0001"):
        judge(case, tmp_path, atoms=tmp_path / "atoms.pt")


def test_its_terms_are_exchanged_for_those_of_the_surrogate(case, tmp_path):
    fields = ("total_free_energy", "band_energy", "entropy_term", "fermi_energy")
    with (tmp_path / "energies.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["snapshot", "source", "atoms", *(f"{name}_ev" for name in fields)])
        for name in ("test-0000", "test-0001"):
            writer.writerow([name, "dft", 4, -100.0, 1.0, -1.0, 8.0])
            writer.writerow([name, "seed-0", 4, -99.9, 1.0, -1.0, 8.0])
            writer.writerow([name, "seed-1", 4, -99.7, 1.2, -1.2, 8.0])
    errors = {name: {"mae_mev_per_atom": 1.0} for name in fields[1:]}
    write_document(tmp_path / "evaluate.json", errors)
    summary = judge(
        case,
        tmp_path,
        surrogate_energies=[tmp_path / "energies.csv"],
        surrogate_summary=[tmp_path / "evaluate.json"],
    )
    (row,) = summary["exchange"]
    assert row["surrogate_mae_mev_per_atom"] == pytest.approx(50.0)
    with (tmp_path / "ados.csv").open() as handle:
        (linear,) = (
            float(row["band_energy_ev"]) + float(row["entropy_term_ev"])
            for row in csv.DictReader(handle)
            if (row["snapshot"], row["source"]) == ("test-0000", "linear")
        )
    with (tmp_path / "exchange.csv").open() as handle:
        first = next(csv.DictReader(handle))
    assert float(first["with_linear_error_mev_per_atom"]) == pytest.approx(
        1000 * (0.2 + linear) / 4
    )
    assert summary["surrogate"]["band_energy"] == {"mae_mev_per_atom": 1.0}


def test_the_bar_of_the_linear_map_is_scaled_to_errors_of_what_was_left_out(case, tmp_path):
    data = read_atom_data(case / "atoms.pt")
    of = Conditions(12.0, 5000.0, None)
    conditions = dict.fromkeys((name for name in NAMES if name.startswith("training")), of)
    bars, same, other = (
        bagged_bars(data, conditions, penalty=1e-3, members=4, seed=seed) for seed in (1, 1, 2)
    )
    vectors = data.snapshots["test-0000"].vectors
    expected = bars.expected(vectors, data, of)
    assert set(expected) == set(TERMS)
    assert expected == same.expected(vectors, data, of)
    first, second = ([one.predict(vectors) for one in each.maps] for each in (bars, other))
    assert not np.array_equal(first, second)
    bar = bars.of["band_energy"]
    told = [
        energies_of_dos("", "", one.predict(vectors).sum(axis=0), 4, data.axis, of).energies
        for one in bars.maps
    ]
    spread = np.std([one["band_energy"] / 4 for one in told], ddof=1)
    assert expected["band_energy"] == pytest.approx(
        np.hypot(bar.spread_factor * spread, bar.constant)
    )
    assert bar.left_out_snapshots == 3
    assert bagged_bars(data, conditions, penalty=1e-3, members=0, seed=1) is None
    conditions.popitem()
    assert bagged_bars(data, conditions, penalty=1e-3, members=4, seed=1) is None


def test_bars_hold_where_vectors_tell_the_density_of_states_up_to_noise(case):
    """Of many snapshots about 68 in a hundred errors are within the bar."""
    generator, data = np.random.default_rng(0), read_atom_data(case / "atoms.pt")
    free = np.sqrt(np.clip(ENERGY, 0, None)) * 0.795
    shape = np.outer([1.0, 0.5, -0.5], free * np.exp(-ENERGY / 20))

    def snapshot() -> SnapshotAtoms:
        vectors = generator.normal(size=(4, 3))
        noise = 0.02 * generator.normal(size=(4, 1)) * np.sin(ENERGY / 3) * free
        return SnapshotAtoms(vectors, free + 0.05 * vectors @ shape + noise, 1)

    names = [f"training-{n:04d}" for n in range(12)]
    many = replace(data, snapshots={name: snapshot() for name in names})
    of = Conditions(12.0, 5000.0, None)
    bars = bagged_bars(many, dict.fromkeys(names, of), penalty=1e-6, members=4, seed=0)
    assert bars is not None
    inside = []
    for _ in range(30):
        one = snapshot()
        found, truth = (
            energies_of_dos("", "", dos.sum(axis=0), 4, data.axis, of).comparable("band_energy")
            for dos in (np.mean([m.predict(one.vectors) for m in bars.maps], axis=0), one.dos)
        )
        expected = bars.expected(one.vectors, many, of)["band_energy"]
        inside.append(abs(found - truth) <= expected)
    assert 0.4 < np.mean(inside) < 0.95


# --- as a part of the workflow ---


def test_its_jobs_and_settings(tmp_path):
    folder = new_folder(tmp_path / "run")
    edit_config(folder, "ados", seeds=2)
    config = load_config([folder / "config.yaml"])
    assert items("ados", config) == ["all", "atoms", "network-0", "network-1"]
    edit_config(folder, "ados", width_angstrom=0.0)
    with pytest.raises(ConfigError, match=r"ados\.width_angstrom"):
        load_config([folder / "config.yaml"])


@pytest.mark.workflow
@pytest.mark.qe
def test_it_is_off_by_default_and_runs_on_the_tiny_case(run):
    assert planned(run) == set()
    edit_config(run, "ados", seeds=2, maximum_epochs=20)
    done = snakemake(run, "ados_figure")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    summary = json.loads((run / "results/ados/summary.json").read_text())
    atoms = read_structure(run / "results/snapshots/training-0000.extxyz")
    assert summary["training_atoms"] == 6 * len(atoms)
    errors = summary["linear"]["band_energy"]
    assert errors["mae_mev_per_atom"] < errors["baseline_mev_per_atom"]
    assert summary["surrogate"]["band_energy"]["mae_mev_per_atom"] > 0
    assert summary["exchange"][0]["snapshots"] == 2
    assert summary["cost"]["surrogate_training_cpu_seconds"] > 0
    assert planned(run, "ados_figure") == set()
    edit_config(run, "ados", width_angstrom=1.5)
    assert planned(run, "ados") == {"ados_atoms", "ados_network", "ados"}
    edit_config(run, "ados", width_angstrom=1.3)
    edit_config(run, "report", ados=True)
    assert planned(run) == {"report"}
