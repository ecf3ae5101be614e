"""What an archive is made of: records, new places, the source, the description, comparisons."""

import base64
import json
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rocrate.rocrate import ROCrate
from tiny_workflow import REPOSITORY

from surrogate_hpo.archive.collect import Run, collect_run
from surrogate_hpo.archive.comparison import number_differences
from surrogate_hpo.archive.crate import CRATE, RunDescription, crate_faults, crate_text
from surrogate_hpo.archive.jobs import METADATA, Job, jobs_of, read_records, records_behind
from surrogate_hpo.archive.relocation import Relocation
from surrogate_hpo.archive.source import apply_patch, read_source, revision
from surrogate_hpo.archive.stale import stale_inputs, stale_settings
from surrogate_hpo.archive.tarball import Member
from surrogate_hpo.config.load import load_config
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.zarr_zip import write_dataset
from surrogate_hpo.run.left_out import leave_out
from surrogate_hpo.stages.archive.stage import _software
from surrogate_hpo.stages.rounds.settings import RoundsSettings
from surrogate_hpo.stages.snapshots.settings import SnapshotsSettings

# --- records of Snakemake ---


def write_record(run: Path, output: str, **content: object) -> None:
    """As Snakemake does: the name in base64, cut into folders where it is long."""
    name = base64.urlsafe_b64encode(output.encode()).decode()
    parts = [name[i : i + 254] for i in range(0, len(name), 254)]
    path = run / METADATA / Path(*[f"@{part}" for part in parts[:-1]], parts[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


TRAIN = {
    "rule": "train",
    "input": ["results/naswot/choice.json"],
    "shellcmd": "surrogate-hpo train --initialisation 0",
    "params": ["'0123456789abcdef'", "{'maximum_epochs': 50, 'seed': 7}", "'results/state'"],
    "log": ["logs/train/0.log"],
    "starttime": 10.0,
    "endtime": 12.5,
}


def test_outputs_of_one_command_are_those_of_one_job(tmp_path):
    outputs = ["results/train/0/model.pt", "results/" + "x" * 400]
    for output in outputs:
        write_record(tmp_path, output, **TRAIN)
    write_record(tmp_path, "results/other", **TRAIN | {"shellcmd": "another"})
    records = read_records(tmp_path)
    assert [r.output for r in records] == sorted([*outputs, "results/other"])
    job = next(job for job in jobs_of(records) if len(job.outputs) == 2)
    assert set(job.outputs) == set(outputs)
    assert (job.rule, job.started, job.ended) == ("train", 10.0, 12.5)
    assert {r.output for r in records_behind(records, [outputs[0]])} == set(outputs)


def test_a_damaged_record_is_named(tmp_path):
    write_record(tmp_path, "results/a")
    next(p for p in (tmp_path / METADATA).iterdir()).write_text("{half")
    with pytest.raises(DataError, match="record of Snakemake cannot be read"):
        read_records(tmp_path)


def test_a_changed_setting_is_named_with_both_values(tmp_path):
    write_record(tmp_path, "results/train/0/model.pt", **TRAIN)
    write_record(tmp_path, "results/train/1/model.pt", **TRAIN)
    records = read_records(tmp_path)
    assert stale_settings(records, {"seed": 7, "train": {"maximum_epochs": 50}}) == []
    (fault,) = stale_settings(records, {"seed": 7, "train": {"maximum_epochs": 60}})
    assert fault == (
        "train.maximum_epochs is 60, but was 50 for results/train/0/model.pt and 1 more"
    )
    (fault,) = stale_settings(records, {"seed": 8, "train": {"maximum_epochs": 50}})
    assert fault.startswith("seed is 8, but was 7")


def test_parts_of_a_stage_have_the_settings_of_the_stage(tmp_path):
    write_record(tmp_path, "results/train/part", **TRAIN | {"rule": "train_part"})
    (fault,) = stale_settings(read_records(tmp_path), {"seed": 7, "train": {"maximum_epochs": 1}})
    assert fault.startswith("train.maximum_epochs")


def test_each_snapshot_is_compared_with_what_decides_it(tmp_path):
    section = {
        "method": "displacements", "debye_waller_b_angstrom2": 0.86,
        "cell": {"symbol": "Al", "lattice_constant_angstrom": 4.05},
        "training": [{"number": 2, "temperature_kelvin": [300, 600], "supercell_atoms": 8}],
        "validation": 1, "test": 1,
    }  # fmt: skip
    snapshots = SnapshotsSettings.model_validate(section)
    for name in snapshots.all_names():
        written = repr(snapshots.deciding_one(name) | {"seed": 7})
        record = TRAIN | {"rule": "snapshots", "params": [written]}
        write_record(tmp_path, f"results/snapshots/{name}.extxyz", **record)
    records = read_records(tmp_path)
    assert stale_settings(records, {"seed": 7, "snapshots": section}) == []
    section["training"][0]["temperature_kelvin"] = [300, 700]
    (fault,) = stale_settings(records, {"seed": 7, "snapshots": section})
    assert fault == (
        "snapshots.temperature_kelvin is 700.0, but was 600.0 for "
        "results/snapshots/training-0001.extxyz"
    )
    damaged = section | {"training": "many", "equilibration_steps": 1}
    faults = stale_settings(records, {"seed": 7, "snapshots": damaged})
    assert any(f.startswith("snapshots.equilibration_steps is 1, but was 1000") for f in faults)


def test_each_round_is_compared_with_its_own_rule(tmp_path):
    section = {"number": 2, "rule": ["random", "kmeans"]}
    rounds = RoundsSettings.model_validate(section)
    outputs = {1: "results/snapshots/round1-0001.extxyz", 2: "results/rounds/2/choice.json"}
    for number, output in outputs.items():
        written = repr(rounds.deciding_one(number) | {"seed": 7})
        write_record(tmp_path, output, **TRAIN | {"rule": "rounds_choice", "params": [written]})
    records = read_records(tmp_path)
    more = section | {"number": 3}
    assert stale_settings(records, {"seed": 7, "rounds": more}) == []
    (fault,) = stale_settings(records, {"seed": 7, "rounds": section | {"rule": "random"}})
    assert fault == "rounds.rule is random, but was kmeans for results/rounds/2/choice.json"


def test_a_changed_input_is_named(tmp_path):
    (tmp_path / "Al.UPF").write_text("potential")
    sums = {"Al.UPF": "sha256:" + "0" * 64, "gone": "sha256:" + "1" * 64}
    write_record(tmp_path, "results/dft/a.json", **TRAIN | {"input_checksums": sums})
    (fault,) = stale_inputs(tmp_path, read_records(tmp_path))
    assert fault == "Al.UPF is not what was read for results/dft/a.json"


# --- files from outside ---


@pytest.mark.parametrize("path", ["../secret", "/etc/hostname", "/dev/zero", "link", "a\0b"])
def test_inputs_of_an_archive_are_looked_for_within_it_only(tmp_path, path):
    run = tmp_path / "run"
    (tmp_path / "secret").write_text("secret")
    write_record(run, "out", input_checksums={path: "sha256:0"})
    (run / "link").symlink_to("../secret")
    (fault,) = stale_inputs(run, read_records(run), only_inside=True)
    assert fault == f"{path!r} leads out of the archive, as an input of out"


def test_files_from_outside_keep_their_places_among_each_other():
    moved = Relocation(
        Path("/home/me/run"),
        ["/data/al/solid/a.xyz", "../../you/b.xyz", "own/c.xyz", "/home/me/run/own/d.xyz"],
    )
    assert moved.text("/data/al/solid/a.xyz@3") == "inputs/data/al/solid/a.xyz@3"
    assert moved.text("../../you/b.xyz") == "inputs/home/you/b.xyz"
    assert moved.text("own/c.xyz") == "own/c.xyz"
    assert moved.text("/home/me/run/own/d.xyz") == "own/d.xyz"
    assert moved.text("/data/al/solid") == "inputs/data/al/solid"
    assert moved.text("/usr/bin/pw.x -nk 2") == "/usr/bin/pw.x -nk 2"


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=4))
def test_the_place_of_the_run_does_not_matter(parts):
    name = "/".join(parts)
    new = {
        Relocation(Path(f"{home}/run"), [f"{home}/data/{name}", f"{home}/data/x"]).text(
            f"{home}/data/{name}"
        )
        for home in ("/here", "/somewhere/else")
    }
    assert len(new) == 1


