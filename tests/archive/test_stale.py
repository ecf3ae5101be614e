"""Results that no longer belong to their inputs or their jobs, whatever the time stamps say."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from tiny_workflow import REPOSITORY, new_folder, planned, snakemake

from surrogate_hpo.errors import DataError
from surrogate_hpo.run import content_marks, outputs
from surrogate_hpo.run.content_marks import content_mark
from surrogate_hpo.run.outputs import changed_outputs, output_record, require_unchanged, stand_in

SNAPSHOT = "results/snapshots/training-0000.extxyz"
OTHER = "results/snapshots/training-0001.extxyz"


def job(run: Path, content: str = "1\n") -> Path:
    """A job that wrote a table, and its record."""
    table, record = run / "results/audit/scores.csv", run / "results/cost/audit/all.json"
    for path in (table, record, run / outputs.SEEN):
        path.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(content)
    written = output_record([table])[str(table)]
    record.write_text(
        json.dumps({"stage": "audit", "outputs": {"results/audit/scores.csv": written}})
    )
    return table


def edit_keeping_times(path: Path, text: str) -> None:
    status = path.stat()
    path.write_text(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_an_output_edited_under_its_old_time_is_found_and_a_touch_is_none(tmp_path):
    table = job(tmp_path)
    assert changed_outputs(tmp_path) == []
    os.utime(table)
    assert changed_outputs(tmp_path) == []
    edit_keeping_times(table, "2\n")
    (found,) = changed_outputs(tmp_path)
    assert (found.path, found.stage) == ("results/audit/scores.csv", "audit")
    assert found.record == "results/cost/audit/all.json"
    assert "scores.csv is not what audit wrote" in found.line()
    table.write_text("1\n")
    assert changed_outputs(tmp_path) == []
    table.unlink()
    assert changed_outputs(tmp_path) == []


def test_files_that_were_looked_at_are_not_read_again(tmp_path, monkeypatch):
    table = job(tmp_path)
    os.utime(table)
    changed_outputs(tmp_path)
    monkeypatch.setattr(outputs, "checksum", None)
    assert changed_outputs(tmp_path) == []


def test_an_edited_result_is_refused_with_both_checksums_and_the_remedy(tmp_path):
    edit_keeping_times(job(tmp_path), "2\n")
    with pytest.raises(DataError) as caught:
        require_unchanged(tmp_path, records=[Path("results/cost/audit/all.json")])
    message = str(caught.value)
    assert "results/audit/scores.csv" in message
    assert "4355a46b19d348dc" in message  # printf '1\n' | sha256sum
    assert "53c234e5e8472b6a" in message  # printf '2\n' | sha256sum
    assert "snakemake --forcerun results/audit/scores.csv" in message


def test_a_record_leads_to_no_file_outside_of_the_run(tmp_path):
    run = tmp_path / "run"
    job(run)
    (tmp_path / "secret").write_text("x")
    names = ("../secret", str(tmp_path / "secret"))
    entry = {"sha256": "0", "stamp": []}
    (run / "results/cost/audit/all.json").write_text(
        json.dumps({"stage": "audit", "outputs": dict.fromkeys(names, entry)})
    )
    assert changed_outputs(run) == []


def test_an_empty_file_may_stand_in_for_one_that_was_left_out(tmp_path):
    table = job(tmp_path)
    table.write_text("")
    assert changed_outputs(tmp_path)
    stand_in(tmp_path, ["results/audit/scores.csv"])
    assert changed_outputs(tmp_path) == []


def test_a_mark_is_of_the_content_only(tmp_path, monkeypatch):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(bytes(40_000))
    other.write_bytes(bytes(40_000))
    os.utime(other, (0, 0))

    def mark(*paths: Path) -> str:
        content_marks._mark.cache_clear()
        return content_mark(paths)

    assert mark(one) == mark(other) != mark(one, other)
    assert mark() == ""
    assert mark(tmp_path / "none") != mark(one)
    monkeypatch.setattr(content_marks, "WHOLE_BYTES", 100)  # of more, blocks are looked at
    before = mark(one)
    assert before == mark(other)
    one.write_bytes(bytes(39_999) + b"x")
    assert mark(one) != before


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run with two snapshots."""
    folder = new_folder(tmp_path_factory.mktemp("stale") / "run")
    done = snakemake(folder, SNAPSHOT, OTHER)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.workflow
def test_an_edited_intermediate_is_made_again_once(run):
    assert planned(run, SNAPSHOT, OTHER) == set()
    original = (run / SNAPSHOT).read_text()
    for edit in ("9", "8", "9"):
        edit_keeping_times(run / SNAPSHOT, original[:-2] + edit + "\n")
        plan = snakemake(run, "--dry-run", SNAPSHOT, OTHER)
        said = plan.stdout + plan.stderr
        assert "training-0000.extxyz is not what snapshots wrote" in said
        assert "snapshots        1" in said
        assert snakemake(run, SNAPSHOT, OTHER).returncode == 0
        assert (run / SNAPSHOT).read_text() == original
        assert planned(run, SNAPSHOT, OTHER) == set()


@pytest.mark.workflow
def test_a_colour_reruns_no_snapshot_and_a_line_of_the_command_line_all(run, tmp_path):
    source = tmp_path / "src"
    # What Python has compiled stays valid, since the times are copied, too.
    shutil.copytree(REPOSITORY / "src", source, ignore=shutil.ignore_patterns("*.egg-info"))
    for name, expected in (("report/palette.py", set()), ("cli.py", {"snapshots"})):
        path = source / "surrogate_hpo" / name
        path.write_text(path.read_text() + "\nEDITED = True\n")
        assert planned(run, SNAPSHOT, OTHER, source=source) == expected


@pytest.mark.workflow
@pytest.mark.qe
def test_a_potential_replaced_by_an_older_one_reruns_what_read_it(tmp_path):
    folder = new_folder(tmp_path / "run")
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    (own,) = settings["dft"]["pseudopotentials"].values()
    potential = folder / "Al.UPF"
    shutil.copy(own, potential)
    settings["dft"]["pseudopotentials"] = {"Al": "Al.UPF"}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    ldos = ("results/ldos/training-0000.zarr.zip",)
    done = snakemake(folder, *ldos)
    assert done.returncode == 0, done.stderr[-3000:]
    assert planned(folder, *ldos) == set()
    text = potential.read_text()
    os.utime(potential, (0, 0))
    assert planned(folder, *ldos) == set()
    potential.write_text(text.replace("</UPF>", "<!-- other -->\n</UPF>"))
    os.utime(potential, (0, 0))
    assert planned(folder, *ldos) == {"dft", "ldos"}
    potential.write_text(text)
    os.utime(potential, (0, 0))
    assert planned(folder, *ldos) == set()
    edit_keeping_times(folder / ldos[0], "broken")
    assert planned(folder, *ldos) == {"dft", "ldos"}  # its input was temporary
