"""Rounds: what a round chooses, when it stays empty, and what the settings refuse."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write as write_any
from tiny_workflow import REPOSITORY, edit_config

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.project import Config
from surrogate_hpo.data.dft_results import write_dft_result
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.formats.structures.structures import read_structure, write_structure
from surrogate_hpo.predict.energies import QUANTITIES
from surrogate_hpo.run.left_out import leave_out, reason_of
from surrogate_hpo.run.plan import chain, items
from surrogate_hpo.selection.features import Features
from surrogate_hpo.stages.rounds.choosing import choose_beside
from surrogate_hpo.stages.rounds.figure import chosen_table, rounds_table
from surrogate_hpo.stages.rounds.model import reason_to_stop
from surrogate_hpo.stages.rounds.settings import StopSettings
from surrogate_hpo.stages.select.pool import Candidate
from surrogate_hpo.stages.select.weeding import Weeded

MODEL = {
    "cutoff_radii_angstrom": [4.0], "twojmax": [2], "force_weights": [0.1], "members": 3,
    "prior": "none",
}  # fmt: skip
POOL = [{"number": 12, "temperature_kelvin": {"minimum": 100, "maximum": 900}}]
ROUNDS = {"number": 2, "per_round": 2, "potential": MODEL}
TRAINING = [f"training-000{number}" for number in range(4)]
VALIDATION, TEST = ["validation-0000", "validation-0001"], ["test-0000"]


def thermal(seed: int) -> Atoms:
    atoms = bulk("Al", "fcc", a=4.05, cubic=True)
    atoms.rattle(0.06, seed=seed)
    return atoms


def computed(atoms: Atoms) -> DftResult:
    """A calculation with the energy and forces of effective medium theory."""
    known = atoms.copy()
    known.calc = EMT()
    energies = dict.fromkeys(QUANTITIES.values(), 0.0)
    energies |= {"total_free_energy": known.get_potential_energy()}
    return DftResult(
        **energies, electrons=12.0, eigenvalues=np.zeros((1, 1)), occupations=np.ones((1, 1)),
        k_weights=np.array([2.0]), k_points=np.zeros((1, 3)), fft_grid=(8, 8, 8),
        wavefunction_cutoff=100.0, density_cutoff=400.0, density_cutoff_rydberg=29.4,
        cell=atoms.cell.array, positions=atoms.positions, species=("Al",) * 4,
        functional="lda_pz", pseudopotentials={"Al": "Al.UPF"}, norm_conserving=True,
        symmetry_operations=1, smearing="fd", smearing_width=0.43, converged=True, scf_steps=5,
        scf_accuracy=1e-9, version="7.2", forces=known.get_forces(),
    )  # fmt: skip


def write_computed(name: str, atoms: Atoms) -> None:
    write_structure(Path(f"results/snapshots/{name}.extxyz"), atoms)
    compute(name)


def compute(name: str) -> None:
    """What the dft stage does with a structure, and its cost record."""
    atoms = read_structure(Path(f"results/snapshots/{name}.extxyz"))
    write_dft_result(Path(f"results/dft/{name}.json"), computed(atoms), {})
    cost = Path(f"results/cost/dft/{name}.json")
    cost.parent.mkdir(parents=True, exist_ok=True)
    numbers = dict.fromkeys(("wall_seconds", "gpu_seconds", "peak_memory_mebibytes"), 1.0)
    numbers |= {"cpu_seconds": 2.0, "allocated_cpus": 1, "allocated_gpus": 0}
    cost.write_text(json.dumps({"stage": "dft"} | numbers))


@pytest.fixture
def run(project) -> Path:
    """A run whose own snapshots are computed."""
    edit_config(project, "rounds", **ROUNDS)
    edit_config(project, "select", pool=POOL)
    edit_config(project, "snapshots", training=4, validation=2, test=1)
    for seed, name in enumerate([*TRAINING, *VALIDATION, *TEST]):
        write_computed(name, thermal(seed))
    return project


def files(kind: str, names: list[str]) -> list[str]:
    suffix = {"snapshots": ".extxyz", "dft": ".json", "cost/dft": ".json"}[kind]
    return [f"results/{kind}/{name}{suffix}" for name in names]


def inputs(training: list[str]) -> list[str]:
    return [
        "--structures", *files("snapshots", training), "--dft", *files("dft", training),
        "--validation-structures", *files("snapshots", VALIDATION),
        "--validation-dft", *files("dft", VALIDATION),
    ]  # fmt: skip


def choose(
    number: int,
    earlier: tuple[str, ...] = (),
    folder: str = "results",
    tried: tuple[str, ...] = (),
) -> dict:
    """Run a round, as its rule does, and read its choice."""
    out = Path(folder) / "rounds" / str(number)
    before = ["--before", f"{folder}/rounds/{number - 1}/choice.json"] if number > 1 else []
    main([
        "rounds_choice", "--config", "config.yaml", "--round-number", str(number),
        *inputs([*TRAINING, *earlier]), "--test-structures", *files("snapshots", TEST),
        "--tried", *files("snapshots", [*earlier, *tried]), *before,
        "--choice", f"{out}/choice.json", "--candidates", f"{out}/candidates.csv", "--snapshots",
        *(f"{folder}/snapshots/round{number}-000{place}.extxyz" for place in (1, 2)),
    ])  # fmt: skip
    return json.loads((out / "choice.json").read_text())


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open() as handle:
        return list(csv.DictReader(handle))


def message(*arguments: object, **keywords: object) -> str:
    with pytest.raises(SystemExit) as stop:
        choose(*arguments, **keywords)
    return str(stop.value.code)


def test_a_round_chooses_structures_that_differ_and_tells_why(run):
    found = choose(1)
    assert (found["state"], found["candidates"], found["dropped"]) == ("chosen", 12, 0)
    assert found["errors"]["energy_error_mev_per_atom"] > 0
    rows = table("results/rounds/1/candidates.csv")
    chosen = {row["snapshot"]: row for row in rows if row["snapshot"]}
    assert [*sorted(chosen)] == ["round1-0001", "round1-0002"]
    assert len(rows) == 12
    assert "distance to the nearest structure" in chosen["round1-0001"]["reason"]
    # The first is the farthest of all, and what is written is that candidate.
    farthest = max(rows, key=lambda row: float(row["measure"]))
    assert farthest["snapshot"] == "round1-0001"
    atoms = read_structure(Path("results/snapshots/round1-0001.extxyz"))
    assert atoms.info["temperature_kelvin"] == float(farthest["temperature_kelvin"])
    other = read_structure(Path("results/snapshots/round1-0002.extxyz"))
    assert np.abs(atoms.positions - other.positions).max() > 0.01


def test_the_same_again_and_other_candidates_in_the_next_round(run):
    choose(1)
    kept = Path("results/rounds/1/choice.json").read_bytes()
    structure = Path("results/snapshots/round1-0001.extxyz").read_bytes()
    choose(1)
    assert Path("results/rounds/1/choice.json").read_bytes() == kept
    assert Path("results/snapshots/round1-0001.extxyz").read_bytes() == structure
    for name in ("round1-0001", "round1-0002"):
        compute(name)
    found = choose(2, ("round1-0001", "round1-0002"))
    assert found["training_snapshots"] == 6
    first, second = (table(f"results/rounds/{number}/candidates.csv") for number in (1, 2))
    assert not {row["measure"] for row in first} & {row["measure"] for row in second}


def test_what_others_decide_changes_no_round(run):
    # A third round, or a rule of another one, must neither rerun nor change the first.
    first = choose(1)
    edit_config(run, "rounds", number=3, rule=["farthest_point", "random", "kmeans"])
    config = load_config([run / "config.yaml"])
    assert choose(1) == first
    before = Config.model_validate(config.model_dump() | {"rounds": ROUNDS})
    assert config.job_settings("rounds", "1") == before.job_settings("rounds", "1")
    assert config.job_settings("rounds", "2") != before.job_settings("rounds", "2")
    assert config.rounds.rule_of(9) == "kmeans"


def test_the_spread_of_the_members_can_decide(run):
    edit_config(run, "rounds", rule="spread")
    found = choose(1)
    assert "spread of the members, eV/atom" in found["chosen"][0]["reason"]


def test_the_potential_of_the_round_proposes_where_it_goes_by_itself(run):
    motion = {"trajectories": 2, "steps": 6, "every": 3, "temperature_kelvin": [200, 400]}
    edit_config(run, "rounds", dynamics=motion)
    assert choose(1)["candidates"] == 12 + 4
    rows = table("results/rounds/1/candidates.csv")[12:]
    assert [row["source"].partition(" from ")[2] for row in rows] == [
        "training-0003, step 3",
        "training-0003, step 6",
        "training-0002, step 3",
        "training-0002, step 6",
    ]
    assert [row["temperature_kelvin"] for row in rows] == ["200.0", "200.0", "400.0", "400.0"]
    assert len({row["measure"] for row in rows}) == 4
    # A trajectory that leaves all sense ends there, and the round goes on.
    edit_config(run, "rounds", dynamics=motion | {"temperature_kelvin": 1e7})
    assert choose(1)["candidates"] == 12 + 2
    assert all(row["dropped"] for row in table("results/rounds/1/candidates.csv")[12:])


def largest_force(name: str) -> float:
    atoms = read_structure(Path(f"results/snapshots/{name}.extxyz"))
    return float(np.linalg.norm(computed(atoms).forces, axis=1).max())


def test_a_round_computes_where_its_potential_relaxes_to_and_the_next_one_looks_at_it(run):
    edit_config(run, "rounds", relaxation={"steps": 2})
    first = choose(1)
    assert first["candidates"] == 12 + 1
    assert first["errors"]["relaxed_force_ev_per_angstrom"] is None
    goal = first["relaxation"]
    assert (goal["snapshot"], goal["dropped"]) == ("round1-0001", None)
    assert (goal["steps"], goal["snapshots"]) == (2, ["round1-0001"])
    assert first["chosen"][0]["reason"] == "where the relaxation has led"
    calmest = min(TRAINING, key=largest_force)
    assert first["chosen"][0]["source"] == f"relaxation by the potential from {calmest}"
    assert "the largest in its turn" in first["chosen"][1]["reason"]
    assert largest_force("round1-0001") < largest_force(calmest)
    for name in ("round1-0001", "round1-0002"):
        compute(name)
    earlier = ("round1-0001", "round1-0002")
    left = largest_force("round1-0001")
    edit_config(run, "rounds", relaxation={"steps": 60})
    edit_config(run, "rounds", stop={"relaxed_force_ev_per_angstrom": 0.99 * left})
    second = choose(2, earlier)
    assert second["errors"]["relaxed_force_ev_per_angstrom"] == pytest.approx(left, rel=1e-6)
    assert second["chosen"][0]["source"] == "relaxation by the potential from round1-0001"
    goal = second["relaxation"]
    assert goal["largest_force_of_the_potential_ev_per_angstrom"] <= 0.01
    assert goal["snapshots"] == ["round1-0001", "round2-0001"]
    edit_config(run, "rounds", stop={"relaxed_force_ev_per_angstrom": 1.01 * left})
    empty = choose(2, earlier)
    assert empty["state"] == "empty"
    assert "rounds.stop is met: relaxed_force_ev_per_angstrom" in empty["reason"]
    assert empty["reason"].endswith("on the relaxed structure")


def test_where_a_potential_stays_is_not_computed_again_but_looked_at(run):
    edit_config(run, "rounds", relaxation={"force_ev_per_angstrom": 100})
    found = choose(1)
    calmest = min(TRAINING, key=largest_force)
    assert found["relaxation"]["dropped"] == f"duplicate: of {calmest}"
    assert found["relaxation"]["snapshot"] == calmest
    assert len(found["chosen"]) == 2
    for name in ("round1-0001", "round1-0002"):
        compute(name)
    edit_config(run, "rounds", stop={"relaxed_force_ev_per_angstrom": 1e3})
    second = choose(2, ("round1-0001", "round1-0002"))
    looked = second["errors"]["relaxed_force_ev_per_angstrom"]
    assert looked == pytest.approx(largest_force(calmest), rel=1e-6)
    assert second["state"] == "empty"


def test_a_relaxed_structure_whose_calculation_failed_meets_nothing(run):
    edit_config(run, "rounds", relaxation={"steps": 60})
    edit_config(run, "rounds", stop={"relaxed_force_ev_per_angstrom": 1e3})
    choose(1)
    leave_out(Path("results/dft/round1-0001.json"), "DFT failed")
    leave_out(Path("results/dft/round1-0002.json"), "DFT failed")
    found = choose(2, ("round1-0001", "round1-0002"))
    assert found["errors"]["relaxed_force_ev_per_angstrom"] is None
    assert found["state"] == "chosen"
    # The same potential comes to the same structure; it is not tried again.
    assert found["relaxation"]["dropped"] == "duplicate: of round1-0001, which was tried before"
    assert found["relaxation"]["snapshot"] is None


def test_a_round_of_one_is_where_the_relaxation_has_led():
    features = Features(np.zeros((10, 2)), np.arange(10))
    pool = Weeded([Candidate(thermal(0), "", "")] * 6, [thermal(0)] * 4, features, [*range(6)], {})
    arguments = {"rule": "random", "number": 1, "seed": 0, "members": None}
    made = choose_beside(pool, [5], **arguments, components=6, sampled=10)
    assert (list(made.reasons), made.measure) == ([5], {})


def test_a_relaxation_that_leads_nowhere_leaves_the_choice_to_the_rule(run):
    close = thermal(78)
    close.positions[1] = close.positions[0] + [0.01, 0, 0]
    write_any("close.extxyz", close)
    edit_config(run, "rounds", relaxation={"structure": "close.extxyz", "steps": 3})
    found = choose(1)
    assert found["relaxation"]["snapshot"] is None
    assert found["relaxation"]["dropped"]
    assert len(found["chosen"]) == 2
    assert all("the largest in its turn" in one["reason"] for one in found["chosen"])


def test_a_trajectory_has_candidates(run):
    with pytest.raises(ValueError, match="a trajectory ends after 5 `steps`"):
        config_with(ROUNDS | {"dynamics": {"steps": 5, "every": 6}})


def test_copies_of_known_and_held_out_structures_are_no_candidates(run):
    for name in ("training-0001", "test-0000", "validation-0001"):
        path = Path(f"results/snapshots/{name}.extxyz")
        Path(f"own-{name}.extxyz").write_bytes(path.read_bytes())
    write_structure(Path("new.extxyz"), thermal(77))
    close = thermal(78)
    close.positions[1] = close.positions[0] + [0.3, 0, 0]
    write_any("close.extxyz", close)
    own = [f"own-{n}.extxyz" for n in ("training-0001", "test-0000", "validation-0001")]
    files = [*own, "new.extxyz", "new.extxyz", "close.extxyz"]
    edit_config(run, "select", pool=[{"files": files}, {"number": 2}])
    found = choose(1)
    assert (found["candidates"], found["dropped"]) == (8, 5)
    # Those that are generated come first.
    dropped = [row["dropped"] for row in table("results/rounds/1/candidates.csv")][2:]
    assert dropped[:5] == [
        "duplicate: of training-0001",
        "duplicate: of test-0000, which is held out",
        "duplicate: of validation-0001, which is held out",
        "",
        "duplicate: of pool-0005",
    ]
    assert dropped[5]
    edit_config(run, "select", pool=[{"files": [*own, "new.extxyz"]}])
    said = message(1)
    assert said.startswith("DataError: too few candidates of a round can be chosen")
    assert "2 or more (rounds.per_round)" in said
    assert "1 of 4; dropped: duplicate 3" in said


def test_no_distance_lets_copies_of_held_out_structures_in(run):
    copies = [read_structure(Path(f"results/snapshots/{n}.extxyz")) for n in (*VALIDATION, *TEST)]
    for copy in copies:
        copy.rotate(37, (1, 2, 3), rotate_cell=True)
        copy.translate([0.7, 1.2, -0.4])
    write_any("copies.extxyz", copies)
    pool = [{"files": ["copies.extxyz"]}, {"number": 3}]
    edit_config(run, "select", pool=pool, duplicate_distance=0)
    assert choose(1)["dropped"] == 3
    dropped = [row["dropped"] for row in table("results/rounds/1/candidates.csv")]
    told = [f"duplicate: of {name}, which is held out" for name in (*VALIDATION, *TEST)]
    assert dropped == ["", "", "", *told]


def test_a_structure_whose_calculation_failed_is_not_tried_again(run):
    write_structure(Path("new.extxyz"), thermal(77))
    edit_config(run, "select", pool=[{"files": ["new.extxyz"]}, {"number": 3}])
    edit_config(run, "rounds", rule="random")
    write_structure(Path("results/snapshots/round1-0001.extxyz"), thermal(77))
    leave_out(Path("results/dft/round1-0001.json"), "DFT failed")
    write_computed("round1-0002", thermal(78))
    Path("results/rounds/1").mkdir(parents=True)
    Path("results/rounds/1/choice.json").write_text('{"state": "chosen", "reason": null}')
    found = choose(2, ("round1-0001", "round1-0002"))
    assert found["training_snapshots"] == 5
    dropped = table("results/rounds/2/candidates.csv")[-1]["dropped"]
    assert dropped == "duplicate: of round1-0001, which was tried before"


def wild(seed: int) -> Atoms:
    """Far from all training snapshots, without overlapping atoms."""
    atoms = bulk("Al", "fcc", a=5.2, cubic=True)
    atoms.rattle(0.06, seed=seed)
    return atoms


def test_what_is_not_learnt_from_does_not_widen_what_is_known(run):
    write_any("far.extxyz", [wild(77), wild(78)])
    edit_config(run, "select", pool=[{"files": ["far.extxyz"]}, {"number": 6}])
    edit_config(run, "select", extrapolation_limit=3.0)
    expected = choose(1)
    rows = table("results/rounds/1/candidates.csv")
    assert all(row["dropped"].startswith("extrapolation: ") for row in rows[-2:])
    # One of the two is held out, and others of its kind; one with another element was tried.
    write_structure(Path("results/snapshots/test-0000.extxyz"), wild(77))
    write_computed("validation-0001", wild(79))
    copper = bulk("Cu", "fcc", a=4.05, cubic=True)
    write_structure(Path("results/snapshots/round1-0001.extxyz"), copper)
    write_structure(Path("results/snapshots/round1-0002.extxyz"), wild(80))
    found = choose(1, tried=("round1-0001", "round1-0002"), folder="again")
    again = table("again/rounds/1/candidates.csv")
    assert again[-2]["dropped"] == "duplicate: of test-0000, which is held out"
    assert again[-1]["dropped"] == rows[-1]["dropped"]
    assert [row["measure"] for row in again] == [row["measure"] for row in rows]
    assert found["chosen"] == expected["chosen"]


def test_a_round_is_empty_when_the_errors_are_met_and_so_are_all_later_ones(run):
    edit_config(run, "rounds", stop={"energy_error_mev_per_atom": 1e6})
    found = choose(1)
    assert found["state"] == "empty"
    assert "on the validation snapshots" in found["reason"]
    paths = [Path(f"results/snapshots/round1-000{place}.extxyz") for place in (1, 2)]
    for path in paths:
        leave_out(Path(f"results/dft/{path.stem}.json"), str(reason_of(path)))
        assert "round 1 is empty, rounds.stop is met: " in str(reason_of(path))
    assert table("results/rounds/1/candidates.csv") == []
    # What the errors are by then is not asked: a rule of chance must not wake it up.
    edit_config(run, "rounds", stop={})
    later = choose(2, ("round1-0001", "round1-0002"))
    assert (later["state"], later["reason"]) == ("empty", found["reason"])
    assert "errors" not in later


@pytest.mark.parametrize(
    ("stop", "met"),
    [
        ({}, False),
        ({"energy_error_mev_per_atom": 5.0}, True),
        ({"energy_error_mev_per_atom": 3.9}, False),
        ({"energy_error_mev_per_atom": 5.0, "force_rmse_mev_per_angstrom": 99.0}, False),
        ({"force_rmse_mev_per_angstrom": 101.0}, True),
    ],
)
def test_all_errors_that_are_given_must_be_met(stop, met):
    errors = {"energy_error_mev_per_atom": 4.0, "force_rmse_mev_per_angstrom": 100.0}
    reason = reason_to_stop(StopSettings(**stop), errors)
    assert (reason is not None) == met
    unknown = errors | {"force_rmse_mev_per_angstrom": float("nan")}
    assert reason_to_stop(StopSettings(force_rmse_mev_per_angstrom=1e9), unknown) is None


def gather(names: list[str]) -> dict:
    main([
        "rounds", "--config", "config.yaml", "--choices", "results/rounds/1/choice.json",
        "results/rounds/2/choice.json", *inputs([*TRAINING, *names]),
        "--tried", *files("dft", names), "--costs", *files("cost/dft", names),
        "--table", "results/rounds/rounds.csv", "--summary", "results/rounds/summary.json",
    ])  # fmt: skip
    return json.loads(Path("results/rounds/summary.json").read_text())


def test_failures_and_empty_rounds_are_counted_and_named(run):
    choose(1)
    names = ["round1-0001", "round1-0002", "round2-0001", "round2-0002"]
    compute("round1-0001")
    compute("round1-0002")  # for its cost record
    leave_out(Path("results/dft/round1-0002.json"), "DFT failed: no convergence")
    edit_config(run, "rounds", stop={"energy_error_mev_per_atom": 1e6})
    empty = choose(2, ("round1-0001", "round1-0002"))
    for name in names[2:]:
        compute("training-0000")
        Path(f"results/cost/dft/{name}.json").write_bytes(
            Path("results/cost/dft/training-0000.json").read_bytes()
        )
        leave_out(Path(f"results/dft/{name}.json"), "round 2 is empty")
    found = gather(names)
    first, second, last = found["rounds"]
    assert (first["chosen"], first["failed"], first["dft_cpu_seconds"]) == (2, 1, 4.0)
    assert (second["state"], second["chosen"], second["dft_cpu_seconds"]) == ("empty", 0, 0.0)
    assert [row["training_snapshots"] for row in (first, second, last)] == [4, 5, 5]
    assert sorted(found["left_out"]) == names[1:]
    assert found["warnings"] == [
        "1 of 2 structures that the rounds chose have no DFT result and are left out of "
        "everything: round1-0002; the first because DFT failed: no convergence",
    ]
    assert found["notes"] == [
        f"The run stopped early: round 2 is empty, because {empty['reason']}."
    ]
    assert [row["dft_runs"] for row in found["rounds"]] == [4, 6, 6]
    left_out = [one["left_out"] for one in found["chosen"]]
    assert left_out == [None, "DFT failed: no convergence"]
    assert [row["state"] for row in table("results/rounds/rounds.csv")][2] == "after the last"
    shown = rounds_table(found["rounds"], found["stop"])
    assert shown.numbers("failed")[:2].tolist() == [1, 0]
    assert shown.words("round") == ["1", "2", ""]
    assert shown.numbers("stop_energy_error_mev_per_atom").tolist() == [1e6] * 3
    assert not shown.has_numbers("stop_force_rmse_mev_per_angstrom")
    told = chosen_table(found["chosen"])
    assert told.words("snapshot") == names[:2]
    assert told.words("left_out")[1] == "DFT failed: no convergence"


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        ({}, "All rounds, 1 of them, chose structures; no error was asked for at which they stop"),
        ({"energy_error_mev_per_atom": 1e-9}, "and rounds.stop is not met after the last one: "),
        ({"energy_error_mev_per_atom": 1e6}, "chose structures; by now rounds.stop is met: "),
    ],
)
def test_a_run_says_why_its_rounds_ended(run, stop, words):
    choose(1)
    for name in ("round1-0001", "round1-0002"):
        compute(name)
    edit_config(run, "rounds", number=1, stop=stop)
    main([
        "rounds", "--config", "config.yaml", "--choices", "results/rounds/1/choice.json",
        *inputs([*TRAINING, "round1-0001", "round1-0002"]),
        "--tried", *files("dft", ["round1-0001", "round1-0002"]),
        "--costs", *files("cost/dft", ["round1-0001", "round1-0002"]),
        "--table", "results/rounds/rounds.csv", "--summary", "results/rounds/summary.json",
    ])  # fmt: skip
    (note,) = json.loads(Path("results/rounds/summary.json").read_text())["notes"]
    assert words in note


def config_with(rounds: dict, pool: list = POOL, **snapshots: object) -> Config:
    settings = yaml.safe_load((REPOSITORY / "config" / "tiny.yaml").read_text())
    settings |= {"rounds": rounds, "select": {"pool": pool}}
    settings["snapshots"].update(snapshots)
    return Config.model_validate(settings)


def test_names_follow_from_the_config_and_without_rounds_nothing_changes():
    config = config_with(ROUNDS)
    names = ["round1-0001", "round1-0002", "round2-0001", "round2-0002"]
    assert config.names("training") == [*config.snapshots.names("training"), *names]
    assert config.names("validation") == config.snapshots.names("validation")
    assert "rounds" in chain(config)
    assert items("dft", config)[-4:] == names
    assert items("snapshots", config) == config.snapshots.all_names()
    assert items("rounds", config) == ["all", "choice-1", "choice-2"]
    without = config_with({"number": 0})
    assert without.all_names() == without.snapshots.all_names()
    assert "rounds" not in chain(without)


@pytest.mark.parametrize(
    ("rounds", "pool", "snapshots", "words"),
    [
        ({"per_round": 13}, POOL, {}, "rounds.per_round is 13, but select.pool has 12 candidates"),
        (
            {"stop": {"relaxed_force_ev_per_angstrom": 0.1}},
            POOL,
            {},
            "asks for a structure that is relaxed: give `relaxation`",
        ),
        ({"network": {"training": {"use_gpu": True}}}, POOL, {}, "rounds have no GPU"),
        ({"relaxation": {"structure": "a.traj@0:3"}}, POOL, {}, "is more than one structure"),
        ({}, [], {}, "rounds choose among select.pool, which is empty"),
        ({}, [{"files": ["a.traj@7"]}], {}, "is 2, but select.pool has 1 candidates"),
        ({"rule": "farthest"}, POOL, {}, "'random', 'farthest_point'"),
        ({"rule": ["random"] * 3}, POOL, {}, "`rule` names 3 rules for 2 rounds"),
        ({"rule": "spread", "potential": {"members": 1}}, POOL, {}, "asks 2 `potential.members`"),
        ({}, POOL, {"training": 2}, "fitted to snapshots.training, 2 of them: give 3 or more"),
        (
            {},
            POOL,
            {"method": "files", "training": ["a", "b", "c"], "validation": ["d"], "test": ["e"]},
            "snapshots.method `files` generates nothing: give `files` in each group",
        ),
    ],
)
def test_settings_that_make_no_sense_are_explained(rounds, pool, snapshots, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        config_with(ROUNDS | rounds, pool, **snapshots)


def test_check_looks_into_the_pool_and_past_what_is_left_out(run, capsys):
    leave_out(Path("results/dft/round1-0001.json"), "DFT failed")
    for name in [*TRAINING, *VALIDATION, *TEST]:  # made up, and so refused
        Path(f"results/dft/{name}.json").unlink()
    main(["check", "config.yaml"])
    assert "no faults: 11 snapshots" in capsys.readouterr().err
    main(["status", "config.yaml"])
    told = "Snapshots of rounds that are left out of everything:\n  round1-0001: DFT failed\n"
    assert told in capsys.readouterr().out
    write_any("own.extxyz", [bulk("Cu", cubic=True), bulk("Al", cubic=True)])
    edit_config(run, "select", pool=[{"files": ["own.extxyz"]}])
    with pytest.raises(SystemExit) as stop:
        main(["check", "config.yaml"])
    said = str(stop.value.code)
    assert "the pool has fewer candidates than a round chooses" in said
    assert "got: 1, and 1 without, of other elements: Cu" in said
    edit_config(run, "select", pool=[{"files": ["gone.extxyz"]}])
    with pytest.raises(SystemExit) as stop:
        main(["check", "config.yaml"])
    assert "gone.extxyz" in str(stop.value.code)


def test_forces_are_needed_where_the_potential_learns_them():
    settings = yaml.safe_load((REPOSITORY / "config" / "tiny.yaml").read_text())
    settings |= {"rounds": ROUNDS, "select": {"pool": POOL}}
    settings["dft"]["forces_and_stress"] = False
    with pytest.raises(ValueError, match=r"dft\.forces_and_stress is false: set it to true"):
        Config.model_validate(settings)


def test_finished_calculations_have_no_dft_to_run(tmp_path):
    settings = yaml.safe_load((REPOSITORY / "config" / "tiny.yaml").read_text())
    settings["rounds"] = ROUNDS
    names = {split: [f"{split}-{n}.save" for n in range(3)] for split in ("training", "test")}
    settings["snapshots"] = {"method": "finished", "validation": ["v.save"] * 2, **names}
    settings["dft"] = {"pseudopotentials": {"Al": "Al.UPF"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(ConfigError, match="of finished calculations there is no DFT to run"):
        load_config([tmp_path / "config.yaml"])


def test_check_looks_at_the_structure_that_is_relaxed(run):
    for name in [*TRAINING, *VALIDATION, *TEST]:  # made up, and so refused
        Path(f"results/dft/{name}.json").unlink()
    write_any("start.extxyz", bulk("Cu", cubic=True))
    edit_config(run, "rounds", relaxation={"structure": "start.extxyz"})
    with pytest.raises(SystemExit) as stop:
        main(["check", "config.yaml"])
    assert "the structure that the rounds relax has elements without" in str(stop.value.code)
    edit_config(run, "rounds", relaxation={"structure": "gone.extxyz"})
    with pytest.raises(SystemExit) as stop:
        main(["check", "config.yaml"])
    assert "gone.extxyz" in str(stop.value.code)


def test_files_of_unknown_length_may_hold_enough_candidates():
    config = config_with(ROUNDS | {"per_round": 900}, [{"files": ["run.traj"]}])
    assert config.select.pool_size == float("inf")
    assert config_with(ROUNDS, [{"files": ["run.traj@0:100:10"]}]).select.pool_size == 10


def test_the_example_goes_on_top_of_the_tutorial():
    folder = REPOSITORY / "config"
    config = load_config([folder / "config.yaml", folder / "examples" / "rounds.yaml"])
    assert len(config.names("training")) == 8 + 3 * 4
    assert [config.rounds.rule_of(number) for number in config.rounds.numbers()] == [
        "farthest_point",
        "d_optimal",
        "d_optimal",
    ]