def test_records_hold_for_the_new_places():
    path = "/data/Al.UPF"
    settings = {"pseudopotentials": {"Al": path}, "shift": (1, 1), "width": 1e-09, "none": None}
    record = {
        "input": ["results/a.extxyz", path],
        "params": sorted([repr(settings), "'0123456789abcdef'"]),
        "shellcmd": f"surrogate-hpo dft --pseudopotentials {path}",
        "input_checksums": {path: "sha256:0"},
        "endtime": 3.0,
    }
    new = Relocation(Path("/run"), [path]).record(record)
    moved = settings | {"pseudopotentials": {"Al": "inputs/Al.UPF"}}
    assert new["input"] == ["inputs/Al.UPF", "results/a.extxyz"]
    assert new["params"] == sorted([repr(moved), "'0123456789abcdef'"])
    assert new["shellcmd"] == "surrogate-hpo dft --pseudopotentials inputs/Al.UPF"
    assert new["input_checksums"] == {"inputs/Al.UPF": "sha256:0"}
    assert new["endtime"] == 3.0


# --- the source ---


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip


@pytest.fixture
def checkout(tmp_path) -> Path:
    root = tmp_path / "checkout"
    (root / "src").mkdir(parents=True)
    (root / "Snakefile").write_text("rule all:\n")
    (root / "src" / "code.py").write_text("one = 1\n")
    (root / "tool").write_text("#!/bin/sh\n")
    (root / "tool").chmod(0o755)
    (root / ".gitignore").write_text("ignored\n/results/\n")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "first")
    return root


