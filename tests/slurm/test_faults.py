"""What clusters do to jobs: each fault is made, observed, and changes no number."""

import signal
import time
from pathlib import Path

import pytest
from cluster import is_on_a_node, stage_processes, until, without
from tiny_workflow import differences, edit_config, numbers

pytestmark = [pytest.mark.slurm, pytest.mark.qe]
TRAININGS = ["results/train/0/model.pt", "results/train/1/model.pt"]
DOWNSTREAM = ("search", "train", "surrogate", "evaluate", "report")


def histories(folder: Path) -> dict[str, str]:
    """The numbers of a run whose targets are the trainings."""
    tables = [*sorted((folder / "results/train").rglob("history.csv"))]
    tables.append(folder / "results/search/trials.csv")
    return {str(path.relative_to(folder)): path.read_text() for path in tables}


def saved(folder: Path, stage: str) -> bool:
    """Whether a job of the stage has left something from which it could continue."""
    files = (folder / "results/state" / stage).rglob("*")
    return any(path.is_file() and path.stat().st_size > 5000 for path in files)


def test_jobs_and_nodes_and_the_controller_fail(lab, finished, tmp_path, start):
    """One run: a job is cancelled, a node fails, another is drained, the controller restarts."""
    folder = without(finished, tmp_path / "run", *DOWNSTREAM)
    # The trainings wait for a node that takes no jobs.
    lab.run("scontrol", "update", "NodeName=gpu1", "State=drain", "Reason=test")
    requests = ["--set-resources", "train:gpu=1"]
    run = start(folder, *TRAININGS, *requests)

    first = run.job("rule_search", "RUNNING")
    until(lambda: saved(folder, "search"), "the search gets to work")
    lab.run("scancel", str(first.number))
    second = run.job("rule_search", "RUNNING")
    assert second.number != first.number
    until(lambda: stage_processes(folder, "search"), "the search goes on")
    node = second.fields["NodeList"]
    # The node comes back by itself as soon as its slurmd answers. For two minutes Slurm would hold
    # the job, lest the old one is not over.
    lab.run("scontrol", "update", f"NodeName={node}", "State=down", "Reason=test")
    assert run.job("rule_search", "PENDING").number == second.number
    until(lambda: not is_on_a_node(second), "the node ends the job")
    lab.run("scontrol", "update", f"JobId={second.number}", "StartTime=now")

    waiting = run.job("rule_train", "PENDING")
    assert waiting.partition == "gpu"
    lab.run("scontrol", "update", "NodeName=gpu1", "State=resume")
    until(lambda: saved(folder, "train"), "a training gets to work")
    lab.end_daemon("slurmctld", how=signal.SIGKILL)
    time.sleep(3)
    lab.start_controller()

    text = run.succeeds()
    assert histories(folder) == histories(finished)
    assert text.count("Trying to restart job") == 1, "the cancelled job, and none else"
    states = {job.number: job.state for job in run.jobs("rule_search")}
    assert states[first.number] == "CANCELLED"
    by_number = {job.number: job for job in run.jobs()}
    assert by_number[second.number].restarts == 1, "Slurm itself put it back to the queue"
    assert {job.rule for job in run.jobs()} == {
        "rule_search", "rule_train_wildcards_0", "rule_train_wildcards_1"
    }  # fmt: skip


def test_too_little_memory_and_time(lab, finished, tmp_path, start):
    """The first attempt is killed for its memory, the second for its time; the third goes on.

    Beside it runs what no retry can mend: the job's own words reach the user, in one line.
    """
    hopeless_folder = without(finished, tmp_path / "hopeless", *DOWNSTREAM[1:])
    edit_config(hopeless_folder, "train", use_gpu=True)
    hopeless = start(hopeless_folder, TRAININGS[0], "--retries", "0")
    folder = without(finished, tmp_path / "run", *DOWNSTREAM[1:])
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

    assert "no CUDA device" in hopeless.fails()
    (job,) = hopeless.jobs("rule_train")
    assert (job.partition, job.gpus, job.state) == ("gpu", 1, "FAILED")


def test_snakemake_is_killed_and_files_come_late(lab, finished, tmp_path, start):
    """Jobs outlive their Snakemake; the next one finds what is finished and does the rest."""
    folder = without(finished, tmp_path / "run", *DOWNSTREAM)
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
