"""Four workers of one study, each a Slurm job, and one of them is cancelled in its trial."""

import csv
from pathlib import Path

from cluster import Start, saved, until, without
from job_faults import DOWNSTREAM
from slurm_lab import Lab
from tiny_workflow import edit_config, snakemake

CHOICE = "results/search/choice.json"
TRIALS = 8


def shared_search(finished: Path, folder: Path) -> Path:
    """A run in which the search is still to be done, by four workers."""
    folder = without(finished, folder, *DOWNSTREAM)
    edit_config(folder, "search", workers=4, trials=TRIALS, grace_seconds=10)
    return folder


def four_workers_complete_the_budget_whoever_dies(
    lab: Lab, finished: Path, place: Path, start: Start
) -> None:
    """The budget is met to the trial, and the trials are those of a run at home."""
    folder = shared_search(finished, place / "run")
    run = start(folder, CHOICE)
    until(lambda: len([j for j in run.jobs("search_worker") if j.state == "RUNNING"]) == 4, "four")
    until(lambda: saved(folder, "search"), "a worker gets to work")
    victim = run.job("rule_search_worker", "RUNNING")
    lab.run("scancel", str(victim.number))
    run.succeeds()
    states = {job.number: job.state for job in run.jobs("search_worker")}
    assert states[victim.number] == "CANCELLED"
    assert len(states) == 5, "the cancelled worker was started again, and no other"
    table = (folder / "results/search/trials.csv").read_text()
    numbers = [int(row["trial"]) for row in csv.DictReader(table.splitlines())]
    assert numbers == list(range(TRIALS)), "each trial once, and none beyond the budget"

    at_home = shared_search(finished, place / "at-home")
    done = snakemake(at_home, CHOICE)  # on two cores: never more than two workers at a time
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (at_home / "results/search/trials.csv").read_text() == table