def restored(source, folder: Path) -> dict[str, bytes]:
    """Files of a source, with its patch applied."""
    for name, content in source.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    if source.patch:
        (folder.parent / "patch").write_bytes(source.patch)
        apply_patch(folder.parent / "patch", folder)
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_clean_checkout_is_its_commit(checkout):
    source = read_source(checkout)
    assert source.commit == git(checkout, "rev-parse", "HEAD") == revision(checkout)
    assert source.patch == b""
    assert source.files["src/code.py"] == b"one = 1\n"
    assert source.programs == {"tool"}


def test_a_changed_checkout_is_its_commit_and_a_patch_and_stays_as_it_is(checkout, tmp_path):
    commit = git(checkout, "rev-parse", "HEAD")
    (checkout / "src" / "code.py").write_text("one = 2\n")
    (checkout / "src" / "größe.bin").write_bytes(bytes(range(256)))
    (checkout / "ignored").write_text("not mine")
    (checkout / "tool").unlink()
    for product in ("results/a.csv", "runs/one/results/a.csv", "runs/one/logs/a.log"):
        (checkout / product).parent.mkdir(parents=True, exist_ok=True)
        (checkout / product).write_text("a number")
    with (checkout / "large.traj").open("wb") as file:
        file.truncate(11 * 2**20)
    before = git(checkout, "status", "--porcelain"), git(checkout, "count-objects")
    source = read_source(checkout)
    assert (git(checkout, "status", "--porcelain"), git(checkout, "count-objects")) == before
    assert source.commit == commit
    assert source.files["src/code.py"] == b"one = 1\n"
    assert source.left_out == ("large.traj",)
    assert restored(source, tmp_path / "out") == {
        ".gitignore": b"ignored\n/results/\n",
        "Snakefile": b"rule all:\n",
        "src/code.py": b"one = 2\n",
        "src/größe.bin": bytes(range(256)),
    }
    assert read_source(checkout).patch == source.patch
    assert revision(checkout).startswith(commit + " ")


def test_a_run_within_the_checkout_is_no_source(checkout):
    (checkout / "mine").mkdir()
    (checkout / "mine" / "config.yaml").write_text("seed: 1\n")
    assert read_source(checkout, without=checkout / "mine").patch == b""
    assert b"mine/config.yaml" in read_source(checkout).patch


