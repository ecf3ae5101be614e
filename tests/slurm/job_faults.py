"""What clusters do to jobs: each fault is made, observed, and changes no number."""

import time
from pathlib import Path

from cluster import Start, histories, saved, stage_processes, until, without
from slurm_lab import Lab
from tiny_workflow import differences, edit_config, numbers

TRAININGS = ["results/train/0/model.pt", "results/train/1/model.pt"]
DOWNSTREAM = ("search", "train", "surrogate", "evaluate", "report")


def too_little_memory_and_time(lab: Lab, finished: Path, place: Path, start: Start) -> None:
    """The first attempt is killed for its memory, the second for its time; the third goes on."""
    folder = without(finished, place / "run", *DOWNSTREAM[1:])
    run = start(
        folder, TRAININGS[0], "--set-resources", "train:mem_mb=200 * 20 ** (attempt - 1)",
        "--slurm-init-seconds-before-status-checks", "1",
    )  # fmt: skip
    until(lambda: len(run.jobs("rule_train")) == 2, "a second attempt")
    log = run.jobs("rule_train")[0].fields["StdOut"]
    assert log in run.text()
    assert "exceeded memory limit" in Path(log).read_text()
    second = run.job("rule_train", "RUNNING")
    until(lambda: saved(folder, "train"), "the training gets to work")
    # It hangs, and Slurm looks for jobs that are over their time every half a minute.
    (process,) = stage_processes(folder, "train")
    process.suspend()
    told = time.localtime(int(process.environ()["SURROGATE_HPO_END_TIME"]))
    assert time.strftime("%Y-%m-%dT%H:%M:%S", told) == second.fields["EndTime"]
    lab.run("scontrol", "update", f"JobId={second.number}", "EndTime=now")
    text = run.succeeds()
    assert "SLURM status is: 'TIMEOUT'" in text
    assert (
        histories(folder)["results/train/0/history.csv"]
        == (histories(finished)["results/train/0/history.csv"])
    )
    asked = [(job.state, job.memory) for job in run.jobs("rule_train")]
    assert asked == [("FAILED", "200M"), ("TIMEOUT", "4000M"), ("COMPLETED", "80000M")]
    assert "going on from epoch" in (folder / "logs/train/0.log").read_text()


def snakemake_is_killed_and_files_come_late(
    lab: Lab, finished: Path, place: Path, start: Start
) -> None:
    """Jobs outlive their Snakemake; the next one finds what is finished and does the rest."""
    folder = without(finished, place / "run", *DOWNSTREAM)
    run = start(folder, *TRAININGS)
    run.job("rule_train_wildcards_0", "RUNNING")
    search = (folder / "results/search/choice.json").stat().st_mtime_ns
    run.killed()
    until(lambda: all(job.state == "COMPLETED" for job in run.jobs()), "the jobs end by themselves")
    assert start(folder, *TRAININGS, "--unlock").succeeds()
    again = start(folder, "--forcerun", "evaluate")
    summary = folder / "results/evaluate/summary.json"
    # The last of the stage's jobs: those of the held-out snapshots have run before it.
    until(summary.exists, "evaluate gets to work")
    until(lambda: again.jobs("rule_evaluate")[-1].state == "COMPLETED", "evaluate ends")
    hidden = summary.rename(folder / "not-yet-visible.json")
    until(lambda: "missing files" in again.text(), "Snakemake waits for the file")
    hidden.rename(summary)
    text = again.succeeds()
    assert "Trying to restart job" not in text
    assert {job.rule for job in again.jobs()} == {
        *(f"rule_evaluate_snapshot_wildcards_test-{number:04}" for number in range(2)),
        "rule_surrogate", "rule_evaluate", "rule_report",
    }  # fmt: skip
    assert (folder / "results/search/choice.json").stat().st_mtime_ns == search
    assert differences(numbers(folder), numbers(finished)) == {}


def what_cannot_work_says_so_in_one_line(
    lab: Lab, finished: Path, place: Path, start: Start
) -> None:
    """A setting that no retry can mend: the job's own words reach the user."""
    folder = without(finished, place / "run", *DOWNSTREAM[1:])
    edit_config(folder, "train", use_gpu=True)
    run = start(folder, TRAININGS[0], "--retries", "0")
    text = run.fails()
    (job,) = run.jobs("rule_train")
    assert (job.partition, job.gpus, job.state) == ("gpu", 1, "FAILED")
    assert "no CUDA device" in text
