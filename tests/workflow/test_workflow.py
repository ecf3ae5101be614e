"""The whole chain on real DFT of a tiny case: reruns, kills, forced and deleted outputs."""

import contextlib
import csv
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from tiny_workflow import (
    REPOSITORY,
    command,
    differences,
    edit_config,
    new_folder,
    numbers,
    planned,
    snakemake,
)  # fmt: skip

from surrogate_hpo.config.load import load_config
from surrogate_hpo.run.graph import HELPERS, STAGES
from surrogate_hpo.run.outputs import output_record
from surrogate_hpo.run.plan import cost_path, rules

pytestmark = [pytest.mark.workflow, pytest.mark.qe]
TRAINING = {"train", "surrogate", "evaluate_snapshot", "evaluate", "report"}
CHOICES = {"naswot_chunk", "naswot", "search_worker", "search"}
DOWNSTREAM = {
    "acsd": {"acsd", "descriptors", *CHOICES, *TRAINING},
    "train": TRAINING,
}


def test_the_chain_ends_with_energies_and_a_report(finished):
    summary = json.loads((finished / "results/evaluate/summary.json").read_text())
    energy = summary["total_free_energy"]
    keys = (
        "mae_mev_per_atom",
        "std_over_seeds",
        "discretisation_error_mev_per_atom",
        "baseline_mev_per_atom",
    )
    assert all(energy[key] >= 0 for key in keys)
    assert energy["discretisation_error_mev_per_atom"] < 5
    assert summary["forces"]["correlation"] > 0.9
    assert "same volume per grid point" in summary["stress_left_out"]
    assert set(STAGES) - {"surrogate", "evaluate", "report"} <= set(summary["cost"])
    assert all(cost["cpu_seconds"] > 0 for cost in summary["cost"].values())
    html = (finished / "results/report/report.html").read_text()
    assert html.count("<svg") >= 8
    assert "Forces: RMSE" in html
    assert not re.search(r'(src|href)="https?://[^"]*\.(js|css|png|svg)"', html)


def test_the_report_holds_what_goes_into_a_paper(finished):
    folder = finished / "results/report"
    figures = {path.stem for path in (folder / "figures").glob("[!.]*")}
    for suffix in ("svg", "pdf", "csv"):
        assert {path.stem for path in (folder / "figures").glob(f"*.{suffix}")} == figures
    text, entries = (folder / "methods.md").read_text(), (folder / "references.bib").read_text()
    assert set(re.findall(r"@(\w+)", text)) == set(re.findall(r"^@\w+\{(\w+),", entries, re.M))
    assert "plane waves up to 8 Ry" in text
    with (folder / "errors_per_snapshot.csv").open() as handle:
        rows = [r for r in csv.DictReader(handle) if r["quantity"] == "total free energy"]
    assert [row["snapshot"] for row in rows] == ["test-0000", "test-0001"]
    summary = json.loads((finished / "results/evaluate/summary.json").read_text())
    mean = sum(float(row["error_mev_per_atom"]) for row in rows) / 2
    assert mean == pytest.approx(summary["total_free_energy"]["mean_error_mev_per_atom"], rel=1e-6)
    with (folder / "validation_loss_split.csv").open() as handle:
        losses = list(csv.DictReader(handle))
    assert [row["seed"] for row in losses] == [str(n) for n in range(summary["initialisations"])]
    assert all(0 < float(row["common"]) < float(row["loss"]) for row in losses)
    with (folder / "cost_per_stage.csv").open() as handle:
        assert {row["stage"] for row in csv.DictReader(handle)} == set(STAGES) - {"report"}


