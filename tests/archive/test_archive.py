"""A run is packed, and proved elsewhere: the tiny case on real DFT from end to end."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
import zstandard
from rocrate.rocrate import ROCrate
from tiny_workflow import REPOSITORY, edit_config, planned, snakemake

from surrogate_hpo.archive.crate import CRATE, RunDescription, crate_text
from surrogate_hpo.archive.manifest import MANIFEST, manifest_text
from surrogate_hpo.archive.tarball import Member, write_tarball
from surrogate_hpo.cli import main
from surrogate_hpo.errors import InterruptedRun
from surrogate_hpo.verbs.verify.verb import _executed

CONFIG = "run/config/config.yaml"
MODEL = "run/results/train/0/model.pt"


def cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY / "src"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    return subprocess.run(
        [sys.executable, "-m", "surrogate_hpo", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def content(archive: Path) -> dict[str, bytes]:
    """The files of an archive, in their order."""
    with (
        archive.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as plain,
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def repacked(path: Path, files: dict[str, bytes], *, new_list: bool = False) -> Path:
    """An archive of these files; its list of checksums is the old one or fits them."""
    if new_list:
        sums = {n: hashlib.sha256(d).hexdigest() for n, d in files.items() if n != MANIFEST}
        files = files | {MANIFEST: manifest_text(sums).encode()}
    write_tarball(path, [Member.of(name, data) for name, data in files.items()], time=1)
    return path


def refused(folder: Path, archive: Path, *options: str) -> str:
    """What `verify` says of an archive that it does not accept."""
    done = cli(folder, "verify", str(archive), *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def packed(finished, tmp_path_factory) -> Path:
    """A copy of the finished run with its archive, made by `snakemake archive`."""
    folder = tmp_path_factory.mktemp("packed") / "run"
    subprocess.run(["cp", "-a", str(finished), str(folder)], check=True)
    done = snakemake(folder, "archive")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def archive(packed) -> Path:
    return packed / "results" / "archive.tar.zst"


@pytest.mark.workflow
@pytest.mark.qe
def test_the_archive_is_proved_in_a_clean_folder_and_a_stage_repeated(archive, tmp_path):
    files = content(archive)
    assert {"archive.json", "ro-crate-metadata.json", "source/Snakefile", MODEL} <= files.keys()
    settings = yaml.safe_load(files[CONFIG])
    assert settings["dft"]["pseudopotentials"] == {"Al": "inputs/Al.hgh-lda.UPF"}
    assert not any(str(REPOSITORY).encode() in files[name] for name in files if "metadata/" in name)
    unpacked = ["--folder", str(tmp_path / "u")]
    done = cli(tmp_path, "verify", str(archive), "--rerun", "acsd", "train", *unpacked)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(maxsplit=1) for line in done.stdout.splitlines() if "  " in line]
    said = {name: text for name, text in rows if name != "rerun"}
    assert said["Snakemake"] == "passed  nothing to be done"
    assert "rerun acsd   passed  3 files with identical numbers" in done.stdout
    assert "rerun train  passed  6 files with identical numbers" in done.stdout
    for name in (MODEL, "run/results/cost/train/0.json"):
        assert (tmp_path / "u" / name).read_bytes() == files[name], "put back after the rerun"
    crate = ROCrate(tmp_path / "u")
    rules = [action["name"].partition(":")[0] for action in crate.get_by_type("CreateAction")]
    assert rules.count("dft") == 10
    assert rules.count("train") == 2
    assert "archive" not in rules


@pytest.mark.workflow
@pytest.mark.qe
def test_the_same_run_gives_the_same_bytes_in_another_place_at_another_time(
    packed, archive, tmp_path
):
    # Plain copies: with other times, in another folder, with what a run leaves behind.
    shutil.copytree(packed, tmp_path / "deeper" / "copy")
    folder = tmp_path / "deeper" / "copy"
    (folder / "results" / ".partial-x").write_text("half")
    done = cli(folder, "archive", "--config", "config.yaml", "--archive", "again.tar.zst")
    assert done.returncode == 0, done.stderr
    assert (folder / "again.tar.zst").read_bytes() == archive.read_bytes()
    assert planned(packed, "archive") == set()


@pytest.mark.workflow
@pytest.mark.qe
def test_damage_is_found_and_named(archive, tmp_path):
    files = content(archive)
    data = bytearray(archive.read_bytes())
    place = data.find(files[MODEL][2000:2040])
    if place < 0:  # compressed: any byte will do
        place = len(data) // 2
    data[place] ^= 1
    flipped = tmp_path / "flipped.tar.zst"
    flipped.write_bytes(data)
    assert "cannot be read" in refused(tmp_path, flipped) or place == len(data) // 2

    name = "run/results/evaluate/energies.csv"
    changed = repacked(tmp_path / "a.tar.zst", files | {name: files[name].replace(b"1", b"2", 1)})
    assert f"{name}: changed" in refused(tmp_path, changed)
    missing = {key: value for key, value in files.items() if key != MODEL}
    said = refused(tmp_path, repacked(tmp_path / "b.tar.zst", missing), "--execute")
    assert f"{MODEL}: missing" in said
    assert "Snakemake" not in said, "nothing is executed of a damaged archive"
    said = refused(tmp_path, repacked(tmp_path / "c.tar.zst", missing, new_list=True), "--execute")
    assert f"{MODEL}: not there" in said


@pytest.mark.workflow
@pytest.mark.qe
def test_a_changed_setting_is_named_even_where_all_checksums_fit(archive, tmp_path):
    files = content(archive)
    settings = yaml.safe_load(files[CONFIG])
    settings["train"]["maximum_epochs"] += 1
    files |= {CONFIG: yaml.safe_dump(settings).encode()}
    said = refused(tmp_path, repacked(tmp_path / "a.tar.zst", files, new_list=True))
    assert "train.maximum_epochs is 51, but was 50 for results/" in said
    assert f"{CONFIG}: described with another checksum" in said


@pytest.mark.workflow
@pytest.mark.qe
def test_an_edited_table_is_neither_packed_nor_proved(run, archive, tmp_path):
    table = run / "results/evaluate/errors.csv"
    status = table.stat()
    table.write_text(table.read_text().replace("1", "2"))
    os.utime(table, ns=(status.st_atime_ns, status.st_mtime_ns))
    done = cli(run, "archive", "--config", "config.yaml")
    assert done.returncode == 1
    assert "results were edited after their jobs wrote them" in done.stderr.lower()
    assert "results/evaluate/errors.csv" in done.stderr
    assert "snakemake --forcerun results/evaluate/errors.csv" in done.stderr
    files = content(archive)
    name = "run/results/evaluate/errors.csv"
    files |= {name: table.read_bytes()}
    said = refused(tmp_path, repacked(tmp_path / "a.tar.zst", files, new_list=True))
    assert "results/evaluate/errors.csv is not what evaluate wrote" in said


@pytest.mark.workflow
@pytest.mark.qe
def test_a_small_archive_says_what_it_cannot_repeat(packed, tmp_path):
    done = cli(
        packed, "archive", "--config", "config.yaml", "--include", "small",
        "--archive", str(tmp_path / "small.tar.zst"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = content(tmp_path / "small.tar.zst").keys()
    assert not [name for name in names if "results/ldos/" in name or "results/descriptors/" in name]
    done = cli(tmp_path, "verify", "small.tar.zst", "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to be done, with stand-ins for 20 files left out" in done.stdout
    assert "executing code of the archive" in done.stderr
    said = refused(tmp_path, tmp_path / "small.tar.zst", "--rerun", "train")
    assert "the stage cannot be repeated" in said
    assert "results/descriptors/training-0000.zarr.zip" in said
    assert "nothing to be done" not in said, "noticed before anything is executed"
    assert "no jobs of this stage" in refused(tmp_path, tmp_path / "small.tar.zst", "--rerun", "x")


@pytest.mark.workflow
@pytest.mark.qe
def test_results_that_no_longer_fit_are_not_packed(run):
    edit_config(run, "train", maximum_epochs=51)
    done = cli(run, "archive", "--config", "config.yaml")
    assert done.returncode == 1
    assert "train.maximum_epochs is 51, but was 50" in done.stderr
    assert "run `snakemake archive`" in done.stderr
    (run / "results/cost/train/1.json").unlink()
    done = cli(run, "archive", "--config", "config.yaml")
    assert "the run is not finished" in done.stderr
    assert "results/cost/train/1.json" in done.stderr
    assert not (run / "results/archive.tar.zst").exists()


def minimal(path: Path, **changes: object) -> Path:
    """An archive without a run, as far as `verify` looks before it executes anything."""
    contents = {"format": 1, "left_out": [], "packages": {}, "jobs": 0, **changes}
    members = [
        Member.of("archive.json", json.dumps(contents).encode()),
        Member.of(CONFIG, str(changes.get("config", "seed: 1\n")).encode()),
    ]
    run = RunDescription("Nothing", 1.0, "run", [], {}, {})
    members.append(Member.of(CRATE, crate_text(run, members).encode()))
    files = {member.name: member.source for member in members}
    return repacked(path, {MANIFEST: b"", **files}, new_list=True)


def test_what_cannot_be_shown_is_said_to_be_not_known(tmp_path, capsys):
    main(["verify", str(minimal(tmp_path / "a.tar.zst")), "--execute"])
    said = capsys.readouterr().out
    assert "settings   not known" in said
    assert "no check failed; see what was not shown" in said


def test_nothing_of_an_archive_is_executed_unless_asked(tmp_path, capsys, monkeypatch, caplog):
    def executed(*_, **__):
        raise AssertionError

    archive = str(minimal(tmp_path / "a.tar.zst", jobs=1))
    monkeypatch.setattr("surrogate_hpo.verbs.verify.verb.restore_source", executed)
    main(["verify", archive])
    said = capsys.readouterr().out
    assert "not run    nothing of the archive was executed; --execute or" in said
    with pytest.raises(AssertionError):
        main(["verify", archive, "--execute"])
    assert "executing code of the archive" in caplog.text


BOMB = "a: &a [1, 1]\nb: &b [*a, *a]\n"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "verify it with the surrogate-hpo that is in it"),
        ({"left_out": [{"path": "../../outside"}]}, "a path leads out of the archive"),
        ({"left_out": [{"path": "/etc/outside"}]}, "a path leads out of the archive"),
        ({"left_out": [{"path": 1}]}, "what the archive says of itself is damaged"),
        ({"left_out": "all"}, "what the archive says of itself is damaged"),
        ({"packages": [1]}, "what the archive says of itself is damaged"),
        ({"config": BOMB}, "the config of the archive is not as it was packed"),
        ({"config": "a: ["}, "the config is not valid YAML"),
    ],
)
def test_a_consistent_archive_may_still_be_hostile(tmp_path, changes, said):
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(minimal(tmp_path / "a.tar.zst", **changes))])
    assert said in str(stop.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["archive", "--include", "some"], "there is no such selection of files"),
        (["archive"], "the run is not finished"),
        (["verify", "nothing.tar.zst"], "there is no such archive"),
        (["verify", "."], "there is no such archive"),
        (["verify", "config.yaml", "--folder", "config.yaml/below"], "cannot be made"),
        (["verify", "config.yaml", "--folder", "."], "is not empty"),
        (["verify", "config.yaml"], "the archive cannot be read"),
    ],
)
def test_mistakes_are_errors_with_a_remedy(project, options, said):
    config = ["--config", "config.yaml"] if options[0] == "archive" else []
    with pytest.raises(SystemExit) as stop:
        main([*options, *config])
    assert said in str(stop.value)
    assert "remedy" in str(stop.value)


@pytest.mark.parametrize(
    "options",
    [
        ["--largest-gibibytes", "nan"],
        ["--tolerance", "nan"],
        ["--tolerance", "-1"],
        ["--cores", "0"],
    ],
)
def test_options_of_verify_that_make_no_sense_are_refused(tmp_path, options):
    path = minimal(tmp_path / "a.tar.zst")
    with pytest.raises(SystemExit, match=rf"makes no sense\n  where: {options[0]}"):
        main(["verify", str(path), *options])


def test_an_interruption_is_no_fault_of_the_archive(tmp_path, monkeypatch):
    def stopped(*_):
        raise InterruptedRun("SIGTERM")

    monkeypatch.setattr("surrogate_hpo.verbs.verify.verb.restore_source", stopped)
    archive = {"jobs": 1, "left_out": []}
    monkeypatch.setattr("surrogate_hpo.verbs.verify.verb.archived_contents", lambda _: archive)
    with pytest.raises(InterruptedRun):
        list(_executed(tmp_path, [], None, 1))
