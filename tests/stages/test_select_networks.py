"""Rules of `select` that ask the networks of a surrogate, and errors to be expected."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import read, write
from small_surrogate import aluminium, written
from tiny_workflow import edit_config, new_folder, planned

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.sizes import Size
from surrogate_hpo.data.dft_results import write_dft_result
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.predict.contents import Conditions, Prediction
from surrogate_hpo.predict.energies import QUANTITIES
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.request import need_of
from surrogate_hpo.stages.potential import inputs
from surrogate_hpo.stages.select import stage

SIZE = Size(4, 66.0, (9, 9, 9), (9, 9, 9), 100, 700, 4, 20)
NETWORKS = 3


def prepared(project: Path, rule: str, number: int = 2, candidates: int = 4) -> list[str]:
    """A config, training snapshots, a pool and a surrogate; the command that chooses."""
    config = yaml.safe_load((project / "config.yaml").read_text())
    config["select"] = {"twojmax": 2, "rule": rule, "number": number}
    config["select"]["pool"] = [{"files": ["pool.extxyz"]}]
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    known = [project / f"training-{n:04d}.extxyz" for n in range(3)]
    for n, path in enumerate(known):
        write(path, aluminium(n))
    write(project / "pool.extxyz", [aluminium(10 + n) for n in range(candidates)])
    if not (project / "surrogate.pt").is_file():
        written(project, seeds=NETWORKS)
    outputs = ("--table", "c.csv", "--space", "s.csv", "--choice", "c.json")
    return [
        *("select", "--config", "config.yaml", "--structures", *map(str, known), *outputs),
        *("--selected", "s.extxyz", "--state", "state"),
    ]


def rows(project: Path) -> list[dict[str, str]]:
    with (project / "c.csv").open() as handle:
        return list(csv.DictReader(handle))


def write_energy(path: Path, energy: float) -> None:
    """A DFT run of which nothing but the energy matters."""
    atoms = aluminium()
    energies = dict.fromkeys(QUANTITIES.values(), 0.0) | {"total_free_energy": energy}
    result = DftResult(
        **energies, electrons=12.0,
        eigenvalues=np.zeros((1, 1)), occupations=np.ones((1, 1)), k_weights=np.array([2.0]),
        k_points=np.zeros((1, 3)), fft_grid=(8, 8, 8), wavefunction_cutoff=100.0,
        density_cutoff=400.0, density_cutoff_rydberg=29.4, cell=atoms.cell[:],
        positions=atoms.positions, species=("Al",) * 4, functional="lda_pz",
        pseudopotentials={"Al": "Al.UPF"}, norm_conserving=True, symmetry_operations=1,
        smearing="fd", smearing_width=0.4, converged=True, scf_steps=5, scf_accuracy=1e-9,
        version="7.2", forces=np.zeros((4, 3)),
    )  # fmt: skip
    write_dft_result(path, result, {})


def predicted(project: Path, atoms: Atoms) -> Prediction:
    surrogate = read_surrogate(project / "surrogate.pt")
    return predict_structure(surrogate, atoms, Conditions(), project)


def test_spreads_are_those_of_one_prediction_and_the_largest_is_chosen(project):
    for rule, column in (
        ("energy_spread", "energy_spread_ev_per_atom"),
        ("dos_spread", "dos_spread_per_ev_per_atom"),
        ("density_spread", "density_spread_of_mean"),
    ):
        main([*prepared(project, rule), "--surrogate", "surrogate.pt"])
        table, made = rows(project), json.loads((project / "c.json").read_text())
        values = np.array([float(row[column]) for row in table])
        assert made["chosen"][0]["candidate"] == f"pool-{values.argmax():04d}"
        assert made["chosen"][0]["measure"] == pytest.approx(values.max())
        assert not (project / "state").exists() or not list((project / "state").glob("*/*"))
    for place, atoms in enumerate(read(project / "pool.extxyz", index=":")):
        found = predicted(project, atoms)
        energy = np.std(found.energies["total_free_energy"], ddof=1) / 4
        dos = np.sqrt((found.dos.std(axis=0, ddof=1) ** 2).mean()) / 4
        density = np.sqrt((found.density_deviation**2).mean()) / found.density.mean()
        assert float(table[place]["energy_spread_ev_per_atom"]) == pytest.approx(energy)
        assert float(table[place]["dos_spread_per_ev_per_atom"]) == pytest.approx(dos)
        assert float(table[place]["density_spread_of_mean"]) == pytest.approx(density)
        assert float(table[place]["d_optimal"]) > 0
    # Without calibration of the surrogate and without validation snapshots, none of these.
    assert "error_bar_ev_per_atom" not in table[0]
    assert "expected_error_ev_per_atom" not in table[0]
    assert "there are 0" in made["notes"][-1]


def test_a_batch_does_not_hold_a_candidate_and_its_like(project):
    command = prepared(project, "density_spread")
    first = aluminium(10)
    twin = first.copy()
    twin.positions[0] += 0.01
    write(project / "pool.extxyz", [first, twin, aluminium(12), aluminium(13)])
    main([*command, "--surrogate", "surrogate.pt"])
    spreads = [float(row["density_spread_of_mean"]) for row in rows(project)]
    chosen = [one["candidate"] for one in json.loads((project / "c.json").read_text())["chosen"]]
    if max(spreads[:2]) == max(spreads):
        assert not {"pool-0000", "pool-0001"} <= {*chosen}
    assert spreads[0] == pytest.approx(spreads[1], rel=0.1)


def test_errors_are_expected_from_those_of_the_validation_snapshots(project, monkeypatch):
    command = [*prepared(project, "energy_spread"), "--surrogate", "surrogate.pt"]
    for n in range(4):
        atoms = aluminium(20 + n)
        write(project / f"validation-{n:04d}.extxyz", atoms)
        mean = float(np.mean(predicted(project, atoms).energies["total_free_energy"]))
        write_energy(project / f"validation-{n:04d}.json", mean - 4 * 0.02)
    files = [f"validation-{n:04d}" for n in range(4)]
    command += ["--validation-structures", *(f"{name}.extxyz" for name in files)]
    command += ["--validation-dft", *(f"{name}.json" for name in files)]
    # What the surrogate is judged by is held out, too, and read once.
    command += ["--held-out-structures", *(f"{name}.extxyz" for name in files), "test-0000.extxyz"]
    write(project / "test-0000.extxyz", aluminium(30))
    counted = Counter()

    def counting(path: Path) -> Atoms:
        counted[path.stem] += 1
        return read_structure(path)

    monkeypatch.setattr(stage, "read_structure", counting)
    monkeypatch.setattr(inputs, "read_structure", counting)
    main(command)
    assert {counted[name] for name in (*files, "test-0000")} == {1}
    expected = [float(row["expected_error_ev_per_atom"]) for row in rows(project)]
    # All errors are 20 meV/atom: so are those to be expected, and more beyond the farthest.
    assert min(expected) == pytest.approx(0.02)
    said = json.loads((project / "c.json").read_text())["notes"][-1]
    beyond = sum(one > 0.02 + 1e-6 for one in expected)
    assert f"from 4 validation snapshots; {beyond} of 4 candidates are farther out" in said


def test_one_network_no_surrogate_and_a_foreign_element_are_explained(project):
    command = prepared(project, "dos_spread")
    with pytest.raises(SystemExit, match=r"asks a surrogate, and none is given"):
        main(command)
    written(project, seeds=1)
    with pytest.raises(SystemExit, match=r"two networks or more(.|\n)*train.seeds"):
        main([*command, "--surrogate", "surrogate.pt"])


def test_what_the_networks_say_nonsense_of_is_dropped_with_their_words(project, monkeypatch):
    from surrogate_hpo.errors import PhysicsError
    from surrogate_hpo.stages.select import networks

    whole, bad = networks.predict_structure, aluminium(11).positions

    def sometimes(surrogate, atoms, *rest, **options):
        if np.allclose(atoms.positions, bad):
            raise PhysicsError("the LDOS that a network predicts makes no physical sense")
        return whole(surrogate, atoms, *rest, **options)

    monkeypatch.setattr(networks, "predict_structure", sometimes)
    main([*prepared(project, "energy_spread"), "--surrogate", "surrogate.pt"])
    table = rows(project)
    assert [row["status"] == "dropped" for row in table] == [False, True, False, False]
    assert "no physical sense" in table[1]["reason"]
    assert table[1]["energy_spread_ev_per_atom"] == ""


def test_a_killed_selection_repeats_no_prediction(project, monkeypatch):
    from surrogate_hpo.stages.select import networks

    whole, made = networks.predict_structure, []

    def counting(surrogate, atoms, *rest, **options):
        if len(made) == 2:
            made.append(None)
            raise KeyboardInterrupt
        made.append(atoms)
        return whole(surrogate, atoms, *rest, **options)

    monkeypatch.setattr(networks, "predict_structure", counting)
    command = [*prepared(project, "energy_spread"), "--surrogate", "surrogate.pt"]
    with pytest.raises(BaseException):  # noqa: B017, PT011 - however the command says it
        main(command)
    main(command)
    assert len(made) == 5  # two, the one that was killed, and two that were left
    assert len(rows(project)) == 4


def test_networks_are_trained_first_and_rounds_refuse_the_rules(tmp_path, project):
    folder = new_folder(tmp_path / "run")
    edit_config(folder, "select", rule="dos_spread", pool=[{"number": 20}])
    assert {"select", "surrogate", "train", "ldos"} <= planned(folder, "select")
    needs = []
    for rule in ("d_optimal", "dos_spread"):
        prepared(project, rule)
        needs.append(need_of("select")(Case(load_config([project / "config.yaml"]), SIZE)))
    assert needs[1].cpu_seconds > needs[0].cpu_seconds
    config = yaml.safe_load((project / "config.yaml").read_text())
    config["rounds"] = {"number": 1, "rule": "dos_spread"}
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigError, match="rounds"):
        load_config([project / "config.yaml"])


def test_a_copy_of_what_is_held_out_is_not_predicted(project, monkeypatch):
    from surrogate_hpo.stages.select import networks

    whole, asked = networks.predict_structure, []

    def noting(surrogate, atoms, *rest, **options):
        asked.append(atoms)
        return whole(surrogate, atoms, *rest, **options)

    monkeypatch.setattr(networks, "predict_structure", noting)
    command = [*prepared(project, "energy_spread"), "--surrogate", "surrogate.pt"]
    shifted = aluminium(11)
    shifted.translate([0.3, 0.2, 0.9])
    write(project / "test-0000.extxyz", shifted)
    main([*command, "--held-out-structures", "test-0000.extxyz"])
    assert len(asked) == 3
    table = rows(project)
    assert table[1]["reason"] == "duplicate: of test-0000, which is held out"
    assert [row["energy_spread_ev_per_atom"] == "" for row in table] == [False, True, False, False]
    assert float(table[1]["d_optimal"]) > 0
