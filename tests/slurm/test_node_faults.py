"""Nodes and the controller fail under a run, which goes on and changes no number."""

import signal
import time

import pytest
from cluster import histories, is_on_a_node, saved, stage_processes, until, without
from job_faults import DOWNSTREAM, TRAININGS

pytestmark = [pytest.mark.slurm, pytest.mark.qe]


@pytest.fixture(autouse=True)
def mended(lab):
    """What a failed test left broken is mended."""
    yield
    if not lab.is_up():
        lab.start_controller()
    for line in lab.run("sinfo", "--noheader", "--Node", "--format=%N %T").splitlines():
        node, state = line.split()
        if state.rstrip("*").startswith(("drain", "down")):
            lab.run("scontrol", "update", f"NodeName={node}", "State=resume")


def test_jobs_and_nodes_and_the_controller_fail(lab, finished, tmp_path, start):
    """One run: a job is cancelled, a node fails, another is drained, the controller restarts."""
    folder = without(finished, tmp_path / "run", *DOWNSTREAM)
    # The trainings wait for a node that takes no jobs.
    lab.run("scontrol", "update", "NodeName=gpu1", "State=drain", "Reason=test")
    requests = ["--set-resources", "train:gpu=1"]
    run = start(folder, *TRAININGS, *requests)

    first = run.job("rule_search_worker", "RUNNING")
    until(lambda: saved(folder, "search"), "the search gets to work")
    lab.run("scancel", str(first.number))
    second = run.job("rule_search_worker", "RUNNING")
    assert second.number != first.number
    until(lambda: stage_processes(folder, "search_worker"), "the search goes on")
    node = second.fields["NodeList"]
    # The node comes back by itself as soon as its slurmd answers. For two minutes Slurm would hold
    # the job, lest the old one is not over.
    lab.run("scontrol", "update", f"NodeName={node}", "State=down", "Reason=test")
    assert run.job("rule_search_worker", "PENDING").number == second.number
    until(lambda: not is_on_a_node(second), "the node ends the job")
    # A moment more: the node takes no job that it has not forgotten.
    lab.run("scontrol", "update", f"JobId={second.number}", "StartTime=now+8")

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
    states = {job.number: job.state for job in run.jobs("rule_search_worker")}
    assert states[first.number] == "CANCELLED"
    by_number = {job.number: job for job in run.jobs()}
    assert by_number[second.number].restarts == 1, "Slurm itself put it back to the queue"
    assert {job.rule for job in run.jobs()} == {
        "rule_search_worker_wildcards_0", "rule_search",
        "rule_train_wildcards_0", "rule_train_wildcards_1",
    }  # fmt: skip
