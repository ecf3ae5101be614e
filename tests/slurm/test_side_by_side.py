"""Runs of several users at a time, each with a fault of its own, in a folder of its own."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from cluster import starting
from environment_modules import a_loaded_module_brings_quantum_espresso_to_the_jobs
from job_faults import (
    snakemake_is_killed_and_files_come_late,
    too_little_memory_and_time,
    what_cannot_work_says_so_in_one_line,
)
from search_workers import four_workers_complete_the_budget_whoever_dies

pytestmark = [pytest.mark.slurm, pytest.mark.qe]
CASES = (
    too_little_memory_and_time,
    snakemake_is_killed_and_files_come_late,
    what_cannot_work_says_so_in_one_line,
    four_workers_complete_the_budget_whoever_dies,
    a_loaded_module_brings_quantum_espresso_to_the_jobs,
)


@pytest.fixture(scope="module")
def outcomes(lab, finished, tmp_path_factory) -> Iterator[dict[str, Future[None]]]:
    """All cases at once: what they do most of the time is wait."""
    with ThreadPoolExecutor(len(CASES)) as pool, starting(lab) as start:
        yield {
            case.__name__: pool.submit(
                case, lab, finished, tmp_path_factory.mktemp(case.__name__), start
            )
            for case in CASES
        }


@pytest.mark.parametrize("case", [case.__name__ for case in CASES])
def test_case(outcomes, case):
    outcomes[case].result()