def test_without_git_the_files_themselves_are_taken(checkout, tmp_path):
    subprocess.run(["rm", "-rf", str(checkout / ".git")], check=True)
    (checkout / "results").mkdir()
    (checkout / "results" / "a.csv").write_text("a number")
    (checkout / "workflow").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "rule.smk").write_text("rule:\n")
    (tmp_path / "elsewhere" / "round").symlink_to(checkout)
    source = read_source(checkout)
    assert (source.commit, source.patch, revision(checkout)) == (None, b"", "")
    assert set(source.files) == {
        ".gitignore", "Snakefile", "src/code.py", "tool", "workflow/rule.smk",
    }  # fmt: skip
    assert source.programs == {"tool"}


def test_a_patch_that_does_not_fit_is_an_error(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "patch").write_text("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n")
    with pytest.raises(DataError, match="git cannot tell"):
        apply_patch(tmp_path / "patch", tmp_path / "source")


# --- the description ---

JOB = Job(
    rule="dft",
    command="surrogate-hpo dft",
    inputs=("inputs",),
    outputs=("results/cost/dft/a.json", "results/dft/ü b.json", "results/dft/gone.save"),
    logs=("logs/dft/a.log",),
    started=1.0,
    ended=2.5,
)
CONTENT = {
    "source/Snakefile": b"rule all:\n",
    "source/LICENSE": b"BSD\n",
    "run/inputs/Al.UPF": b"potential",
    "run/results/dft/ü b.json": b"{}",
    "run/results/cost/dft/a.json": b"{}",
    "run/logs/dft/a.log": b"done\n",
}


def described(folder: Path) -> dict[str, str]:
    members = [Member.of(name, data) for name, data in CONTENT.items()]
    run = RunDescription(
        title="Aluminium",
        ended=2.5,
        folder="run",
        jobs=[JOB],
        software={"surrogate-hpo": "0.1.0", "Quantum ESPRESSO": "7.2", "numpy": "2.4"},
        costs={"results/cost/dft/a.json": {"stage": "dft", "cpu_seconds": 3.5}},
    )
    for name, data in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / CRATE).write_text(crate_text(run, members))
    assert crate_text(run, members) == (folder / CRATE).read_text()
    return {member.name: member.sha256 for member in members}


def test_the_crate_is_read_by_the_library_and_tells_each_job(tmp_path):
    assert crate_faults(tmp_path, described(tmp_path)) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        crate = ROCrate(tmp_path)
    assert crate.metadata["conformsTo"] == "https://w3id.org/ro/crate/1.1"
    assert crate.datePublished.isoformat() == "1970-01-01T00:00:02.500000+00:00"
    (action,) = crate.get_by_type("CreateAction")
    assert [e.id for e in action["object"]] == ["run/inputs/Al.UPF"]
    assert [e["name"] for e in action["result"]] == ["a.json", "ü b.json", "a.log"]
    assert [e["name"] for e in action["instrument"]] == ["surrogate-hpo", "Quantum ESPRESSO"]
    assert action["startTime"] == "1970-01-01T00:00:01.000+00:00"
    (used,) = action["resourceUsage"]
    assert (used["name"], used["value"]) == ("cpu_seconds", "3.5")
    assert crate.mainEntity.id == "source/Snakefile"
    assert crate.license.id == "source/LICENSE"


def test_a_description_that_is_not_so_is_named(tmp_path):
    sums = described(tmp_path)
    changed = sums | {"run/inputs/Al.UPF": "0" * 64, "more": "1" * 64}
    del changed["source/Snakefile"]
    assert crate_faults(tmp_path, changed) == [
        "source/Snakefile: not there",
        "more: not described",
        "run/inputs/Al.UPF: described with another checksum",
    ]


def test_what_is_no_crate_is_an_error(tmp_path):
    for text in ("", "{}", '{"@graph": []}', '{"@context": 1, "@graph": [{"@id": "a"}]}'):
        (tmp_path / CRATE).write_text(text)
        with pytest.raises(DataError, match="no RO-Crate"):
            crate_faults(tmp_path, {})


