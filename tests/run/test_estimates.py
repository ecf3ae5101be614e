"""What jobs ask for: sizes by Quantum ESPRESSO's rules, needs against what was measured."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk
from ase.io import write
from hypothesis import given
from hypothesis import strategies as st
from tiny_workflow import REPOSITORY

from surrogate_hpo import cli
from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.sizes import Size, fft_grid, k_points, size_of
from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.run.case import Case, case_of
from surrogate_hpo.run.graph import (
    EVERY_STAGE,
    FIGURES,
    HELPERS,
    STAGES,
)
from surrogate_hpo.run.needs import basis
from surrogate_hpo.run.needs.networks import parameters
from surrogate_hpo.run.plan import gpus, large_prediction, parts, rules
from surrogate_hpo.run.request import need_of, request
from surrogate_hpo.stages.dft.needs import mpi_processes
from surrogate_hpo.stages.dft.settings import DftSettings
from surrogate_hpo.stages.evaluate.control import FORCE_ATOMS
from surrogate_hpo.stages.evaluate.needs import CONTROL_ATOMS
from surrogate_hpo.stages.predict_large.settings import PredictLargeSettings

RULES = (*EVERY_STAGE, *HELPERS, *FIGURES)
NEEDS = {rule: need_of(rule) for rule in RULES}
TUTORIAL = Path(__file__).parent / "measured_tutorial.yaml"
BIG = REPOSITORY / "config" / "examples" / "aluminium-256.yaml"

# Largest resident set in MiB and CPU seconds of a job of the tutorial; two cores of an AMD EPYC
# (Zen 4), qepy 7.2.0, torch 2.13.0+cpu. The contest's are the largest of four methods, the time
# of the audits is that of their trainings and scores.
MEASURED = {
    "snapshots": (99, 0.6),
    "dft": (102, 4.4),
    "ldos": (323, 2.0),
    "acsd": (289, 2.2),
    "descriptors": (261, 1.7),
    "naswot_chunk": (484, 3.3),
    "search_worker": (936, 96.4),
    "train": (878, 118.0),
    "surrogate": (654, 4.7),
    "evaluate_snapshot": (699, 7.4),
    "evaluate": (202, 2.1),
    "report": (376, 4.0),
    "contest": (1600, 494.0),
    "audit_chunk": (None, 253.0),
    "acsd_audit_chunk": (None, 72.0),
}


@pytest.fixture(scope="module")
def tutorial() -> Case:
    return case_of(load_config([TUTORIAL]))


@pytest.fixture(scope="module")
def big() -> Case:
    return case_of(load_config([BIG]))


def changed(case: Case, section: str, **settings) -> Case:
    config = case.config.model_copy(
        update={section: getattr(case.config, section).model_copy(update=settings)}
    )
    return Case(config, case.size)


# --- sizes ---


def test_the_tutorial_has_the_grid_and_k_points_that_quantum_espresso_chose(tutorial):
    # From the XML of pw.x 7.2 for these settings.
    assert tutorial.size.grid == (20, 20, 20)
    assert tutorial.size.k_points == 32


@pytest.mark.qe
def test_the_grid_and_k_points_are_those_of_a_real_run(tiny_run, tiny_settings):
    cutoff = 4 * tiny_settings["cutoff_rydberg"]
    assert fft_grid(tiny_run.atoms.cell[:], cutoff) == tiny_run.result.fft_grid
    mesh, shift = list(tiny_settings["kpoints"]), list(tiny_settings["shift"])
    assert k_points(mesh, shift) == len(tiny_run.result.k_points)


@pytest.mark.parametrize(
    ("mesh", "shift", "expected"),
    [([1, 1, 1], [0, 0, 0], 1), ([2, 2, 2], [0, 0, 0], 8), ([3, 3, 3], [0, 0, 0], 14),
     ([2, 2, 2], [1, 1, 1], 4), ([3, 1, 1], [1, 0, 0], 2)],
)  # fmt: skip
def test_k_points_and_their_inverses_count_once(mesh, shift, expected):
    assert k_points(mesh, shift) == expected


@given(
    st.lists(st.integers(1, 5), min_size=3, max_size=3),
    st.lists(st.integers(0, 1), min_size=3, max_size=3),
)
def test_k_points_by_enumeration(mesh, shift):
    def of(indices):
        # Twice the fractional coordinate, so that all is integer: (2 i + s) / n modulo 2.
        return tuple((2 * i + s) % (2 * n) for i, s, n in zip(indices, shift, mesh, strict=True))

    def inverse(point):
        return tuple(-x % (2 * n) for x, n in zip(point, mesh, strict=True))

    points = {of(index) for index in np.ndindex(*mesh)}
    assert k_points(mesh, shift) == len({min(point, inverse(point)) for point in points})


@given(st.floats(2.0, 40.0), st.floats(8.0, 800.0))
def test_a_grid_holds_the_sphere_and_only_small_primes(length, cutoff):
    (n, *_) = fft_grid(length * np.eye(3), cutoff)
    reach = length / 0.529177210903 * cutoff**0.5 / (2 * np.pi)
    assert 2 * np.floor(reach) + 1 <= n
    for factor in (2, 3, 5):
        while n % factor == 0:
            n //= factor
    assert n == 1


def test_the_big_case_is_the_one_it_says(big):
    assert big.size.atoms == 256
    assert big.size.grid == (200, 200, 200)
    assert big.snapshots("training", "validation", "test") == 20


def test_counts_are_those_of_the_stages(tutorial):
    assert tutorial.energies == len(tutorial.config.ldos.energy_axis())
    network = build_network(
        Architecture((192,) * 3, "tanh"), inputs=91, outputs=tutorial.energies, seed=0
    )
    assert tutorial.network == [91, 192, 192, 192, 77]
    assert parameters(tutorial.network) == sum(p.numel() for p in network.parameters())


# --- own structures ---


def own_files(tmp_path, *structures):
    settings = yaml.safe_load(TUTORIAL.read_text())
    names = []
    for number, atoms in enumerate(structures):
        names.append(str(tmp_path / f"{number}.xyz"))
        write(names[-1], atoms)
    settings["snapshots"] = {"method": "files"} | {
        "training": [f"{names[0]}@0:2"], "validation": [f"{names[0]}@0"], "test": [f"{names[-1]}@0"]
    }  # fmt: skip
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return load_config([path])


def test_own_files_give_the_size_and_the_largest_counts(tmp_path):
    small, large = bulk("Al", cubic=True), bulk("Al", cubic=True).repeat([2, 1, 1])
    case = case_of(own_files(tmp_path, small, large))
    assert case.size.atoms == 8
    assert case.size.grid == (40, 20, 20)


def test_a_missing_structure_is_named(tmp_path):
    config = own_files(tmp_path, bulk("Al", cubic=True))
    (tmp_path / "0.xyz").unlink()
    with pytest.raises(DataError, match=r"does not exist[\s\S]*0\.xyz"):
        case_of(config)


# --- needs ---


def test_every_rule_has_an_estimate(tutorial):
    # Only stages that put together what their parts have found do without one of their own.
    gathering = {rule for rule in RULES if need_of(rule) is basis.gathering}
    assert gathering == {"naswot", "search", "audit", "acsd_audit", "table"}
    assert all(NEEDS[rule](tutorial).memory_bytes > 0 for rule in RULES)


@pytest.mark.parametrize("stage", MEASURED)
def test_estimates_bound_what_the_tutorial_measured(tutorial, stage):
    memory, seconds = MEASURED[stage]
    asked, need = request(stage, tutorial), NEEDS[stage](tutorial)
    assert seconds <= need.cpu_seconds <= 5 * seconds + 30
    assert seconds / asked.threads <= 60 * asked.minutes
    if memory is not None:
        assert memory <= need.memory_bytes / 2**20 <= 1.8 * memory + 100
        assert memory <= asked.memory_mebibytes


def test_the_tutorial_asks_for_the_threads_its_numbers_were_made_with(tutorial):
    threads = {stage: request(stage, tutorial).threads for stage in NEEDS}
    assert threads == dict.fromkeys(NEEDS, 1) | {"search_worker": 2}


def test_a_retry_gets_more_memory_and_time_and_the_same_cores(big):
    for stage in NEEDS:
        first, second, third = (request(stage, big, attempt=n) for n in (1, 2, 3))
        assert first.threads == second.threads == third.threads
        for less, more in pairwise((first, second, third)):
            assert less.memory_mebibytes <= more.memory_mebibytes
            assert less.minutes <= more.minutes
    assert request("train", big, attempt=2).memory_mebibytes == pytest.approx(
        1.5 * request("train", big).memory_mebibytes, rel=1e-2
    )


@given(st.sampled_from(sorted(NEEDS)), st.integers(1, 6))
def test_a_larger_case_never_needs_less(stage, factor):
    config = load_config([TUTORIAL])
    small = case_of(config)
    n = factor
    size = small.size
    larger = Size(
        n * size.atoms, n * size.volume, (n * size.grid[0], *size.grid[1:]),
        (n * size.orbital_grid[0], *size.orbital_grid[1:]),
        n * size.plane_waves, n * size.density_waves, size.k_points, size.bands,
    )  # fmt: skip
    before, after = NEEDS[stage](small), NEEDS[stage](Case(config, larger))
    assert after.memory_bytes >= before.memory_bytes
    assert after.cpu_seconds >= before.cpu_seconds


def test_training_holds_raw_and_scaled_points(big):
    points = 16 * 200**3
    held = 2 * points * 4 * (91 + 161)
    assert held < NEEDS["train"](big).memory_bytes < 1.1 * held


def test_a_score_without_training_does_not_hold_all_snapshots(big):
    one = 200**3 * 4 * (91 + 161)
    assert 2 * one < NEEDS["naswot_chunk"](big).memory_bytes < NEEDS["train"](big).memory_bytes / 10
    more = changed(big, "snapshots", training=160)
    assert NEEDS["naswot_chunk"](more).memory_bytes < 1.5 * NEEDS["naswot_chunk"](big).memory_bytes


def test_jobs_that_share_the_work_take_less_time_and_as_much_memory(tutorial):
    for part_of, section, number in (
        ("naswot_chunk", "naswot", "chunks"),
        ("search_worker", "search", "workers"),
        ("audit_chunk", "audit", "chunks"),
        ("table_chunk", "table", "chunks"),
    ):
        shared = changed(tutorial, section, **{number: 4})
        whole, part = NEEDS[part_of](tutorial), NEEDS[part_of](shared)
        assert part.memory_bytes == whole.memory_bytes
        assert whole.cpu_seconds / 4 <= part.cpu_seconds < whole.cpu_seconds


def test_a_held_out_snapshot_needs_as_much_however_many_there_are(big):
    more = changed(big, "snapshots", test=100)
    assert NEEDS["evaluate_snapshot"](more) == NEEDS["evaluate_snapshot"](big)
    assert dict(rules(more.config))["evaluate_snapshot"] == 100


def test_what_is_only_gathered_needs_no_gpu(big):
    assert big.config.evaluate.use_gpu
    assert gpus("evaluate_snapshot", big.config) == 1
    assert gpus("evaluate", big.config) == 0


def test_the_control_takes_no_more_atoms_than_the_estimate_knows():
    assert CONTROL_ATOMS == FORCE_ATOMS


def test_streamed_points_take_what_they_are_allowed(big, tutorial):
    train = NEEDS["train"]
    bound = {"data_memory_mebibytes": 8000}
    assert train(changed(big, "train", **bound)).memory_bytes < train(big).memory_bytes / 10
    assert train(changed(tutorial, "train", **bound)) == train(tutorial)


def test_the_ldos_holds_the_sum_twice_and_no_more_for_more_bands_and_k_points(big):
    held = 200**3 * 12 * 161
    assert held < NEEDS["ldos"](big).memory_bytes < 1.1 * held
    more = Case(changed(big, "dft", bands=2000).config, replace(big.size, k_points=100))
    assert NEEDS["ldos"](more).memory_bytes == NEEDS["ldos"](big).memory_bytes
    assert NEEDS["ldos"](more).cpu_seconds > NEEDS["ldos"](big).cpu_seconds


def test_descriptors_do_not_grow_with_the_grid(big):
    assert request("descriptors", big).memory_mebibytes < 1000


def test_a_gpu_is_faster_and_costs_memory_of_the_host(tutorial):
    on_gpu = NEEDS["train"](changed(tutorial, "train", use_gpu=True))
    on_cpu = NEEDS["train"](tutorial)
    assert on_gpu.gpu_seconds > 0 == on_cpu.gpu_seconds
    assert on_gpu.memory_bytes > on_cpu.memory_bytes


def test_long_jobs_get_more_threads(big):
    on_cpu = changed(big, "train", use_gpu=False, maximum_epochs=100)
    assert request("train", on_cpu).threads > 1
    assert request("train", on_cpu).threads in (2, 4, 8, 16)


@pytest.mark.parametrize(
    ("command", "processes"),
    [(None, 1), ("pw.x", 1), ("mpirun -np 8 pw.x", 8), ("srun -n 16 pw.x -nk 4", 16),
     ("srun --ntasks=4 pw.x", 4), ("mpiexec -n 2 /opt/qe-7.2/pw.x", 2)],
)  # fmt: skip
def test_processes_of_a_command(command, processes):
    assert mpi_processes(command) == processes


def test_the_density_cutoff_alone_leaves_the_orbitals_as_they_are():
    cell = 16.2 * np.eye(3)
    base = {"pseudopotentials": {"Al": "Al.UPF"}, "kpoints": [1, 1, 1], "bands": 10}
    base |= {"cutoff_rydberg": 40.0, "electronic_temperature_kelvin": 1000.0}
    plain = DftSettings.model_validate(base)
    dense = DftSettings.model_validate(base | {"density_cutoff_rydberg": 400.0})
    assert size_of(1, cell, plain).orbital_grid == size_of(1, cell, dense).orbital_grid
    assert size_of(1, cell, plain).grid != size_of(1, cell, dense).grid
    assert size_of(1, cell, plain).plane_waves == size_of(1, cell, dense).plane_waves


# --- what Snakemake plans ---


def test_a_dry_run_of_the_big_case_prints_what_the_estimates_say(tmp_path, big):
    (tmp_path / "pseudopotentials").symlink_to(REPOSITORY / "pseudopotentials")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "64",
         "--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", str(BIG),
         "--profile", str(REPOSITORY / "profiles" / "default")],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-3000:]
    planned = re.findall(
        r"\(cores (\d+), memory (\d+) MiB, limit (\d+) min\)$", output, re.MULTILINE
    )
    expected = []
    for rule, jobs in rules(big.config):
        asked = request(rule, big)
        expected += [(asked.threads, asked.memory_mebibytes, asked.minutes)] * jobs
    assert sorted(tuple(map(int, row)) for row in planned) == sorted(expected)
    assert len(planned) == 96


def test_the_table_has_a_line_per_rule_and_sums(capsys, big):
    cli.main(["estimate", str(BIG)])
    shown = [rule for rule, _ in rules(big.config)]
    assert [rule for rule in shown if rule in STAGES] == list(STAGES)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("256 atoms, grid 200×200×200, 4 k points, 600 bands")
    assert lines[1].endswith("dft.keep_wavefunctions would keep 89,772 MiB")
    assert [line.split()[0] for line in lines[3:]] == ["stage", *shown, "together"]
    hours = [float(line.split()[-2]) for line in lines[4:]]
    assert sum(hours[:-1]) == pytest.approx(hours[-1], abs=0.05)
    page = (REPOSITORY / "docs/concepts/resources.md").read_text()
    assert "\n".join(line.rstrip() for line in lines) in page, "the page shows another table"


def test_the_page_shows_what_the_estimates_of_the_tutorial_are(tutorial):
    page = (REPOSITORY / "docs/concepts/resources.md").read_text()
    for stage in MEASURED:
        need = NEEDS[stage](tutorial)
        memory, seconds = round(need.memory_bytes / 2**20), round(need.cpu_seconds)
        assert re.search(
            rf"^\| {stage}[^|]*\| {memory} \| [^|]+ \| {seconds} \|", page, re.MULTILINE
        ), stage


@pytest.mark.workflow
@pytest.mark.qe
def test_no_job_of_a_real_run_took_more_memory_than_it_asked_for(finished):
    case = case_of(load_config([finished / "config.yaml"]))
    helpers = {stage: helper for helper, stage in HELPERS.items()}
    seen = set()
    for path in (finished / "results/cost").rglob("*.json"):
        record = json.loads(path.read_text())
        stage = record["stage"]
        rule = helpers[stage] if path.stem in parts(stage, case.config) else stage
        seen.add(rule)
        asked = request(rule, case)
        assert record["peak_memory_mebibytes"] <= asked.memory_mebibytes, record
        assert record["wall_seconds"] <= 60 * asked.minutes, record
    assert seen == {rule for rule, _ in rules(case.config)}


def test_learning_forces_keeps_derivatives_and_sees_an_eighth_of_the_points(tutorial):
    settings = {"energy_weight": 0.1, "force_weight": 1e-3}
    plain, forces = NEEDS["train"](tutorial), NEEDS["train"](changed(tutorial, "train", **settings))
    derivatives = 52 * 12 * 1000 * tutorial.components * 4
    assert forces.memory_bytes - plain.memory_bytes == pytest.approx(derivatives, rel=0.1)
    assert forces.cpu_seconds < plain.cpu_seconds


def test_a_large_cell_is_estimated_by_its_own_size(tmp_path, tutorial):
    path = tmp_path / "large.extxyz"
    bulk("Al", cubic=True).repeat(10).write(path)

    def needs(**options):
        settings = PredictLargeSettings(structure=str(path), **options)
        case = case_of(tutorial.config.model_copy(update={"predict_large": settings}))
        assert case.large.atoms == 4000
        assert large_prediction(case.config)[1] == ("predict_large_slab", settings.slabs)
        rules = ("predict_large_bracket", "predict_large_slab", "predict_large")
        return [need_of(rule)(case) for rule in rules]

    (coarse, ten, gathered), (_, hundred, also) = needs(slabs=10), needs(slabs=100)
    assert coarse.cpu_seconds < ten.cpu_seconds
    assert 9 * hundred.cpu_seconds < ten.cpu_seconds + 9 * 20  # what each job takes to begin
    assert hundred.memory_bytes < ten.memory_bytes
    assert gathered == also
    assert gathered.memory_bytes > 100 * 4000 * 1900  # bytes of 1 900 points or more an atom
    more = changed(tutorial, "predict_large", structure=str(path), slabs=10, forces=True)
    assert large_prediction(more.config)[2:] == [
        ("predict_large_gradient", 1),
        ("predict_large_pull", 10),
        ("predict_large", 1),
    ]
    case = case_of(more.config)
    gradient, pulled = (need_of(f"predict_large_{rule}")(case) for rule in ("gradient", "pull"))
    assert gradient.memory_bytes > 400 * 4000 * 1900
    assert pulled.memory_bytes < gradient.memory_bytes / 3
    assert pulled.cpu_seconds > 3 * ten.cpu_seconds  # the adjoint of the descriptors
    on_gpu = changed(more, "predict_large", use_gpu=True, engine="torch").config
    asked = {rule: gpus(rule, on_gpu) for rule, _ in large_prediction(on_gpu)}
    assert [rule for rule, number in asked.items() if number == 0] == [
        "predict_large_gradient",
        "predict_large",
    ]
    *_, finer = needs(slabs=10, grid=[400, 400, 400])
    assert finer.memory_bytes > 5 * gathered.memory_bytes
    assert large_prediction(tutorial.config) == []