def test_what_has_no_reference_is_said_to_be_unknown(run):
    forget_references(run / "results/evaluate", ("total_free_energy", "hartree_energy"))
    assert planned(run) == {"report"}
    done = snakemake(run)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    folder = run / "results/report"
    page = (folder / "report.html").read_text()
    assert "is not known: the data hold no reference for it." in page
    assert "The data hold no reference for: total free energy, Hartree energy." in page
    assert "figure-parity_total_free_energy" not in page
    assert "figure-parity_band_energy" in page
    assert "is not known: the data hold no reference" in (folder / "methods.md").read_text()
    with (folder / "errors_per_energy.csv").open() as handle:
        errors = {row["quantity"]: row["mae_mev_per_atom"] for row in csv.DictReader(handle)}
    assert errors["Hartree energy"] == ""
    assert float(errors["band energy"]) > 0
    assert "hartree" not in (folder / "errors_per_snapshot.csv").read_text().lower()


def forget_references(folder: Path, quantities: tuple[str, ...]) -> None:
    """Leave of some quantities what data without their DFT values would leave."""
    with (folder / "energies.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    for row in rows:
        if row["source"] in ("dft", "baseline"):
            row.update(dict.fromkeys((f"{quantity}_ev" for quantity in quantities), ""))
    with (folder / "energies.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    summary = json.loads((folder / "summary.json").read_text())
    for quantity in quantities:
        summary[quantity] = dict.fromkeys(summary[quantity])
    (folder / "summary.json").write_text(json.dumps(summary))
    # As if its job had written that, or Snakemake would make it again.
    record = folder.parents[1] / cost_path("evaluate", "all")
    cost = json.loads(record.read_text())
    edited = output_record([folder / "energies.csv", folder / "summary.json"])
    for path, written in edited.items():
        cost["outputs"][str(Path(path).relative_to(folder.parents[1]))] = written
    status = record.stat()
    record.write_text(json.dumps(cost))
    os.utime(record, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_snakemakes_own_report_has_categories_and_captions(finished, tmp_path):
    archive = tmp_path / "report.zip"
    done = snakemake(finished, "--report", str(archive))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    with zipfile.ZipFile(archive) as content:
        names = {Path(name).name for name in content.namelist()}
        page = content.read("report/report.html").decode()
    assert {"report.html", "methods.md", "references.bib", "errors_per_snapshot.csv"} <= names
    assert {"dag.svg", "parity_total_free_energy.svg", "scores.csv", "trials.csv"} <= names
    for words in (
        *("1. Report", "2. Figures", "3. Errors", "4. Cost", "5. Choices"),
        "From DFT snapshots to a surrogate of the electronic structure",
        "86 mm wide",
        "(mean over 2",
        "parity_total_free_energy",
    ):
        assert words in page, words


def test_dft_was_really_run(finished):
    results = [json.loads(p.read_text()) for p in sorted((finished / "results/dft").glob("*.json"))]
    assert len({r["total_free_energy_ev"] for r in results}) == len(results) == 10
    assert all(r["version"].startswith("7.") or r["version"].startswith("6.") for r in results)
    assert not list((finished / "results/dft").glob("*.save")), "QE scratch is temporary"


def test_a_second_call_has_nothing_to_do(run):
    assert planned(run) == set()
    done = snakemake(run)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_train_setting_reruns_what_follows_and_nothing_else(run):
    edit_config(run, "train", maximum_epochs=5)
    assert planned(run) == DOWNSTREAM["train"]


def test_the_command_on_the_machine_is_no_reason_to_rerun(run):
    edit_config(run, "evaluate", block_points=1000)
    assert planned(run) == set()


def test_kept_wavefunctions_make_another_ldos_without_dft(tmp_path):
    folder, store = new_folder(tmp_path / "kept"), "results/ldos/training-0000.zarr.zip"
    edit_config(folder, "dft", keep_wavefunctions=True)
    done = snakemake(folder, store)
    assert done.returncode == 0, done.stderr
    edit_config(folder, "dft", keep_wavefunctions=False)
    assert planned(folder, store) == set()
    edit_config(folder, "ldos", width_ev=0.6)
    assert planned(folder, store) == {"ldos"}
    shutil.rmtree(folder / "results/dft/training-0000.save")
    assert planned(folder, store) == {"dft", "ldos"}
    edit_config(folder, "ldos", width_ev=0.5)
    edit_config(folder, "dft", keep_wavefunctions=True)
    assert planned(folder, store) == set()


def test_more_held_out_snapshots_leave_the_energies_of_the_others_alone(run):
    edit_config(run, "snapshots", test=3)
    done = snakemake(run, "--dry-run")
    output = done.stdout + done.stderr
    assert re.search(r"^evaluate_snapshot\s+1$", output, re.MULTILINE), output
    assert not re.search(r"^train\s", output, re.MULTILINE), output


def test_more_training_snapshots_leave_the_finished_dft_alone(run):
    edit_config(run, "snapshots", training=7)
    done = snakemake(run, "--dry-run")
    output = done.stdout + done.stderr
    assert re.search(r"^dft\s+1$", output, re.MULTILINE), output


def test_edited_code_reruns_its_stage_and_a_comment_nothing(run, tmp_path):
    source = tmp_path / "src"
    # What Python has compiled stays valid, since the times are copied, too.
    shutil.copytree(REPOSITORY / "src", source, ignore=shutil.ignore_patterns("*.egg-info"))
    path = source / "surrogate_hpo" / "scores" / "descriptors" / "acsd.py"
    original = path.read_text()
    assert planned(run, source=source) == set()
    path.write_text(original + "\n# a comment\n")
    assert planned(run, source=source) == set()
    path.write_text(original + "\nEDITED = True\n")
    assert planned(run, source=source) == DOWNSTREAM["acsd"]
    path.write_text(original)
    palette = source / "surrogate_hpo" / "report" / "palette.py"
    palette.write_text(palette.read_text() + '\nEDITED = "#000000"\n')
    assert planned(run, source=source) == {"report"}


def test_an_edited_choice_with_its_old_time_is_chosen_again(run):
    choice = run / "results/acsd/choice.json"
    status = choice.stat()
    choice.write_text(choice.read_text() + "\n")
    os.utime(choice, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert planned(run) == DOWNSTREAM["acsd"]


@pytest.mark.longest
def test_forced_and_deleted(run):
    before = numbers(run)
    assert planned(run, "--forcerun", "train") == DOWNSTREAM["train"]
    choice = run / "results/acsd/choice.json"
    kept = choice.rename(run / "kept.json")
    assert planned(run) == DOWNSTREAM["acsd"]
    kept.rename(choice)
    (run / "results/naswot/choice.json").unlink()
    (run / "results/train/0/model.pt").unlink()
    done = snakemake(run)
    assert done.returncode == 0, done.stderr[-3000:]
    assert differences(numbers(run), before) == {}


def test_settings_on_the_command_line_are_refused_not_ignored(run):
    done = snakemake(run, "--dry-run", "--config", "seed=3")
    assert done.returncode != 0
    assert "would not be seen by the stages" in done.stdout + done.stderr


def test_a_wrong_config_stops_before_any_job_and_keeps_the_results(run):
    edit_config(run, "ldos", widht_ev=1.0)
    done = snakemake(run)
    assert done.returncode != 0
    assert "did you mean `width_ev`?" in done.stdout + done.stderr
    assert (run / "results/report/report.html").exists()


def test_the_printed_command_can_be_pasted(run):
    done = snakemake(run, "--dry-run", "--forcerun", "acsd", "--printshellcmds")
    output = done.stdout + done.stderr
    (line,) = re.findall(r"(surrogate-hpo acsd .*)$", output, re.MULTILINE)
    before = (run / "results/acsd/scores.csv").read_text()
    (run / "results/acsd/scores.csv").unlink()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    pasted = subprocess.run(
        ["bash", "-c", line], cwd=run, env=os.environ | {"PATH": path}, check=False
    )
    assert pasted.returncode == 0
    assert (run / "results/acsd/scores.csv").read_text() == before


def at_work(folder: Path, job: psutil.Process, stage: str, seconds: float) -> bool:
    """Whether a job is past its imports: by what it has left behind, or by its age."""
    state = folder / "results" / "state"
    if stage == "dft":
        return any("pw.x" in " ".join(child.cmdline()) for child in job.children(recursive=True))
    if stage == "search_worker":
        return any(p.read_text().count("\n") > 20 for p in state.glob("search/*/journal.log"))
    if stage == "train":
        return any(state.glob("train/*.pt"))
    return time.time() - job.create_time() > seconds


def half_of_a_job(finished: Path, rule: str) -> float:
    """Half of what a job of the rule took on this machine, in seconds."""
    stage = HELPERS.get(rule, rule)
    items = sorted(path.stem for path in (finished / "results" / "cost" / stage).glob("*.json"))
    item = next(item for item in items if rule == stage or item != "all")
    record = finished / cost_path(stage, item)
    return 0.5 * float(json.loads(record.read_text())["wall_seconds"])


def kill_in_the_middle(
    folder: Path, stages: list[str], seconds: dict[str, float], *arguments: str
) -> set[str]:
    """Run snakemake and SIGKILL one job of each stage while it is at work; with the last, all.

    Snakemake tries jobs that died again; where it dies itself, it is a later call that does.
    """
    process = subprocess.Popen(
        command(folder, "--until", stages[-1], "--retries", "1", *arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    killed: set[str] = set()
    deadline = time.monotonic() + 900
    try:
        while process.poll() is None:
            assert time.monotonic() < deadline, f"no job of {stages[-1]} got to work"
            with contextlib.suppress(psutil.NoSuchProcess):
                for job, stage in running_jobs(process.pid, {*stages} - killed):
                    if at_work(folder, job, stage, seconds[stage]):
                        everything = process.pid if stage == stages[-1] else job.pid
                        kill_with_children(psutil.Process(everything))
                        killed.add(stage)
                        break
            # To look at all processes takes time of those that work.
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    return killed


def kill_with_children(process: psutil.Process) -> None:
    for victim in [*process.children(recursive=True), process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)


def running_jobs(parent: int, stages: set[str]) -> Iterator[tuple[psutil.Process, str]]:
    """Processes of the stages below Snakemake, which the shells that start them are not."""
    for child in psutil.Process(parent).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = child.cmdline()
            if any(part.endswith("surrogate-hpo") for part in line[:2]):
                yield from ((child, stage) for stage in stages.intersection(line[1:3]))


@pytest.mark.longest
def test_sigkill_in_the_middle_of_every_stage_changes_no_number(finished, tmp_path):
    folder = new_folder(tmp_path / "killed")
    names = [rule for rule, _ in rules(load_config([folder / "config.yaml"]))]
    seconds = {name: half_of_a_job(finished, name) for name in names}
    # Snakemake itself dies with the first three of these. The last of them leaves a lock that must
    # be taken away; without one, fewer starts of Snakemake do.
    ends = [1 + names.index(name) for name in ("dft", "search_worker", "train", names[-1])]
    killed: set[str] = set()
    for begin, end in itertools.pairwise([0, *ends]):
        lock = ["--nolock"] * (end < len(names))
        killed |= kill_in_the_middle(folder, names[begin:end], seconds, *lock)
    # The others are killed at half their usual time, which on a busy machine may be too late.
    assert {"dft", "search_worker", "train"} <= killed, killed
    assert snakemake(folder, "--unlock").returncode == 0
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert differences(numbers(folder), numbers(finished)) == {}
    leftovers = list((folder / "results").rglob(".partial-*"))
    assert not leftovers


def test_several_jobs_make_the_tables_of_one_and_leave_nothing_behind(run):
    audited = ("audit", "--allowed-rules", "audit", "audit_chunk")
    assert snakemake(run, *audited).returncode == 0
    before = timeless(run)
    edit_config(run, "naswot", chunks=2)
    edit_config(run, "audit", chunks=2)
    assert snakemake(run, *audited).returncode == 0
    done = snakemake(run, "search")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert timeless(run) == before
    edit_config(run, "search", workers=2)
    done = snakemake(run, "search")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    trials = rows(run / "results/search/trials.csv")
    settings = yaml.safe_load((run / "config.yaml").read_text())["search"]
    assert [int(row["trial"]) for row in trials] == list(range(settings["trials"]))
    costs = {path.stem for path in (run / "results/cost/search").glob("*.json")}
    assert costs == {"all", "worker-0", "worker-1"}
    for stage in ("naswot", "audit", "search"):
        assert not list((run / "results" / "state" / stage).glob("*"))
    assert planned(run, "search") == set()
    table = (run / "results/search/trials.csv").read_text()
    (run / "results/search/trials.csv").unlink()
    assert planned(run, "search") == {"search"}
    assert snakemake(run, "search").returncode == 0
    assert (run / "results/search/trials.csv").read_text() == table


def timeless(folder: Path) -> tuple[object, object]:
    """Errors of the audit, whose tables hold times too, and all other numbers."""
    audited = [(r["score"], r["error_mean"]) for r in rows(folder / "results/audit/scores.csv")]
    return audited, {k: v for k, v in numbers(folder).items() if not k.startswith("audit/")}


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_the_audits_run_when_asked_for_and_disturb_nothing(run):
    before = numbers(run)
    assert planned(run, "audit") == {"audit_chunk", "audit"}
    done = snakemake(run, "audit")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert planned(run, "audit_figure") == {"audit_figure"}
    verdict = json.loads((run / "results/audit/verdict.json").read_text())
    assert len(verdict["scores"]) == 7
    assert verdict["architectures"] == 8
    assert not list((run / "results/state/audit").glob("*"))
    done = snakemake(run, "audit_figure")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert planned(run) == set()
    assert planned(run, "audit") == set()
    for name in ("figure.svg", "figure.pdf", "figure.csv"):
        assert (run / "results/audit" / name).exists()
    shutil.rmtree(run / "results/audit")
    assert planned(run) == set()
    assert differences(numbers(run), before) == {}


def test_the_descriptors_are_audited_when_asked_for_and_the_chain_stays(run):
    edit_config(run, "acsd", twojmax=[2, 4, 6])
    before = planned(run)
    # Scores of one more candidate come first, and nothing of what follows them.
    assert planned(run, "acsd_audit_figure") & {*STAGES} == {"acsd"}
    done = snakemake(run, "acsd_audit_figure")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert json.loads((run / "results/acsd_audit/verdict.json").read_text())["candidates"] == 6
    assert (run / "results/acsd_audit/figure.svg").exists()
    assert planned(run) == before - {"acsd"}
    shutil.rmtree(run / "results/acsd_audit")
    assert planned(run) == before - {"acsd"}


def test_the_direction_of_the_audit_is_used_reported_and_paid_for(run):
    edit_config(run, "naswot", direction="audit", score="short_training")
    assert planned(run) == {"audit_chunk", "audit", *CHOICES, *TRAINING}
    done = snakemake(run)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    verdict = json.loads((run / "results/audit/verdict.json").read_text())
    judged = verdict["scores"]["short_training"]
    choice = json.loads((run / "results/naswot/choice.json").read_text())
    assert choice["score_name"] == "short_training"
    assert choice["direction"] == (judged["direction"] or judged["published_direction"])
    assert judged["verdict"] in choice["reasons"][1]
    assert "audit" in json.loads((run / "results/evaluate/summary.json").read_text())["cost"]
    html = (run / "results/report/report.html").read_text()
    assert "audit of the score, CPU time (s)" in html
    assert "scores of 8 architectures against the error" in html


def test_energies_table_has_units_in_its_header(finished):
    with (finished / "results/evaluate/energies.csv").open() as handle:
        header = next(csv.reader(handle))
    assert "total_free_energy_ev" in header