# --- comparisons ---


def pair(folder: Path, name: str, old: str, new: str) -> tuple[Path, Path]:
    for place, text in (("old", old), ("new", new)):
        (folder / place).mkdir(exist_ok=True)
        (folder / place / name).write_text(text)
    return folder / "old" / name, folder / "new" / name


def test_numbers_are_compared_and_times_are_not(tmp_path):
    old = {"energy": [1.0, -4.0], "name": "a", "cost": {"x": 1}, "wall_seconds": 2, "n": None}
    new = old | {"cost": {"x": 9}, "wall_seconds": 3, "provenance": {"inputs": {}}}
    assert number_differences(*pair(tmp_path, "a.json", json.dumps(old), json.dumps(new))) == {}
    new |= {"energy": [1.0, -4.4], "name": "b", "n": 0.0}
    found = number_differences(*pair(tmp_path, "a.json", json.dumps(old), json.dumps(new)))
    assert found == {"energy": pytest.approx(0.1), "name": np.inf, "n": np.inf}


def test_tables_are_compared_by_column(tmp_path):
    old, new = "x,kind,seconds\n1,a,5\n2,b,6\n", "x,kind,seconds\n1,a,7\n2.5,b,8\n"
    assert number_differences(*pair(tmp_path, "a.csv", old, new)) == {"x": pytest.approx(0.25)}
    assert number_differences(*pair(tmp_path, "a.csv", old, old + "3,c,1\n")) == {
        "kind": np.inf, "x": np.inf,
    }  # fmt: skip


def test_stores_are_compared_by_array(tmp_path):
    paths = []
    for place, last in (("old", 2.0), ("new", 2.002)):
        paths.append(tmp_path / place / "a.zarr.zip")
        data = xr.Dataset({"ldos": ("x", [1.0, last])})
        write_dataset(paths[-1], data, chunks={}, attributes={}, provenance={"place": place})
    assert number_differences(*paths) == {"ldos": pytest.approx(1e-3)}


def test_pages_and_pictures_hold_no_numbers(tmp_path):
    assert number_differences(*pair(tmp_path, "a.svg", "<svg/>", "<svg/>")) == {}
    assert number_differences(*pair(tmp_path, "a.svg", "<svg/>", "<svg />")) is None


def test_the_place_of_links_does_not_fool_the_walk(tmp_path):
    """A folder that links to itself ends."""
    (tmp_path / "Snakefile").write_text("")
    (tmp_path / "again").symlink_to(tmp_path)
    assert set(read_source(tmp_path).files) == {"Snakefile"}


def test_of_a_calculation_that_failed_the_reason_and_what_pw_said_go_along(tmp_path):
    config = load_config([REPOSITORY / "config" / "tiny.yaml"])
    dft = tmp_path / "results" / "dft"
    work = dft / "round1-0002.work"
    (work / "espresso.save").mkdir(parents=True)
    leave_out(dft / "round1-0002.json", "DFT failed: no convergence")
    (dft / "training-0000.json").write_text('{"version": "7.2"}')
    for name in ("espresso.pwi", "espresso.pwo", "espresso.err", "espresso.wfc1", "pseudo.UPF"):
        (work / name).write_text("text")
    (work / "espresso.save" / "wfc1.dat").write_text("orbitals")
    found = collect_run(
        Run(tmp_path, config, [], [], ()), include="all", without=Path("results/archive.tar.zst")
    )
    names = {m.name for m in found.members if "/dft/" in m.name}
    texts = {f"round1-0002.work/espresso.{end}" for end in ("pwi", "pwo", "err")}
    kept = {"round1-0002.json", "training-0000.json", *texts}
    assert names == {f"run/results/dft/{name}" for name in kept}
    (tmp_path / "results" / "evaluate").mkdir()
    record = {"provenance": {"package": "surrogate-hpo 1", "libraries": {"numpy": "2"}}}
    (tmp_path / "results" / "evaluate" / "summary.json").write_text(json.dumps(record))
    assert _software(tmp_path)["Quantum ESPRESSO"] == "7.2"
